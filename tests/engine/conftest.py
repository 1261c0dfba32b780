"""Pictures and runs for the engine's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fakes.pictures import write_pictures

# Small disks and limits on files and memory are made by means that Windows does not have; nor are there teams.
_NOT_ON_WINDOWS = ["test_engine_disk.py", "test_engine_memory.py", "test_engine_team.py"]
collect_ignore = _NOT_ON_WINDOWS if sys.platform == "win32" else []


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 pictures in four classes; not to be changed."""
    return write_pictures(tmp_path_factory.mktemp("pictures") / "shapes")
