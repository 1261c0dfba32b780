"""Files that are written whole or not at all, also where another program holds them for a moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aienv_gui.core import storage
from aienv_gui.core.errors import Problem


class _Scanner:
    """`os.replace` as it is on Windows while a virus scanner looks at the file: refused so many `times`."""

    def __init__(self, times: int) -> None:
        self.times = times
        self._replace = os.replace

    def __call__(self, source: Path, target: Path) -> None:
        self.times -= 1
        if self.times >= 0:
            raise PermissionError(13, "Access is denied")
        self._replace(source, target)


def test_a_file_that_a_scanner_holds_for_a_moment_is_renamed_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_PATIENCE_S", 60.0)  # as on Windows, and more for a slow machine
    monkeypatch.setattr(storage, "_PAUSE_S", 0.0)
    monkeypatch.setattr(os, "replace", _Scanner(3))
    storage.write_atomic(tmp_path / "a", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "new"


def test_a_file_that_is_held_for_good_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "replace", scanner := _Scanner(10**9))
    with pytest.raises(Problem) as raised:
        storage.write_atomic(tmp_path / "a", "new")
    assert raised.value.code == "read_only"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"
    assert scanner.times == 10**9 - 1  # elsewhere a refusal is meant
