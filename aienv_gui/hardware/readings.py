"""What a look at the hardware yields: frozen values that may cross threads and processes.

Every field of a card is a value or the reason why there is none; a missing value is never shown as zero.
Units are in the names: bytes, percent (0 to 100), celsius, watts, joules, MHz; rates are per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final


class Absence(StrEnum):
    """Why a value is missing."""

    NOT_SUPPORTED = "not_supported"
    NO_PERMISSION = "no_permission"
    OLD_DRIVER = "old_driver"
    LOST = "lost"
    FAILED = "failed"
    IN_WSL = "in_wsl"  # Windows does not pass it on to Linux
    VIRTUAL_CARD = "virtual_card"  # a vGPU: the host knows it, the guest does not
    SPLIT_CARD = "split_card"  # MIG: told for each instance or not at all
    NO_LIBRARY = "no_library"  # the maker's own library is not installed
    NOT_TOLD = "not_told"  # the system does not tell it, and nothing else is asked about this maker's cards
    ASLEEP = "asleep"  # looking would wake the card
    NOT_YET = "not_yet"  # it is asked for less often, and its turn has not come


@dataclass(frozen=True, slots=True)
class Value:
    """A number, or the reason why there is none. Exactly one of the two is set."""

    number: float | None = None
    absence: Absence | None = None

    @property
    def known(self) -> bool:
        return self.number is not None


UNSUPPORTED: Final = Value(absence=Absence.NOT_SUPPORTED)


class Maker(StrEnum):
    """Who made a card, and so whose library reads it."""

    NVIDIA = "nvidia"
    AMD = "amd"
    INTEL = "intel"
    APPLE = "apple"


class DriverState(StrEnum):
    """What a maker's driver answered as a whole; each has words of its own in `hardware.limits`."""

    READY = "ready"
    NO_DRIVER = "no_driver"
    NO_LIBRARY = "no_library"  # the cards work; the library that reads them is missing
    NO_GPU = "no_gpu"
    NO_PERMISSION = "no_permission"
    MISMATCH = "mismatch"  # the driver was updated, its library and kernel module disagree: restart
    LOST = "lost"  # every card fell off the bus
    UNRESPONSIVE = "unresponsive"  # a call hangs; the monitor's process was or will be restarted
    CRASHED = "crashed"  # the driver library ended the monitor's process
    FAILED = "failed"  # any other code; `detail` names it
    STARTING = "starting"  # no answer yet


class Throttle(StrEnum):
    """Why a card's clock is lower than it could be (NVML calls them clock event reasons)."""

    IDLE = "idle"
    APPLICATION_CLOCKS = "application_clocks"  # someone set a fixed clock
    POWER_CAP = "power_cap"  # at its power limit
    HARDWARE = "hardware"  # the card protects itself: heat, power or an external signal
    SYNC_BOOST = "sync_boost"  # waits for the other cards of a group
    HEAT = "heat"  # the driver lowers it for the temperature
    HARDWARE_HEAT = "hardware_heat"  # the card lowers it for the temperature, by half or more
    POWER_BRAKE = "power_brake"  # the power supply asked for less
    DISPLAY = "display"  # the screen's clock rules


