"""A pytest plugin that refuses Qt and torch: ``-p tests.without_qt -p no:pytest-qt``. The unit tests run under it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

_REFUSED = frozenset({"PySide6", "shiboken6", "pyqtgraph", "torch"})


class _Refuser(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in _REFUSED:
            raise ImportError(
                f"{fullname} is refused in the unit tests: only gui knows Qt, only the engine knows torch"
            )
        return None


sys.meta_path.insert(0, _Refuser())


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings of the plugin that is switched off; pytest would call them unknown."""
    parser.addini("qt_api", "")
    parser.addini("qt_log_level_fail", "")
