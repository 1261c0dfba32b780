"""A pytest plugin that refuses Qt and torch: ``-p tests.without_qt -p no:pytest-qt``. The unit tests run under it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

_REFUSED = frozenset({"PySide6", "shiboken6", "pyqtgraph", "torch"})


class _Refuser(MetaPathFinder, Loader):
    """Finds the modules, for whoever asks whether they are there, but does not load them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in _REFUSED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        return spec and ModuleSpec(fullname, self, origin=spec.origin, is_package=spec.loader is not None)

    def exec_module(self, module: ModuleType) -> None:
        raise ImportError(f"{module.__name__} is refused in the unit tests: only gui knows Qt, only the engine torch")


sys.meta_path.insert(0, _Refuser())


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings of the plugin that is switched off; pytest would call them unknown."""
    parser.addini("qt_log_ignore", "", type="linelist")
    for name in ("qt_api", "qt_default_raising", "qt_log_format", "qt_log_level_fail"):
        parser.addini(name, "")
