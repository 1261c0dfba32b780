"""What a look at the hardware yields: frozen values that may cross threads and processes.

Every field of a card is a value or the reason why there is none; a missing value is never shown as zero.
Units are in the names: bytes, percent (0 to 100), celsius, watts, MHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Absence(StrEnum):
    """Why a value is missing."""

    NOT_SUPPORTED = "not_supported"
    NO_PERMISSION = "no_permission"
    OLD_DRIVER = "old_driver"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Value:
    """A number, or the reason why there is none. Exactly one of the two is set."""

    number: float | None = None
    absence: Absence | None = None

    @property
    def known(self) -> bool:
        return self.number is not None


class NvidiaState(StrEnum):
    """What the NVIDIA driver answered as a whole; each has words of its own in `hardware.limits`."""

    READY = "ready"
    NO_DRIVER = "no_driver"
    NO_GPU = "no_gpu"
    NO_PERMISSION = "no_permission"
    MISMATCH = "mismatch"  # the driver was updated, its library and kernel module disagree: restart
    LOST = "lost"  # every card fell off the bus
    UNRESPONSIVE = "unresponsive"  # a call hangs; the monitor's process was or will be restarted
    CRASHED = "crashed"  # the driver library ended the monitor's process
    FAILED = "failed"  # any other code; `detail` names it
    STARTING = "starting"  # no answer yet


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that holds memory of a card."""

    pid: int
    name: str
    user: str
    memory_bytes: Value
    kind: str  # "compute" or "graphics"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA card at one moment."""

    index: int  # NVML's order, not CUDA's
    uuid: str
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
class Nvidia:
    """All cards at one moment, and what the driver says of itself."""

    state: NvidiaState
    gpus: tuple[Gpu, ...] = ()
    driver_version: str = ""
    cuda_version: str = ""
    detail: str = ""  # the driver's own words, untranslated


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system."""

    mount: str
    used_bytes: int
    free_bytes: int
    total_bytes: int


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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment. `time` is in seconds since the epoch, `monotonic` on the sampler's steady clock."""

    time: float
    monotonic: float
    host: Host
    nvidia: Nvidia
