"""Intel's cards as Linux shows them (drivers i915 and xe): clock, load, heat, power. No library of Intel's is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from aienv_gui.hardware.cards.blank import blank
from aienv_gui.hardware.cards.bus import BusCard, cards_on_bus
from aienv_gui.hardware.cards.kernel_link import read_link
from aienv_gui.hardware.cards.pci_names import name_of
from aienv_gui.hardware.cards.power_saving import is_asleep
from aienv_gui.hardware.cards.sysfs import first_number, labelled, number, sensors, text
from aienv_gui.hardware.readings import Absence, Driver, DriverState, Gpu, Maker, Throttle, Value

_NOT_TOLD: Final = Absence.NOT_TOLD
_HOTTEST: Final = 150.0
_MOST_WATTS: Final = 5_000.0
_MOST_MHZ: Final = 20_000.0
_BUS_EVERY_S: Final = 30.0
# By the names of the kernel's files behind `reason_` (xe) or `throttle_reason_` (i915).
_REASONS: Final = {
    "pl1": Throttle.POWER_CAP,
    "pl2": Throttle.POWER_CAP,
    "pl4": Throttle.POWER_CAP,
    "ratl": Throttle.HARDWARE,
    "thermal": Throttle.HEAT,
    "prochot": Throttle.HARDWARE,
    "vr_thermalert": Throttle.HARDWARE_HEAT,
    "vr_tdc": Throttle.POWER_CAP,
}


class _Rate:
    """How fast a counter goes, per second since the look before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._before: tuple[float, float] | None = None

    def of(self, count: Value) -> Value:
        if count.number is None:
            return count
        now = self._clock()
        before, self._before = self._before, (now, count.number)
        if before is None or now <= before[0] or count.number < before[1]:
            return Value(absence=Absence.NOT_YET)
        return Value((count.number - before[1]) / (now - before[0]))


class IntelReader:
    """`read` takes about a millisecond a card. `root` is the system's, or a test's; `clock` a steady one in seconds."""

    def __init__(self, *, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._cards: tuple[BusCard, ...] = ()
        self._bus_at: float | None = None
        self._rates: dict[str, tuple[_Rate, _Rate]] = {}  # by address: of energy, of time without work

    def read(self) -> Driver:
        """Look at every card once."""
        if self._bus_at is None or self._clock() - self._bus_at >= _BUS_EVERY_S:
            self._bus_at = self._clock()
            self._cards = tuple(card for card in cards_on_bus(self._root, Maker.INTEL) if card.calculates)
        gpus = tuple(self._look(index, card) for index, card in enumerate(self._cards))
        if not gpus:
            state = DriverState.NO_GPU
        elif all(gpu.lost for gpu in gpus):
            state = DriverState.LOST
        else:
            state = DriverState.READY if any(card.driver for card in self._cards) else DriverState.NO_DRIVER
        return Driver(state, gpus, maker=Maker.INTEL)

    def _look(self, index: int, card: BusCard) -> Gpu:
        absence = _NOT_TOLD
        if not card.device.exists():
            absence = Absence.LOST
        elif is_asleep(card.device.parent, card.address):
            absence = Absence.ASLEEP
        gpu = blank(Maker.INTEL, index=index, bus=card.address, name=name_of(card, self._root), absence=absence)
        if absence is not _NOT_TOLD or card.screen is None:
            return gpu
        if card.driver == "xe":
            gpu = self._with_clock(gpu, _Xe(card.device / "tile0/gt0"))
        else:
            gpu = self._with_clock(gpu, _I915(card.screen))
        return self._with_sensors(replace(gpu, link=read_link(card.device, silent=_NOT_TOLD)), sensors(card.device))

    def _with_clock(self, gpu: Gpu, place: _Xe | _I915) -> Gpu:
        _, resting = self._rates.setdefault(gpu.bus, (_Rate(self._clock), _Rate(self._clock)))
        return replace(
            gpu,
            clock_mhz=first_number(*place.now, silent=_NOT_TOLD, most=_MOST_MHZ),
            clock_max_mhz=first_number(*place.most, silent=_NOT_TOLD, most=_MOST_MHZ),
            throttle=_throttle(place.throttle, place.reason),
            utilisation_percent=_awake(first_number(*place.resting, silent=_NOT_TOLD), resting),
        )

    def _with_sensors(self, gpu: Gpu, folder: Path) -> Gpu:
        energy, _ = self._rates[gpu.bus]
        chip, memory = labelled(folder, "temp", "pkg"), labelled(folder, "temp", "vram")
        joules = number(folder / "energy1_input", silent=_NOT_TOLD, factor=1e-6)
        watts = energy.of(joules)
        return replace(
            gpu,
            temperature_celsius=_celsius(chip or folder / "temp1"),
            memory_temperature_celsius=_celsius(memory) if memory is not None else Value(absence=_NOT_TOLD),
            energy_joules=joules,
            power_watts=watts if (watts.number or 0.0) <= _MOST_WATTS else Value(absence=Absence.FAILED),
            power_limit_watts=first_number(
                folder / "power1_max",
                folder / "power1_rated_max",
                silent=_NOT_TOLD,
                factor=1e-6,
                most=_MOST_WATTS,
            ),
        )


class _Xe:
    """Where the driver xe keeps what it knows of a card's engine."""

    reason = "reason_"

    def __init__(self, engine: Path) -> None:
        clock = engine / "freq0"
        self.now = (clock / "act_freq",)
        self.most = (clock / "rp0_freq", clock / "max_freq")
        self.throttle = clock / "throttle"
        self.resting = (engine / "gtidle/idle_residency_ms",)


class _I915:
    """Where the driver i915 keeps it, in kernels since 5.18 and in older ones."""

    reason = "throttle_reason_"

    def __init__(self, screen: Path) -> None:
        engine = screen / "gt/gt0"
        self.now = (engine / "rps_act_freq_mhz", screen / "gt_act_freq_mhz")
        self.most = (engine / "rps_RP0_freq_mhz", screen / "gt_RP0_freq_mhz", screen / "gt_max_freq_mhz")
        self.throttle = engine
        self.resting = (engine / "rc6_residency_ms", screen / "power/rc6_residency_ms")


def _awake(resting_ms: Value, rate: _Rate) -> Value:
    """The share of the time in which the engine was awake: the nearest to a load that the kernel tells without rights.

    A counter that never moves belongs to a system that does not let its engine rest.
    """
    if not resting_ms.number:
        return resting_ms if resting_ms.absence is not None else Value(absence=Absence.NOT_SUPPORTED)
    resting = rate.of(resting_ms)
    return resting if resting.number is None else Value(min(max(100.0 - resting.number / 10.0, 0.0), 100.0))


def _throttle(folder: Path, prefix: str) -> frozenset[Throttle] | Absence:
    files = sorted(folder.glob(f"{prefix}*"))
    if not files:
        return _NOT_TOLD
    names = [file.name.removeprefix(prefix) for file in files if text(file) == "1"]
    return frozenset(_REASONS[name] for name in names if name in _REASONS)


def _celsius(sensor: Path) -> Value:
    return number(sensor.with_name(f"{sensor.name}_input"), silent=_NOT_TOLD, factor=1e-3, most=_HOTTEST)
