"""AMD cards: through AMD's library where there is one that fits, else as far as Linux tells."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aienv_gui.hardware.cards.amd_card import CardReader
from aienv_gui.hardware.cards.amd_kernel import read_by_kernel
from aienv_gui.hardware.cards.amd_library import (
    DRIVER_NOT_LOADED,
    AmdCalls,
    LibraryMissing,
    SessionEnded,
    load,
)
from aienv_gui.hardware.cards.blank import blank
from aienv_gui.hardware.cards.bus import BusCard, cards_on_bus
from aienv_gui.hardware.cards.pci_names import name_of
from aienv_gui.hardware.cards.power_saving import is_asleep
from aienv_gui.hardware.cards.sysfs import text
from aienv_gui.hardware.readings import Absence, Driver, DriverState, Gpu, Maker

_RETRY_S: Final = 10.0  # how often a driver that does not answer, or a lost card, is tried again
_BUS_EVERY_S: Final = 30.0  # between two looks whether cards came or went
_NO_PERMISSION: Final = 10


@dataclass(slots=True)
class _Card:
    """What is known of a card between two looks. `reader` is None while it is lost."""

    index: int
    bus: str
    uuid: str
    name: str
    listed: bool  # the kernel had it on the bus when it was found
    reader: CardReader | None
    absence: Absence | None = None  # why there is no reader
    retry_at: float = 0.0


class AmdReader:
    """One session with AMD's library. `read` takes milliseconds, may hang or crash inside the driver, never raises.

    (Once in thirty looks it takes a second with a card of the Vega family: see `CardReader`.)
    `root` is the system's, or a test's; `clock` is a steady one in seconds.
    """

    def __init__(
        self, *, root: Path = Path("/"), retry_s: float = _RETRY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._root = root
        self._devices = root / "sys/bus/pci/devices"
        self._retry_s = retry_s
        self._clock = clock
        self._on_bus = cards_on_bus(root, Maker.AMD)
        self._bus_at = clock()
        self._package: Any = None
        self._missing = ""  # why there is no package, once that is known
        self._cards: list[_Card] | None = None  # None: no session
        self._instead = Driver(DriverState.STARTING, maker=Maker.AMD)  # what is answered without a session
        self._retry_at = 0.0
        self._driver_version = ""
        self._rocm_version = ""

    def read(self) -> Driver:
        """Look at every card once."""
        self._look_at_bus()
        asleep = self._cards is None and self._all_asleep()
        if self._cards is None and not asleep and not self._missing and self._clock() >= self._retry_at:
            self._open()
        if asleep or self._missing:
            return self._by_kernel()
        if self._cards is None:
            return self._instead
        try:
            gpus = tuple(self._look(card) for card in self._cards)
        except SessionEnded as error:
            self._fail(error.code, str(error))
            return self._instead
        return Driver(_state(gpus), gpus, self._driver_version, self._rocm_version, maker=Maker.AMD)

    # The session

    def _open(self) -> None:
        try:
            if self._package is None:
                self._package = load(self._root)
            self._package.amdsmi_init()
            handles = self._package.amdsmi_get_processor_handles()
            self._cards = [self._found(index, handle) for index, handle in enumerate(handles)]
            self._read_versions(handles)
        except LibraryMissing as error:
            self._missing = str(error)
        except OSError as error:  # newer packages look for the library at the first call
            self._missing = str(error)
        except SessionEnded as error:
            self._fail(error.code, str(error))
        except self._package.AmdSmiLibraryException as error:
            self._fail(int(error.get_error_code()), str(error))

    def _fail(self, code: int, words: str) -> None:
        state = {DRIVER_NOT_LOADED: DriverState.NO_DRIVER, _NO_PERMISSION: DriverState.NO_PERMISSION}.get(code)
        detail = f"{' '.join(words.split())} ({code})"
        gpus = self._kernels_cards(Absence.FAILED) if state is DriverState.NO_DRIVER else ()
        self._instead = Driver(state or DriverState.FAILED, gpus, self._driver_version, "", detail, Maker.AMD)
        self._cards = None
        self._retry_at = self._clock() + self._retry_s

    def _read_versions(self, handles: list[Any]) -> None:
        if handles:
            answer, _ = AmdCalls(self._package, handles[0]).ask("get_gpu_driver_info")
            self._driver_version = str((answer or {}).get("driver_version", ""))
        told, version = self._package.amdsmi_get_rocm_version()
        self._rocm_version = version if told else ""

    # Without the library

    def _by_kernel(self) -> Driver:
        if not self._on_bus:
            return Driver(DriverState.NO_GPU, detail=self._missing, maker=Maker.AMD)
        gpus = self._kernels_cards(Absence.NO_LIBRARY)
        version = text(self._root / "sys/module/amdgpu/version")  # of AMD's own module; the kernel's has none
        if not any(card.driver for card in self._on_bus):
            state = DriverState.NO_DRIVER
        else:
            state = DriverState.NO_LIBRARY if self._missing else DriverState.READY
        return Driver(state, gpus, version, "", self._missing, Maker.AMD)

    def _kernels_cards(self, silent: Absence) -> tuple[Gpu, ...]:
        return tuple(
            read_by_kernel(card, index, root=self._root, silent=silent) for index, card in enumerate(self._on_bus)
        )

    def _all_asleep(self) -> bool:
        """Whether there are cards and the library need not be opened, since none of them is awake."""
        return bool(self._on_bus) and all(self._asleep(card.address) for card in self._on_bus)

    def _asleep(self, address: str) -> bool:
        return is_asleep(self._devices, address)

    def _look_at_bus(self) -> None:
        """A card that came or went: the library learns of it in a new session only."""
        if self._clock() - self._bus_at < _BUS_EVERY_S:
            return
        self._bus_at = self._clock()
        before, self._on_bus = self._on_bus, cards_on_bus(self._root, Maker.AMD)
        if _addresses(self._on_bus) - _addresses(before) and self._cards is not None:
            with suppress(self._package.AmdSmiException):
                self._package.amdsmi_shut_down()
            self._cards = None
            self._retry_at = 0.0

    # Cards

    def _found(self, index: int, handle: Any) -> _Card:
        calls = AmdCalls(self._package, handle)
        bus, _ = calls.ask("get_gpu_device_bdf")
        uuid, _ = calls.ask("get_gpu_device_uuid")
        chip, _ = calls.ask("get_gpu_asic_info")
        bus = str(bus or "").lower()
        listed = next((card for card in self._on_bus if card.address == bus), None)
        name = str((chip or {}).get("market_name", ""))
        if name in ("", "N/A") or name.startswith("0x"):  # the card's number, where its driver knows no name
            name = name_of(listed, self._root) if listed is not None else "AMD"
        return _Card(
            index=index,
            bus=bus,
            uuid=str(uuid or bus or f"index-{index}"),
            name=name,
            listed=listed is not None,
            reader=CardReader(self._package, handle, self._clock),
        )

    def _look(self, card: _Card) -> Gpu:
        if self._asleep(card.bus):
            return self._absent(card, Absence.ASLEEP)
        if card.listed and not (self._devices / card.bus).exists():
            self._lose(card)  # pulled out, or fallen off the bus
        elif card.reader is None and self._clock() >= card.retry_at:
            self._find_again(card)
        if card.reader is None:
            return self._absent(card, card.absence or Absence.LOST)
        gpu = card.reader.look(index=card.index, uuid=card.uuid, name=card.name, bus=card.bus)
        if gpu is None:
            self._lose(card)
            return self._absent(card, Absence.LOST)
        return gpu

    def _lose(self, card: _Card) -> None:
        card.reader, card.absence = None, Absence.LOST
        card.retry_at = self._clock() + self._retry_s

    def _find_again(self, card: _Card) -> None:
        try:
            handle = self._package.amdsmi_get_processor_handle_from_bdf(card.bus)
        except (self._package.AmdSmiException, ValueError):
            self._lose(card)
            return
        card.reader, card.absence = CardReader(self._package, handle, self._clock), None

    def _absent(self, card: _Card, absence: Absence) -> Gpu:
        return blank(Maker.AMD, index=card.index, uuid=card.uuid, name=card.name, bus=card.bus, absence=absence)


def _state(gpus: tuple[Gpu, ...]) -> DriverState:
    if not gpus:
        return DriverState.NO_GPU
    if all(gpu.lost for gpu in gpus):
        return DriverState.LOST
    return DriverState.READY if any(gpu.usable for gpu in gpus) else DriverState.NO_PERMISSION


def _addresses(cards: tuple[BusCard, ...]) -> set[str]:
    return {card.address for card in cards}