class ComputeMode(IntEnum):
    """How many programs may calculate on a card; NVML's numbers."""

    DEFAULT = 0
    PROHIBITED = 2
    EXCLUSIVE = 3  # one process


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that holds memory of a card.

    `started` (seconds since the epoch) tells it from a later one with the same number; None where the system shows
    nothing of it: another user's, another namespace's (a container sees the numbers of its host).
    """

    pid: int
    name: str
    user: str
    memory_bytes: Value
    kind: str  # "compute" or "graphics"
    command: tuple[str, ...] = ()
    utilisation_percent: Value = UNSUPPORTED  # of the card, by this process
    cpu_percent: Value = UNSUPPORTED  # of one core
    host_memory_bytes: Value = UNSUPPORTED
    started: float | None = None
    own: bool = False  # this user's: may be ended
    prefix: str = ""  # of the environment that was activated where it was started, as far as we may see
    parents: tuple[int, ...] = ()  # who started it, and who started those, the nearest first


@dataclass(frozen=True, slots=True)
class Link:
    """How a card is connected. Rates are of the last look at them, every few seconds."""

    generation: Value = UNSUPPORTED
    generation_max: Value = UNSUPPORTED
    width: Value = UNSUPPORTED  # lanes
    width_max: Value = UNSUPPORTED
    received_bytes_s: Value = UNSUPPORTED  # by the card
    sent_bytes_s: Value = UNSUPPORTED


@dataclass(frozen=True, slots=True)
class NvLink:
    """One NVLink of a card."""

    number: int
    active: bool
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Ecc:
    """Memory errors that the card noticed since its driver was loaded, and whether it waits for a restart to repair."""

    enabled: bool | Absence = Absence.NOT_SUPPORTED
    corrected: Value = UNSUPPORTED
    uncorrected: Value = UNSUPPORTED
    repair_pending: bool | Absence = Absence.NOT_SUPPORTED


@dataclass(frozen=True, slots=True)
class Thresholds:
    """At which temperatures a card acts, in celsius."""

    slowdown: Value = UNSUPPORTED
    shutdown: Value = UNSUPPORTED
    target: Value = UNSUPPORTED  # the highest it aims to stay at
    memory: Value = UNSUPPORTED


@dataclass(frozen=True, slots=True)
class MigInstance:
    """A part of a card that works like a card of its own."""

    uuid: str
    profile: str  # "1g.5gb"
    memory_used_bytes: Value
    memory_total_bytes: Value


@dataclass(frozen=True, slots=True)
class Xid:
    """An error that the driver logged for a card: NVIDIA's number, and when (seconds since the epoch)."""

    code: int
    time: float


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card at one moment, whoever made it."""

    index: int  # the library's order, not CUDA's
    uuid: str  # or the bus address where there is none; stable over looks
    name: str
    lost: bool
    utilisation_percent: Value
    memory_used_bytes: Value
    memory_total_bytes: Value
    temperature_celsius: Value
    power_watts: Value
    power_limit_watts: Value
    clock_mhz: Value
    clock_max_mhz: Value
    memory_clock_mhz: Value
    fan_percent: Value
    processes: tuple[GpuProcess, ...]
    processes_absence: Absence | None = None
    compute_capability: tuple[int, int] | None = None
    maker: Maker = Maker.NVIDIA
    bus: str = ""  # PCI address, 0000:01:00.0
    virtual: bool = False  # a vGPU
    memory_controller_percent: Value = UNSUPPORTED  # share of the time in which memory was read or written
    encoder_percent: Value = UNSUPPORTED
    decoder_percent: Value = UNSUPPORTED
    memory_free_bytes: Value = UNSUPPORTED
    memory_reserved_bytes: Value = UNSUPPORTED  # kept by the driver, neither used nor free
    memory_temperature_celsius: Value = UNSUPPORTED
    hotspot_celsius: Value = UNSUPPORTED  # AMD: the hottest place of the chip, by which it slows down
    thresholds: Thresholds = Thresholds()
    energy_joules: Value = UNSUPPORTED  # since the driver was loaded
    memory_clock_max_mhz: Value = UNSUPPORTED
    link: Link = Link()
    nvlinks: tuple[NvLink, ...] | Absence = Absence.NOT_SUPPORTED
    ecc: Ecc = Ecc()
    performance_state: Value = UNSUPPORTED  # 0 (fastest) to 15
    performance_level: str = ""  # AMD: who chooses the clocks, in the driver's word: auto, low, high, manual
    throttle: frozenset[Throttle] | Absence = Absence.NOT_SUPPORTED
    compute_mode: ComputeMode | Absence = Absence.NOT_SUPPORTED
    persistence: bool | Absence = Absence.NOT_SUPPORTED  # whether the driver stays loaded without programs
    mig_enabled: bool | Absence = Absence.NOT_SUPPORTED
    mig: tuple[MigInstance, ...] = ()
    partition: str = ""  # AMD: how the card is divided for calculating (SPX: not at all); "" where it cannot be
    xid: Xid | None = None  # the newest one since we look
    asleep: bool = False  # a laptop's second card, powered down: nothing was asked of it

    @property
    def refused(self) -> bool:
        """Whether the system does not let us look at it, nor use it."""
        no = Absence.NO_PERMISSION
        return self.utilisation_percent.absence is no and self.memory_total_bytes.absence is no

    @property
    def usable(self) -> bool:
        """Whether a training could run on it, as far as can be seen from here."""
        return not self.lost and not self.refused


@dataclass(frozen=True, slots=True)
class Driver:
    """All cards of one maker at one moment, and what the driver says of itself."""

    state: DriverState
    gpus: tuple[Gpu, ...] = ()
    driver_version: str = ""
    cuda_version: str = ""  # NVIDIA: the newest CUDA it can run; AMD: ROCm's version
    detail: str = ""  # the driver's own words, untranslated
    maker: Maker = Maker.NVIDIA
    silent_since: float | None = None  # seconds since the epoch: when it last answered, while it does not


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system. `answers` is false for one that did not in time; its figures are the last known ones."""

    mount: str
    used_bytes: int
    free_bytes: int
    total_bytes: int
    read_bytes_s: Value = UNSUPPORTED
    written_bytes_s: Value = UNSUPPORTED
    busy_percent: Value = UNSUPPORTED
    answers: bool = True


