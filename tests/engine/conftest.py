"""Pictures and runs for the engine's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fakes.pictures import write_pictures

# Small disks and limits on files are made by means that Windows does not have.
collect_ignore = ["test_engine_disk.py"] if sys.platform == "win32" else []


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 pictures in four classes; not to be changed."""
    return write_pictures(tmp_path_factory.mktemp("pictures") / "shapes")
