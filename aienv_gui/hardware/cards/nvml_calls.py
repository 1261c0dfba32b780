"""NVML's answers as values or the reason why there is none; what a driver does not know is asked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pynvml

from aienv_gui.hardware.readings import Absence, Value

ABSENCES: Final = {
    pynvml.NVML_ERROR_NOT_SUPPORTED: Absence.NOT_SUPPORTED,
    pynvml.NVML_ERROR_NO_PERMISSION: Absence.NO_PERMISSION,
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND: Absence.OLD_DRIVER,
    pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH: Absence.OLD_DRIVER,
    pynvml.NVML_ERROR_GPU_IS_LOST: Absence.LOST,
    pynvml.NVML_ERROR_RESET_REQUIRED: Absence.LOST,
}
# What one card answers that concerns all of them: the session with the driver is over.
SESSION_ENDED: Final = (
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
)


class Calls:
    """Asks for one card. `unsupported` is what "not supported" means for it: a virtual card, WSL, a split card.

    `missing` is shared by all cards: the functions that this driver's library lacks.
    """

    def __init__(self, handle: Any, missing: set[tuple[Callable[..., Any], bool]]) -> None:
        self.handle = handle
        self.unsupported = Absence.NOT_SUPPORTED
        self._missing = missing

    def ask(self, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Absence | None]:
        """The answer, or why there is none. Raises NVMLError only where the whole session has ended."""
        call = (function, bool(arguments))  # with arguments it may be a newer structure that is missing only
        if call in self._missing:
            return None, Absence.OLD_DRIVER
        try:
            return function(self.handle, *arguments), None
        except pynvml.NVMLError as error:
            if error.value == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND:
                self._missing.add(call)
            return None, self.reason(error)

    def reason(self, error: pynvml.NVMLError) -> Absence:
        """Why there is no answer. Raises `error` where it says that the whole session has ended."""
        if error.value in SESSION_ENDED:
            raise error
        absence = ABSENCES.get(error.value, Absence.FAILED)
        return self.unsupported if absence is Absence.NOT_SUPPORTED else absence

    def part(self, handle: Any) -> Calls:
        """To ask for a part of the card, which has a handle of its own."""
        return Calls(handle, self._missing)

    def value(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        pick: Callable[[Any], float] = float,
        most: float = float("inf"),
        least: float = 0.0,
    ) -> Value:
        """A number between `least` and `most`. Drivers answer nonsense now and then: that is no reading."""
        answer, absence = self.ask(function, *arguments)
        return Value(absence=absence) if absence is not None else plausible(float(pick(answer)), most, least)


def plausible(number: float, most: float, least: float = 0.0) -> Value:
    """The number as a reading, or `FAILED` where it cannot be one."""
    return Value(number) if least <= number <= most else Value(absence=Absence.FAILED)
