"""A card of which nothing is known but that it is there, to be filled in with what is."""

from __future__ import annotations

from aienv_gui.hardware.readings import Absence, Ecc, Gpu, Link, Maker, Thresholds, Value


def blank(maker: Maker, *, index: int, bus: str, name: str, absence: Absence, uuid: str = "") -> Gpu:
    """A card all of whose values are missing for the same reason."""
    none = Value(absence=absence)
    return Gpu(
        index=index,
        uuid=uuid or bus,
        name=name,
        maker=maker,
        bus=bus,
        lost=absence is Absence.LOST,
        asleep=absence is Absence.ASLEEP,
        utilisation_percent=none,
        memory_used_bytes=none,
        memory_total_bytes=none,
        memory_free_bytes=none,
        memory_reserved_bytes=none,
        memory_controller_percent=none,
        encoder_percent=none,
        decoder_percent=none,
        temperature_celsius=none,
        memory_temperature_celsius=none,
        hotspot_celsius=none,
        thresholds=Thresholds(none, none, none, none),
        power_watts=none,
        power_limit_watts=none,
        energy_joules=none,
        clock_mhz=none,
        clock_max_mhz=none,
        memory_clock_mhz=none,
        memory_clock_max_mhz=none,
        fan_percent=none,
        link=Link(none, none, none, none, none, none),
        ecc=Ecc(absence, none, none, absence),
        performance_state=none,
        throttle=absence,
        compute_mode=absence,
        persistence=absence,
        processes=(),
        processes_absence=absence,
    )