@dataclass(frozen=True, slots=True)
class Network:
    """A network connection that is up."""

    name: str
    received_bytes_s: float
    sent_bytes_s: float
    speed_bytes_s: float | None = None  # what it could carry


@dataclass(frozen=True, slots=True)
class Pressure:
    """Linux: the share of the last ten seconds in which programs waited, in percent (some of them, or all)."""

    cpu_some: float
    memory_some: float
    memory_full: float
    io_some: float
    io_full: float


@dataclass(frozen=True, slots=True)
class Battery:
    percent: float
    plugged: bool
    seconds_left: float | None = None  # None: charging, or not known yet


@dataclass(frozen=True, slots=True)
class Container:
    """What a container or a control group allows; None where it sets no limit."""

    kind: str  # docker, podman, kubernetes, lxc, "" for a plain control group
    cpu_cores: float | None
    memory_limit_bytes: int | None
    memory_used_bytes: int | None


@dataclass(frozen=True, slots=True)
class OwnCost:
    """What AIEnv itself takes, its window and its monitors together."""

    cpu_percent: float  # of one core
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Host:
    """The machine without its cards, at one moment. Rates are per second since the sample before."""

    cpu_name: str
    cpu_percent: float
    core_percents: tuple[float, ...]
    frequency_mhz: float | None
    memory_used_bytes: int
    memory_total_bytes: int
    swap_used_bytes: int
    swap_total_bytes: int
    disks: tuple[Disk, ...]
    disk_read_bytes_s: float
    disk_written_bytes_s: float
    network_received_bytes_s: float
    network_sent_bytes_s: float
    cpu_celsius: Value = UNSUPPORTED
    load_average: tuple[float, float, float] | None = None  # 1, 5, 15 minutes; None on Windows
    swapped_bytes_s: float = 0.0  # in and out together
    pressure: Pressure | None = None
    networks: tuple[Network, ...] = ()
    battery: Battery | None = None
    container: Container | None = None
    own: OwnCost | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment. `time` is in seconds since the epoch, `monotonic` on the sampler's steady clock.

    `nvidia` is always there, since it is what most trainings ask for; `others` holds the drivers of the other makers
    whose cards are in the machine.
    """

    time: float
    monotonic: float
    host: Host
    nvidia: Driver
    others: tuple[Driver, ...] = ()

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The cards of all makers, NVIDIA's first."""
        return tuple(gpu for driver in (self.nvidia, *self.others) for gpu in driver.gpus)
