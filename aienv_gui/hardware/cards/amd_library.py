"""AMD's library (AMD SMI) through the Python package that fits it; its answers as values or the reason for none.

The package must be of the library's own version: their structures change between releases (27.0 made some of them
larger), and a library that fills in a larger one writes beyond ours. ROCm brings the fitting package along, so that
one is taken first; the one from PyPI serves where a library of its own version is installed without it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aienv_gui.hardware.readings import Absence, Value

_HOMES: Final = ("ROCM_HOME", "ROCM_PATH")
_HOME: Final = "opt/rocm"
_PACKAGES: Final = "share/amd_smi"  # below ROCm's folder: staged there for programs like this one
_LIBRARY_OF_PACKAGE: Final = {"7": 26}  # the package's major version and the library's
_NOT_APPLICABLE: Final = "N/A"

_NOT_SUPPORTED: Final = (2, 3, 20, 40, 52)  # also: no such file or data, which is what an unknown sensor answers
_NO_PERMISSION: Final = 10
_OLD_DRIVER: Final = (4, 5)  # a module or function that cannot be loaded
_GONE: Final = (31, 33)  # no such device, no such slot
NOT_INITIALISED: Final = 32
DRIVER_NOT_LOADED: Final = 34
_SESSION_ENDED: Final = (NOT_INITIALISED, DRIVER_NOT_LOADED)


class LibraryMissing(Exception):
    """There is no library of AMD's, or none that a package here fits. The text is for reports."""


class SessionEnded(Exception):
    """What one card answers that concerns all of them. `code` is AMD's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def load(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> Any:
    """The package `amdsmi`, with the library loaded. Once a process. Raises LibraryMissing.

    `root` is the system's, or a test's.
    """
    home = next((Path(environment[name]) for name in _HOMES if environment.get(name)), root / _HOME)
    beside = home / _PACKAGES
    complaints: list[str] = []
    if (beside / "amdsmi" / "__init__.py").is_file():
        sys.path.insert(0, str(beside))
        try:
            return _import()
        except LibraryMissing as error:
            complaints.append(str(error))
        finally:
            sys.path.remove(str(beside))
    try:
        package = _import()
        _check_fit(package)
    except LibraryMissing as error:
        raise LibraryMissing("\n".join([*complaints, str(error)])) from error
    return package


def _import() -> Any:
    for name in [name for name in sys.modules if name.partition(".")[0] == "amdsmi"]:
        del sys.modules[name]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):  # it prints what it misses, and fails over that afterwards
            return importlib.import_module("amdsmi")
    except (ImportError, OSError, LookupError, AttributeError) as error:
        reason = said.getvalue().strip().splitlines()
        raise LibraryMissing(reason[0] if reason else f"{type(error).__name__}: {error}") from error


def _check_fit(package: Any) -> None:
    version = str(getattr(package, "__version__", ""))
    expected = _LIBRARY_OF_PACKAGE.get(version.partition(".")[0])
    try:
        found = int(package.amdsmi_get_lib_version()["major"])
    except (OSError, LookupError, ValueError, AttributeError, package.AmdSmiException) as error:
        raise LibraryMissing(f"The library does not tell its version: {error}") from error
    if expected is not None and found != expected:
        raise LibraryMissing(f"amdsmi {version} needs version {expected} of libamd_smi.so, this is {found}")


class AmdCalls:
    """Asks for one card through its handle."""

    def __init__(self, package: Any, handle: Any) -> None:
        self._package = package
        self._handle = handle
        self.gone = False  # whether an answer was that there is no such card any more

    def ask(self, name: str, *arguments: Any) -> tuple[Any, Absence | None]:
        """What the package's function ``amdsmi_<name>`` answers, or why it does not. Raises SessionEnded."""
        function: Callable[..., Any] | None = getattr(self._package, f"amdsmi_{name}", None)
        if function is None:
            return None, Absence.OLD_DRIVER
        try:
            return function(self._handle, *arguments), None
        except self._package.AmdSmiLibraryException as error:
            return None, self._reason(int(error.get_error_code()), str(error))
        except (self._package.AmdSmiException, ValueError, LookupError, TypeError):
            return None, Absence.FAILED  # an answer that the package itself cannot read

    def value(
        self,
        name: str,
        *arguments: Any,
        pick: str | None = None,
        factor: float = 1.0,
        most: float = float("inf"),
        least: float = 0.0,
    ) -> Value:
        """A number times `factor`; `pick` names it where the answer has several."""
        answer, absence = self.ask(name, *arguments)
        if absence is not None:
            return Value(absence=absence)
        return as_value(answer if pick is None else answer.get(pick), factor=factor, most=most, least=least)

    def metrics(self) -> tuple[Any, Absence | None]:
        """The card's whole table as the driver fills it in.

        The package's own function for it makes a thousand Python numbers of it, and keeps of the reasons why the
        clock is held back only whether there are any.
        """
        wrapper = self._package.amdsmi_interface.amdsmi_wrapper
        table = wrapper.amdsmi_gpu_metrics_t()
        code = wrapper.amdsmi_get_gpu_metrics_info(self._handle, ctypes.byref(table))
        return (table, None) if code == 0 else (None, self._reason(code, f"code {code}"))

    def _reason(self, code: int, text: str) -> Absence:
        if code in _SESSION_ENDED:
            raise SessionEnded(code, text)
        if code in _GONE:
            self.gone = True
            return Absence.LOST
        if code in _NOT_SUPPORTED:
            return Absence.NOT_SUPPORTED
        if code == _NO_PERMISSION:
            return Absence.NO_PERMISSION
        return Absence.OLD_DRIVER if code in _OLD_DRIVER else Absence.FAILED


def as_value(number: Any, *, factor: float = 1.0, most: float = float("inf"), least: float = 0.0) -> Value:
    """A number of the package's, which writes "N/A" for what a card does not tell."""
    if number is None or number == _NOT_APPLICABLE:
        return Value(absence=Absence.NOT_SUPPORTED)
    try:
        value = float(number) * factor
    except (TypeError, ValueError):
        return Value(absence=Absence.FAILED)
    return Value(value) if least <= value <= most else Value(absence=Absence.FAILED)
