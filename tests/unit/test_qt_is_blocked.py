"""The unit tests prove that what they test needs no Qt: where the suite runs, nothing of it can be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("name", ["PySide6.QtCore", "shiboken6", "pyqtgraph", "torch"])
def test_the_plugin_of_the_unit_tests_refuses(name: str) -> None:
    package = name.partition(".")[0]
    script = f"import importlib.util as u, tests.without_qt; print(u.find_spec({package!r}).name)"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; import {name}"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == package, done.stderr
    assert "is refused in the unit tests" in done.stderr
