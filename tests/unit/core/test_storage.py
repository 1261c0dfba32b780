"""Files that are written whole or not at all, also where another program holds them; failed writes in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from aienv_gui.core import storage
from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, home_problem, reason, resource, writing_failed
from aienv_gui.core.wording import use_language


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


def failed(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def test_a_folder_that_lies_on_another_disk_is_not_told_as_a_disk_that_is_gone() -> None:
    problem = writing_failed(failed(errno.EXDEV), Path("/data/environments/x"))
    assert problem.code == "other_disk"
    assert "/data/environments/x" in str(problem.cause)
    assert "link" in str(problem.cure)
    assert "connected" not in str(problem.cure)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_the_cure_names_what_can_be_done(code: int) -> None:
    cure = str(writing_failed(failed(code), Path("/data/x")).cure)
    assert "aienv --home" in cure  # no page of the window changes where AIEnv keeps its files
    assert "hoose a folder" not in cure
    assert "hoose a folder" in str(writing_failed(failed(code), Path("/usb/x"), chosen=True).cure)


@pytest.mark.parametrize(
    "code",
    [
        errno.ENOENT,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.EACCES,
        errno.EROFS,
        errno.ENOSPC,
        errno.ENAMETOOLONG,
        errno.EIO,
        errno.ETIMEDOUT,
        errno.EXDEV,
        errno.ELOOP,
    ],
)
def test_the_systems_usual_reasons_are_said_in_the_language_of_the_window(code: int) -> None:
    english = str(reason(failed(code)))
    assert english != os.strerror(code)
    use_language("zh_CN", resource("locale"))
    chinese = str(reason(failed(code)))
    assert chinese != english
    assert not any(letter.isascii() and letter.isalpha() for letter in chinese)


def test_a_home_that_is_a_file_or_below_one_is_told(tmp_path: Path) -> None:
    assert home_problem(Folders.under(tmp_path / "not there yet")) is None
    (tmp_path / "file").write_text("x")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        problem = home_problem(Folders.under(home))
        assert problem is not None
        assert problem.code == "home_unusable"
        assert str(tmp_path / "file") in str(problem.cause)
    assert (tmp_path / "file").read_text() == "x"


def test_a_home_that_may_only_be_read_is_told(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # who runs the tests may write everywhere
    problem = home_problem(folders)
    assert problem is not None
    assert str(folders.data.parent) in str(problem.cause)


def test_an_unusual_reason_is_said_in_the_systems_words() -> None:
    assert str(reason(failed(errno.ENOTTY))) == os.strerror(errno.ENOTTY)
    assert str(reason(OSError("a picture could not be written"))) == "a picture could not be written"
