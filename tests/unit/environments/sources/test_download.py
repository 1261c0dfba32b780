"""The downloader against a server that drops, cuts, lies and goes away."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.records import PackageProgress, PackageState, PlannedFile, Sources
from aienv_gui.environments.sources import download
from tests.fakes.index.server import Fault, LocalIndex
from tests.fakes.index.wheels import make_wheel
from tests.fakes.reporters import Keeping

SIZE = 3_000_000


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    noise = bytes((n * n * 31 + n // 7) % 256 for n in range(SIZE // 8)) * 8
    make_wheel(tmp_path / "served", "big", files={"big.bin": noise})
    path = tmp_path / "served" / "big-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes() + noise)  # a zip may be followed by anything; the size is what matters here
    make_wheel(tmp_path / "served", "small")
    with LocalIndex(tmp_path / "served") as running:
        yield running


def planned(index: LocalIndex, name: str = "big") -> PlannedFile:
    path = index.folder / f"{name}-1.0-py3-none-any.whl"
    return PlannedFile(
        name, "1.0", path.name, f"{index.root}/files/{path.name}", download.sha256_of(path), path.stat().st_size
    )


def test_files_arrive_whole_with_progress(index: LocalIndex, folders: Folders) -> None:
    index.bytes_s = 6_000_000
    files = [planned(index), planned(index, "small")]
    reporter = Keeping()
    places = download.fetch(files, Sources(), folders, reporter)
    for file in files:
        assert places[file].read_bytes() == (index.folder / file.filename).read_bytes()
        assert download.cached(file, folders) == places[file]
        assert download.noted_hash(places[file]) == file.sha256
    total = sum(file.size_bytes or 0 for file in files)
    assert reporter.amounts[-1] == (total, total)
    between = [p for p in reporter.partials if isinstance(p, PackageProgress) and p.state is PackageState.DOWNLOADING]
    assert any(0 < row.done_bytes < (row.total_bytes or 0) for row in between if row.package == "big")
    ready = {p.package for p in reporter.partials if isinstance(p, PackageProgress) and p.state is PackageState.READY}
    assert ready == {"big", "small"}


def test_several_files_are_fetched_at_once(index: LocalIndex, folders: Folders) -> None:
    index.bytes_s = 1_000_000
    for number in range(4):
        make_wheel(
            index.folder, f"part{number}", files={"part.bin": bytes(range(256)) * 10, "noise": os.urandom(400_000)}
        )
    files = [planned(index, f"part{number}") for number in range(4)]
    reporter = Keeping()
    download.fetch(files, Sources(), folders, reporter)
    rows = [row for row in reporter.partials if isinstance(row, PackageProgress)]
    first_ready = next(n for n, row in enumerate(rows) if row.state is PackageState.READY)
    under_way = {row.package for row in rows[:first_ready] if row.done_bytes}
    assert under_way == {file.package for file in files}


def test_dropped_connection_goes_on_where_it_was_cut(index: LocalIndex, folders: Folders) -> None:
    file = planned(index)
    index.faults[file.filename] = Fault(after=1_000_000, times=2)
    places = download.fetch([file], Sources(), folders, Silent())
    assert download.sha256_of(places[file]) == file.sha256
    starts = [int(line.split(" ")[2].removeprefix("bytes=").rstrip("-") or 0) for line in index.sent(file.filename)]
    assert len(starts) == 3
    assert starts[0] == 0
    assert 900_000 < starts[1] <= 1_000_000
    assert 1_800_000 < starts[2] <= 2_000_000


def test_interrupted_fetch_resumes_in_the_next_one(index: LocalIndex, folders: Folders) -> None:
    file = planned(index)
    index.bytes_s = 4_000_000

    def has_a_part(_: Keeping) -> bool:
        parts = list((folders.cache / "wheels" / ".parts").glob("*.part"))
        return bool(parts) and parts[0].stat().st_size > 500_000

    with pytest.raises(Cancelled):
        download.fetch([file], Sources(), folders, Keeping(has_a_part))
    assert download.cached(file, folders) is None
    index.bytes_s = None
    places = download.fetch([file], Sources(), folders, Silent())
    assert download.sha256_of(places[file]) == file.sha256
    assert int(index.sent(file.filename)[-1].split("bytes=")[1].rstrip("-")) >= 500_000


def test_server_error_is_tried_again(index: LocalIndex, folders: Folders) -> None:
    file = planned(index, "small")
    index.faults[file.filename] = Fault(status=500, times=1)
    assert download.fetch([file], Sources(), folders, Silent())[file].is_file()


def test_server_that_keeps_failing_is_told(
    index: LocalIndex, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    file = planned(index, "small")
    index.faults[file.filename] = Fault(status=503, times=99)
    with pytest.raises(Problem) as raised:
        download.fetch([file], Sources(), folders, Silent())
    assert "503" in str(raised.value.cause)
    assert raised.value.code == "server_trouble"  # and not the user's connection
    assert "internet connection" not in str(raised.value.cure)


def test_damaged_file_is_fetched_anew_and_then_refused(
    index: LocalIndex, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    file = planned(index, "small")
    lie = b"\0" * (file.size_bytes or 0)
    index.faults[file.filename] = Fault(replace=lie, times=1)
    assert download.fetch([file], Sources(), folders, Silent())[file].read_bytes() != lie
    other = planned(index)
    index.faults[other.filename] = Fault(replace=b"\0" * (other.size_bytes or 0), times=9)
    with pytest.raises(Problem) as raised:
        download.fetch([other], Sources(), folders, Silent())
    assert raised.value.code == "damaged_download"
    assert download.cached(other, folders) is None


def test_vanished_file_asks_for_a_new_plan(index: LocalIndex, folders: Folders) -> None:
    file = planned(index, "small")
    (index.folder / file.filename).unlink()
    with pytest.raises(Problem) as raised:
        download.fetch([file], Sources(), folders, Silent())
    assert raised.value.code == "file_gone"


def test_missing_network_is_told(index: LocalIndex, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    file = planned(index, "small")
    index.stop()
    with pytest.raises(Problem) as raised:
        download.fetch([file], Sources(), folders, Silent())
    assert raised.value.code == "no_network"
    assert "127.0.0.1" in str(raised.value.cause)


def test_local_file_is_taken_and_checked(index: LocalIndex, folders: Folders) -> None:
    file = replace(planned(index), url=(index.folder / planned(index).filename).as_uri())
    place = download.fetch([file], Sources(), folders, Silent())[file]
    assert place.read_bytes() == (index.folder / file.filename).read_bytes()
    wrong = replace(planned(index, "small"), url=file.url)
    with pytest.raises(Problem) as raised:
        download.fetch([wrong], Sources(), folders, Silent())
    assert raised.value.code == "damaged_download"
    assert not index.log


def test_a_local_file_that_is_a_link_is_taken_itself(index: LocalIndex, folders: Folders) -> None:
    real = index.folder / planned(index).filename
    link = index.folder / "links" / real.name
    link.parent.mkdir()
    link.symlink_to(Path("..") / real.name)
    file = replace(planned(index), url=link.as_uri())
    place = download.fetch([file], Sources(), folders, Silent())[file]
    assert not place.is_symlink()
    assert place.read_bytes() == real.read_bytes()
    assert download.cached(file, folders) == place


@pytest.mark.parametrize("name", ["../../a.whl", "D:a.whl", "a.whl:stream", "a\n--index-url=x.whl", "..", "", "\0"])
def test_a_files_name_leads_nowhere(name: str, index: LocalIndex, folders: Folders) -> None:
    place = download.fetch([replace(planned(index, "small"), filename=name)], Sources(), folders, Silent())
    (found,) = place.values()
    assert found.parent.parent == download.wheels_folder(folders)
    assert not set(found.name) & set("\n\0:/\\")


def test_changed_cache_file_is_not_trusted(index: LocalIndex, folders: Folders) -> None:
    file = planned(index, "small")
    place = download.fetch([file], Sources(), folders, Silent())[file]
    place.write_bytes(place.read_bytes() + b"more")
    assert download.cached(file, folders) is None
    again = download.fetch([file], Sources(), folders, Silent())[file]
    assert download.sha256_of(again) == file.sha256


def test_two_fetches_of_one_file_download_it_once(index: LocalIndex, folders: Folders) -> None:
    file = planned(index)
    index.bytes_s = 6_000_000
    found: list[Path] = []

    def fetch() -> None:
        found.append(download.fetch([file], Sources(), folders, Silent())[file])

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(index.sent(file.filename)) == 1


def test_cancel_is_quick_while_the_server_dawdles(index: LocalIndex, folders: Folders) -> None:
    index.bytes_s = 100_000
    file = planned(index)
    started = time.monotonic()
    with pytest.raises(Cancelled):
        download.fetch([file], Sources(), folders, Keeping(lambda _: time.monotonic() - started > 0.4))
    assert time.monotonic() - started < 5


def test_cache_that_cannot_be_made_is_told(index: LocalIndex, folders: Folders) -> None:
    folders.cache.parent.mkdir(parents=True, exist_ok=True)
    folders.cache.write_text("a file where the folder should be")
    with pytest.raises(Problem) as raised:
        download.fetch([planned(index)], Sources(), folders, Silent())
    assert str(folders.cache) in str(raised.value.cause)


LOGIN = "anna:p@ss/wörd"


def test_index_that_asks_for_a_password_gets_it_for_its_files(index: LocalIndex, folders: Folders) -> None:
    """uv's lock names the files without the password that its index was asked with."""
    index.login = LOGIN
    for sources in (
        Sources(index_url=index.url_with_login),
        Sources(extra_index_urls=(index.url_with_login,)),
        Sources(find_links=(index.url_with_login,)),
    ):
        file = replace(planned(index, "small"), size_bytes=None)
        assert download.remote_sizes([file], sources) == {file: (index.folder / file.filename).stat().st_size}
        place = download.fetch([file], sources, folders, Silent())[file]
        assert download.sha256_of(place) == file.sha256
        place.unlink()


def test_password_of_one_server_is_not_told_to_another(index: LocalIndex, folders: Folders, tmp_path: Path) -> None:
    index.login = LOGIN
    with LocalIndex(index.folder) as other:
        file = planned(other, "small")
        place = download.fetch([file], Sources(index_url=index.url_with_login), folders, Silent())[file]
        place.unlink()
        index.leads_to = other.root
        file = planned(index, "small")
        assert download.fetch([file], Sources(index_url=index.url_with_login), folders, Silent())[file].is_file()
        assert other.sent(file.filename)
        assert other.told == []
    assert len(index.told) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_access_is_told_at_once_and_not_as_a_bad_connection(
    index: LocalIndex, folders: Folders, status: int
) -> None:
    file = planned(index, "small")
    index.faults[file.filename] = Fault(status=status, times=9)
    with pytest.raises(Problem) as raised:
        download.fetch([file], Sources(), folders, Silent())
    assert raised.value.code == "refused_access"
    assert "127.0.0.1 refuses access" in str(raised.value.cause)
    assert len(index.sent(file.filename)) == 1
