"""Starting, steering and errands, where no engine is needed to see what happens."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from aienv_gui.core import processes
from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.processes import Outcome
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.engine import protocol
from aienv_gui.training import supervisor
from tests.fakes.reporters import Keeping


def test_a_stop_on_a_full_disk_ended_whatever_has_the_engines_old_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def full(_run: Path, _command: str) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(protocol, "send_command", full)
    monkeypatch.setattr(psutil.Process, "terminate", lambda process: ended.append(process.pid))
    me = psutil.Process()
    with (tmp_path / protocol.LOCK).open("a+") as engine:
        assert protocol.lock(engine)
        (tmp_path / protocol.PROCESS).write_text(json.dumps({"pid": me.pid, "started": me.create_time() - 100}))
        if sys.platform == "win32":  # where there is no signal that asks
            with pytest.raises(Problem):
                supervisor.stop(tmp_path)
        else:
            assert supervisor.stop(tmp_path) == ""
    assert ended == []


def test_a_checkpoint_that_the_engine_gave_up_meanwhile_kept_another_from_being_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / protocol.CHECKPOINTS
    folder.mkdir()
    (folder / "00000002.pt").write_bytes(b"whole")
    monkeypatch.setattr(Path, "glob", lambda _self, _pattern: [folder / "00000001.pt", folder / "00000002.pt"])
    with (tmp_path / protocol.LOCK).open("a+") as engine:
        assert protocol.lock(engine)
        command = supervisor.save(tmp_path)
    assert (tmp_path / protocol.COMMANDS / f"{command}.json").is_file()


class Environment:
    """A Python that tells its progress at the times of a clock of its own, then answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *told_after_s: float) -> None:
        self._told_after_s = told_after_s
        self._now = 0.0
        monkeypatch.setattr("aienv_gui.training.supervisor.time.monotonic", lambda: self._now)
        monkeypatch.setattr(processes, "run", self.run)

    def run(
        self, _command: Sequence[object], *, timeout_s: float, folder: Path, cancelled: Callable[[], bool]
    ) -> Outcome:
        for number, seconds in enumerate(self._told_after_s):
            self._now += seconds
            if cancelled():
                return Outcome(-15, "", "", cancelled=True)
            if self._now > timeout_s:
                return Outcome(-15, "", "", timed_out=True)
            with (folder / "progress.jsonl").open("a", encoding="ascii") as file:
                file.write(json.dumps({"done": number, "total": 9}) + "\n")
            assert not cancelled()
        (folder / "answer.json").write_text('{"ok": true}', encoding="ascii")
        return Outcome(0, "", "")


def test_an_errand_over_very_many_pictures_was_ended_after_ten_minutes(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    Environment(monkeypatch, 500, 500, 500)
    reporter = Keeping()
    assert supervisor.errand(Path(sys.executable), "inspect", {}, folders, reporter) == {"ok": True}
    assert reporter.amounts == [(0.0, 9.0), (1.0, 9.0), (2.0, 9.0)]


def test_an_errand_that_tells_nothing_for_ten_minutes_is_ended(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    Environment(monkeypatch, 500, 700)
    with pytest.raises(Problem) as caught:
        supervisor.errand(Path(sys.executable), "inspect", {}, folders, Silent())
    assert caught.value.code == "timed_out"
    assert list((folders.cache / "errands").iterdir()) == []


def test_an_errand_that_is_cancelled_already_starts_no_program(folders: Folders, tmp_path: Path) -> None:
    class Cancelling(Silent):
        cancelled = True

    program, mark = tmp_path / "python", tmp_path / "started"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(Cancelled):
        supervisor.errand(program, "inspect", {}, folders, Cancelling())
    assert not mark.exists()
    assert list((folders.cache / "errands").iterdir()) == []
    with pytest.raises(Problem):
        supervisor.errand(program, "inspect", {}, folders, Silent())
    assert mark.exists()


def test_errands_of_a_killed_window_stayed_for_ever(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    errands = folders.cache / "errands"
    old, new = errands / "inspect-old", errands / "predict-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "request.json").write_text("{}", encoding="ascii")
    for path in (old / "request.json", old, new):
        os.utime(path, (1.0, 1.0))
    Environment(monkeypatch, 1)
    supervisor.errand(Path(sys.executable), "inspect", {}, folders, Silent())
    assert list(errands.iterdir()) == [new]
