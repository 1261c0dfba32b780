"""Starting, steering and errands, where no engine is needed to see what happens."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path

import psutil
import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.engine import protocol
from aienv_gui.training import supervisor


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
