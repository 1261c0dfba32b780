"""The fake driver library, compiled once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import amdsmi, nvml


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fake driver library of today."""
    return nvml.build(tmp_path_factory.mktemp("driver"))


@pytest.fixture(scope="session")
def old_driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fake driver library without the newer functions."""
    return nvml.build(tmp_path_factory.mktemp("old_driver"), old_driver=True)


@pytest.fixture(scope="session")
def amd_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fake of AMD's library."""
    return amdsmi.build(tmp_path_factory.mktemp("amd_library"))
