"""NVIDIA cards through NVML (nvidia-ml-py): every field a value or the reason why there is none.

For the monitor's small process only: a driver may hang or crash whoever calls it. The library is initialised once
(that takes up to 1.5 s without persistence mode); cards are known by UUID, a lost one stays in the list and is looked
up again. A session keeps the second card of a laptop awake, so it is closed while that has nothing to do.
"""

from __future__ import annotations

import ctypes
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pynvml

from aienv_gui.hardware.cards.bus import BusCard, bus_is_told, cards_on_bus
from aienv_gui.hardware.cards.nvidia_card import CardReader
from aienv_gui.hardware.cards.nvidia_processes import ProcessReader
from aienv_gui.hardware.cards.nvml_calls import ABSENCES, SESSION_ENDED, Calls
from aienv_gui.hardware.cards.power_saving import is_asleep, may_sleep, model_of
from aienv_gui.hardware.readings import Absence, Driver, DriverState, Gpu, Maker, Value, Xid

_RETRY_S: Final = 10.0  # how often a driver that does not answer, or a lost card, is tried again
_TRAFFIC_EVERY: Final = 10  # looks, between two of the same rate over the bus: each costs the driver 20 ms
_LOOK_AT_SLEEPERS_S: Final = 5.0
_IDLE_BEFORE_SLEEP_S: Final = 60.0  # without anything to do, before a card that may sleep is left alone
_TO_FALL_ASLEEP_S: Final = 30.0  # after which a card that stays awake all the same is looked at again
_MOST_EVENTS: Final = 16  # in one look

_STATES: Final = {
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: DriverState.NO_DRIVER,
    pynvml.NVML_ERROR_NO_PERMISSION: DriverState.NO_PERMISSION,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: DriverState.MISMATCH,
    pynvml.NVML_ERROR_GPU_IS_LOST: DriverState.LOST,
}


@dataclass(slots=True)
class _Card:
    """What is known of a card between two looks. `reader` is None while it is lost or refused."""

    index: int
    uuid: str = ""
    name: str = ""
    bus: str = ""
    handle: Any = None
    reader: CardReader | None = None
    absence: Absence | None = None  # why there is no reader
    retry_at: float = 0.0
    compute_capability: tuple[int, int] | None = None
    xid: Xid | None = None
    busy_at: float = 0.0
    may_sleep: bool = False


