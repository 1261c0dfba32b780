"""A full disk in the middle of a training: said, waited out, nothing lost."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Command, Event
from tests.engine.engine_runs import answered, curve, end, events, make_run, start, train, until

pytestmark = pytest.mark.slow
LONG = {"epochs": 100_000}
# A network whose checkpoint (some 600 kB with its optimiser) fills what the tests leave free.
WIDE = {"architecture": "compact_convnet", "options": {"channels": 1, "size": 16, "widths": [64, 64]}}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes where one can be mounted; elsewhere a folder, and files are limited instead."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = False
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    yield disk
    if mounted:
        subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path | None:
    """Take all room of a small disk; None where it is not one."""
    if not disk.is_mount():
        return None
    filler = disk / "filler"
    file = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(file, bytes(4096)):
            pass
    os.close(file)
    return filler


def test_a_full_disk_pauses_the_training_until_there_is_room(small_disk: Path, pictures: Path) -> None:
    run = make_run(small_disk / "run", pictures, model=WIDE, settings=LONG)
    process = start(run)
    try:
        until(run, lambda found: any(event["event"] == Event.CHECKPOINT for event in found), process)
        filler = fill(small_disk)
        if filler is None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        wait_until_it_stands_still(run, process)
        good = protocol.read_json(run / protocol.CHECKPOINTS / protocol.INDEX)["checkpoints"]
        assert good
        make_room(filler, process)
        until(run, lambda found: any(event["event"] == Event.PAUSED for event in found), process)
        paused = events(run, Event.PAUSED)[-1]
        assert (paused["reason"], paused["command"]) == ("disk_full", None)
        warning = next(event for event in events(run, Event.WARNING) if event["code"] == "checkpoint_failed")
        assert warning["values"]["reason"] == "disk_full"
        assert warning["values"]["path"].startswith(str(run))

        resuming = protocol.send_command(run, Command.RESUME)
        until(run, answered(resuming), process)
        until(run, lambda found: max(curve(run)) > paused["step"], process)
        protocol.send_command(run, Command.STOP)
        assert process.wait(20) == 0
    finally:
        end(process)
    steps = sorted(curve(run))
    assert steps == list(range(1, steps[-1] + 1))  # no step was lost while nothing could be written
    assert events(run, Event.FINISHED)[-1]["saved"] is True
    assert len(events(run, Event.STARTED)) == 1


def make_room(filler: Path | None, process: subprocess.Popen[bytes]) -> None:
    if filler is None:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        filler.unlink()


def wait_until_it_stands_still(run: Path, process: subprocess.Popen[bytes]) -> None:
    """The engine sleeps once it cannot write: its processor time no longer grows."""
    import psutil

    engine = psutil.Process(process.pid)
    deadline = time.monotonic() + 60
    before = -1.0
    while True:
        spent = sum(engine.cpu_times()[:2])
        if spent - before < 0.06 and before >= 0:
            return
        assert process.poll() is None
        assert time.monotonic() < deadline
        before = spent
        time.sleep(0.5)


def test_stop_on_a_full_disk_is_refused_once_and_then_obeyed(small_disk: Path, pictures: Path) -> None:
    run = make_run(small_disk / "run", pictures, model=WIDE, settings=LONG)
    process = start(run)
    try:
        until(run, lambda found: any(event["event"] == Event.CHECKPOINT for event in found), process)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        first = protocol.send_command(run, Command.STOP)
        until(run, answered(first), process)
        refused = next(event for event in events(run) if event.get("command") == first)
        assert (refused["event"], refused["ok"], refused["reason"]) == (Event.ANSWER, False, "disk_full")
        protocol.send_command(run, Command.STOP)
        assert process.wait(20) == 0
    finally:
        end(process)
    finished = events(run)[-1]
    assert (finished["event"], finished["outcome"], finished["saved"]) == (Event.FINISHED, "stopped", False)
    assert train(make_short(run)) == 0  # from the last good checkpoint


def make_short(run: Path) -> Path:
    """Few epochs more than it has, so that it ends soon."""
    recipe = protocol.read_json(run / protocol.RECIPE)
    steps_per_epoch = events(run, Event.STARTED)[-1]["steps_per_epoch"]
    entries = protocol.read_json(run / protocol.CHECKPOINTS / protocol.INDEX)["checkpoints"]
    recipe["settings"]["epochs"] = entries[-1]["step"] // steps_per_epoch + 2
    protocol.write_json(run / protocol.RECIPE, recipe)
    return run
