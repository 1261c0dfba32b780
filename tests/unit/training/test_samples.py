"""The sample pictures: unpacked once, whole, and never outside their folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.training import samples


class _Stopping(Silent):
    @property
    def cancelled(self) -> bool:
        return True


def _archive(path: Path, names: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in names.items():
            file.writestr(name, content)
    return path


def test_the_digits_are_unpacked_once(folders: Folders) -> None:
    folder = samples.unpack(samples.DIGITS, folders, Silent())
    assert folder == samples.sample_path(samples.DIGITS, folders)
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert classes == [str(digit) for digit in range(10)]
    assert sum(1 for _ in folder.rglob("*.png")) == 5000
    marker = folder / "0" / "mine.txt"
    marker.write_text("kept")
    assert samples.unpack(samples.DIGITS, folders, Silent()) == folder
    assert marker.exists()
    assert [path.name for path in folders.samples.iterdir()] == [samples.DIGITS]


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "a/../../outside.txt", "a\\..\\outside.txt"])
def test_nothing_is_written_outside(name: str, tmp_path: Path) -> None:
    archive = _archive(tmp_path / "x.zip", {"0/a.png": b"1", name: b"2"})
    target = tmp_path / "samples" / "x"
    with pytest.raises(Problem) as caught:
        samples.unpack_archive(archive, target, Silent())
    assert caught.value.code == "damaged_sample"
    assert not target.exists()
    assert list((tmp_path / "samples").iterdir()) == []
    assert not (tmp_path / "outside.txt").exists()


def test_a_link_in_the_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as file:
        member = zipfile.ZipInfo("link")
        member.external_attr = 0o120777 << 16
        file.writestr(member, "/etc/passwd")
    with pytest.raises(Problem):
        samples.unpack_archive(archive, tmp_path / "t", Silent())


def test_a_cut_archive_leaves_nothing(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "x.zip", {"0/a.png": b"1" * 1000})
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(Problem) as caught:
        samples.unpack_archive(archive, tmp_path / "s" / "t", Silent())
    assert caught.value.code == "damaged_sample"
    assert list((tmp_path / "s").iterdir()) == []


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "x.zip", {"0/a.png": b"1"})
    with pytest.raises(Cancelled):
        samples.unpack_archive(archive, tmp_path / "s" / "t", _Stopping())
    assert list((tmp_path / "s").iterdir()) == []