class NvidiaReader:
    """One session with the driver. `read` takes milliseconds, may hang or crash inside the driver, and never raises.

    `root` is the system's, or a test's; `clock` is a steady one in seconds, `wall` tells seconds since the epoch.
    """

    def __init__(
        self,
        *,
        root: Path = Path("/"),
        retry_s: float = _RETRY_S,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._pci_devices = root / "sys/bus/pci/devices"
        self._retry_s = retry_s
        self._clock = clock
        self._wall = wall
        self._cards: list[_Card] | None = None  # None: no session
        self._instead = Driver(DriverState.STARTING)  # what is answered without a session
        self._retry_at = 0.0
        self._driver_version = ""
        self._cuda_version = ""
        self._missing: set[tuple[Callable[..., Any], bool]] = set()  # calls that this driver does not know
        self._processes: ProcessReader | None = None
        self._events: Any = None  # where the driver reports Xid errors
        self._in_wsl = "microsoft" in platform.release().lower()
        self._resting_until: float | None = None  # no session, so that the cards may fall asleep
        self._looks = 0

    def read(self) -> Driver:
        """Look at every card once."""
        if self._cards is None and self._clock() >= self._retry_at:
            sleepers = self._sleepers()
            if sleepers is None:
                self._open()
            else:
                self._instead = sleepers
                self._retry_at = self._clock() + _LOOK_AT_SLEEPERS_S
        if self._cards is None:
            return self._instead
        try:
            self._read_events(self._cards)
            gpus = tuple(self._look(card) for card in self._cards)
            self._read_traffic(self._cards)
        except pynvml.NVMLError as error:  # the session as a whole has ended
            self._fail(error)
            return self._instead
        if self._processes is not None:
            self._processes.forget_ended()
        self._rest_if_idle(self._cards, gpus)
        return Driver(_state(gpus), gpus, self._driver_version, self._cuda_version)

    # The session

    def _open(self) -> None:
        try:
            pynvml.nvmlInit()
            self._driver_version = pynvml.nvmlSystemGetDriverVersion()
            self._cuda_version = self._cuda()
            self._processes = ProcessReader(self._driver_version, self._root, self._clock)
            self._events = self._event_set()
            self._cards = [self._find(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            self._fail(error)

    def _fail(self, error: pynvml.NVMLError) -> None:
        state = _STATES.get(error.value, DriverState.FAILED)
        if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            none = bus_is_told(self._root) and not cards_on_bus(self._root, Maker.NVIDIA)
            state = DriverState.NO_GPU if none else DriverState.NO_DRIVER
        self._instead = Driver(state, driver_version=self._driver_version, detail=f"{error} ({error.value})")
        self._cards = None
        self._events = None
        self._retry_at = self._clock() + self._retry_s

    def _cuda(self) -> str:
        try:
            version = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        except pynvml.NVMLError:  # only a nicety
            return ""
        return f"{version // 1000}.{version % 1000 // 10}"

    # Cards that sleep

    def _sleepers(self) -> Driver | None:
        """Without a session: the cards as the kernel knows them, where all of them sleep or are falling asleep."""
        on_bus = cards_on_bus(self._root, Maker.NVIDIA)
        if not self._all_may_sleep(on_bus):
            return None
        if all(is_asleep(self._pci_devices, card.address) for card in on_bus):
            self._resting_until = None
        elif self._resting_until is None or self._clock() >= self._resting_until:
            self._resting_until = None
            return None
        gpus = tuple(self._sleeping(index, card) for index, card in enumerate(on_bus))
        return Driver(DriverState.READY, gpus, self._driver_version, self._cuda_version)

    def _all_may_sleep(self, on_bus: Sequence[BusCard]) -> bool:
        return bool(on_bus) and all(may_sleep(self._pci_devices, card.address) for card in on_bus)

    def _sleeping(self, index: int, card: BusCard) -> Gpu:
        name, uuid = model_of(self._root / "proc", card.address)
        return replace(_absent(_Card(index, uuid or card.address, name, card.address), Absence.ASLEEP), asleep=True)

    def _rest_if_idle(self, cards: list[_Card], gpus: tuple[Gpu, ...]) -> None:
        """Close the session where it is all that keeps the cards awake."""
        now = self._clock()
        for card, gpu in zip(cards, gpus, strict=True):
            if gpu.processes or (gpu.utilisation_percent.number or 0.0) > 0:
                card.busy_at = now
        if not cards or any(now - card.busy_at < _IDLE_BEFORE_SLEEP_S for card in cards):
            return
        if not self._all_may_sleep(cards_on_bus(self._root, Maker.NVIDIA)):
            for card in cards:
                card.busy_at = now  # look at the bus again after a while, not at each look
            return
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
        self._cards = self._events = None
        self._resting_until = now + _TO_FALL_ASLEEP_S
        self._instead = Driver(_state(gpus), gpus, self._driver_version, self._cuda_version)
        self._retry_at = now + _LOOK_AT_SLEEPERS_S

    # Cards

    def _find(self, index: int) -> _Card:
        card = _Card(index)
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            card.uuid = pynvml.nvmlDeviceGetUUID(handle)
            card.name = pynvml.nvmlDeviceGetName(handle)
            self._take(card, handle)
        except pynvml.NVMLError as error:
            self._lose(card, error)
            card.uuid = card.uuid or f"index-{index}"
        return card

    def _take(self, card: _Card, handle: Any) -> None:
        """Read a card through this handle from now on."""
        with suppress(pynvml.NVMLError):
            card.bus = _address(pynvml.nvmlDeviceGetPciInfo_v3(handle).busId)
            card.may_sleep = may_sleep(self._pci_devices, card.bus)
        with suppress(pynvml.NVMLError):  # not on Windows, not in WSL
            if self._events is not None:
                pynvml.nvmlDeviceRegisterEvents(handle, pynvml.nvmlEventTypeXidCriticalError, self._events)
        assert self._processes is not None
        unsupported = Absence.IN_WSL if self._in_wsl else Absence.NOT_SUPPORTED
        card.handle, card.absence, card.busy_at = handle, None, self._clock()
        card.reader = CardReader(Calls(handle, self._missing), self._processes, unsupported=unsupported)

    def _lose(self, card: _Card, error: pynvml.NVMLError) -> None:
        if error.value in SESSION_ENDED:
            raise error
        card.handle = card.reader = None
        card.absence = ABSENCES.get(error.value, Absence.FAILED)
        card.retry_at = self._clock() + self._retry_s

    def _find_again(self, card: _Card) -> None:
        """A card that came back has a new handle; the old one must not be used any more."""
        if card.uuid.startswith("index-"):
            found = self._find(card.index)
            card.handle, card.reader, card.absence = found.handle, found.reader, found.absence
            card.uuid, card.name, card.bus, card.retry_at = found.uuid, found.name, found.bus, found.retry_at
            return
        try:
            self._take(card, pynvml.nvmlDeviceGetHandleByUUID(card.uuid))
        except pynvml.NVMLError as error:
            self._lose(card, error)

    def _look(self, card: _Card) -> Gpu:
        if self._asleep(card):
            return replace(_absent(card, Absence.ASLEEP), asleep=True)
        if card.reader is None and self._clock() >= card.retry_at:
            self._find_again(card)
        if card.reader is None:
            return _absent(card, card.absence or Absence.FAILED)
        gpu = card.reader.look(index=card.index, uuid=card.uuid, name=card.name, bus=card.bus, xid=card.xid)
        if gpu is None:
            self._lose(card, pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST))
            return _absent(card, Absence.LOST)
        card.compute_capability = gpu.compute_capability
        return gpu

    def _asleep(self, card: _Card) -> bool:
        return card.may_sleep and is_asleep(self._pci_devices, card.bus)

    def _read_traffic(self, cards: list[_Card]) -> None:
        """One of the costly rates a look, of the cards in turn: no look waits for more than one."""
        number, received = divmod(self._looks % max(_TRAFFIC_EVERY, 2 * len(cards)), 2)
        self._looks += 1
        if number < len(cards):
            reader = cards[number].reader
            if reader is not None and not self._asleep(cards[number]):
                reader.read_traffic(received=bool(received))

    # Xid errors

    def _event_set(self) -> Any:
        try:
            return pynvml.nvmlEventSetCreate()
        except pynvml.NVMLError:  # old drivers, Windows
            return None

    def _read_events(self, cards: list[_Card]) -> None:
        if self._events is None:
            return
        for _ in range(_MOST_EVENTS):
            try:
                event = pynvml.nvmlEventSetWait_v2(self._events, 0)
            except pynvml.NVMLError as error:
                if error.value in SESSION_ENDED:
                    raise
                if error.value != pynvml.NVML_ERROR_TIMEOUT:
                    self._events = None  # it will not get better
                return
            for card in cards:
                if card.handle is not None and _pointer(card.handle) == _pointer(event.device):
                    card.xid = Xid(int(event.eventData), self._wall())


def _pointer(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value


def _address(bus: str | bytes) -> str:
    """The bus address as Linux writes it: ``0000:01:00.0``; NVML writes eight digits for the domain."""
    text = bus.decode("ascii", "replace") if isinstance(bus, bytes) else bus
    domain, _, rest = text.partition(":")
    return f"{domain[-4:]}:{rest}".lower()


def _state(gpus: tuple[Gpu, ...]) -> DriverState:
    if not gpus:
        return DriverState.NO_GPU
    if all(gpu.lost for gpu in gpus):
        return DriverState.LOST
    if not any(gpu.usable for gpu in gpus):
        return DriverState.NO_PERMISSION
    return DriverState.READY


def _absent(card: _Card, absence: Absence) -> Gpu:
    none = Value(absence=absence)
    return Gpu(
        index=card.index,
        uuid=card.uuid,
        name=card.name,
        lost=absence is Absence.LOST,
        utilisation_percent=none,
        memory_used_bytes=none,
        memory_total_bytes=none,
        temperature_celsius=none,
        power_watts=none,
        power_limit_watts=none,
        clock_mhz=none,
        clock_max_mhz=none,
        memory_clock_mhz=none,
        fan_percent=none,
        processes=(),
        processes_absence=absence,
        compute_capability=card.compute_capability,
        bus=card.bus,
        xid=card.xid,
    )
