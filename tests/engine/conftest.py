"""Pictures and runs for the engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.pictures import write_pictures


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 pictures in four classes; not to be changed."""
    return write_pictures(tmp_path_factory.mktemp("pictures") / "shapes")
