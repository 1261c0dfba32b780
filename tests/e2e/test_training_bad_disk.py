"""A full disk, a folder without permission: said in words, with nothing half made and nothing lost."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.gui import run_work
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.training import run_store, samples, supervisor
from aienv_gui.training.records import RunState
from tests.e2e.tiny_recipe import recipe
from tests.fakes.pictures import write_pictures
from tests.fakes.session import open_session

PATIENCE_MS = 90_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes where we may mount one; elsewhere a file that can hold no folder stands in for it."""
    place = tmp_path / "small disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    with contextlib.suppress(FileNotFoundError):
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            subprocess.run(command, capture_output=True, check=False)
    yield place
    if place.is_mount():
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take all room."""
    filler = place / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while place.is_mount():
            file.write(bytes(4096))
    return filler


def test_a_run_that_finds_no_room_is_not_made(folders: Folders, small_disk: Path, tmp_path: Path) -> None:
    tight = replace(folders, data=small_disk / "data")
    tight.runs.mkdir(parents=True)
    if small_disk.is_mount():
        fill(small_disk)
    else:
        tight.runs.rmdir()
        tight.runs.write_text("no folder")
    with pytest.raises(Problem) as caught:
        run_work.begin(recipe(tmp_path, epochs=2000), tight, Silent())
    assert caught.value.cure is not None
    if small_disk.is_mount():
        assert caught.value.code == "disk_full"
        assert list(tight.runs.iterdir()) == []


def test_a_sample_that_finds_no_room_leaves_nothing(folders: Folders, small_disk: Path) -> None:
    tight = replace(folders, data=small_disk / "data")
    if not small_disk.is_mount():
        tight.samples.parent.mkdir(parents=True)
        tight.samples.write_text("no folder")
    with pytest.raises(Problem) as caught:
        samples.unpack(samples.DIGITS, tight, Silent())
    assert caught.value.cure is not None
    if small_disk.is_mount():
        assert caught.value.code == "disk_full"
        assert list(tight.samples.iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_fills_up_while_training_is_told_on_the_page(
    qtbot: QtBot, folders: Folders, small_disk: Path, tmp_path: Path
) -> None:
    tight = replace(folders, data=small_disk / "data")
    tight.runs.mkdir(parents=True)
    with open_session(qtbot, tight, look=False) as session:
        folder = run_work.begin(recipe(write_pictures(tmp_path / "p"), epochs=2000), tight, Silent())
        try:
            session.services.runs.refresh()
            session.services.navigator.open("train", folder)
            page = session.window.page
            assert isinstance(page, TrainPage)
            view = page.run
            assert view is not None
            qtbot.waitUntil(lambda: view.run is not None and view.run.step > 5, timeout=PATIENCE_MS)
            filler = fill(small_disk)
            view.controls.save.click()
            if small_disk.is_mount():
                qtbot.waitUntil(
                    lambda: view.problem.isVisible() or view.controls.answer.isVisible(), timeout=PATIENCE_MS
                )
                said = view.controls.answer.text() + str(view.problem.problem or "")
                assert "disk is full" in said
                assert view.controls.save.text() == "Save checkpoint"
            filler.unlink()
            qtbot.waitUntil(lambda: view.run.state in (RunState.TRAINING, RunState.PAUSED), timeout=PATIENCE_MS)
            view.controls.stop.click()
            qtbot.waitUntil(lambda: view.run.state is RunState.STOPPED, timeout=PATIENCE_MS)
            assert list(view.run.training.step) == list(range(1, view.run.step + 1))  # no step was lost
            qtbot.waitUntil(lambda: session.services.jobs.running() == [], timeout=PATIENCE_MS)
        finally:
            supervisor.kill(folder)
    assert run_store.read(folder).can_continue
