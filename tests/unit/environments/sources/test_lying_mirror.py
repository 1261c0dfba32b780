"""Mirrors that send something else than was planned: nothing of it is kept, and it is told."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes.transaction import build
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Plan, PlannedFile, Request, Sources
from aienv_gui.environments.sources import download
from aienv_gui.environments.uv import command as uv_command
from tests.fakes.index.server import Fault, LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages
from tests.fakes.web import Reply, Web

TRUE = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.01)


def planned(web: Web, size: int | None = len(TRUE)) -> PlannedFile:
    digest = hashlib.sha256(TRUE).hexdigest()
    return PlannedFile("x", "1", "x-1-py3-none-any.whl", f"{web.url}/x.whl", digest, size)


def refusal(reply: Reply, folders: Folders, *, size: int | None = len(TRUE)) -> Problem:
    with Web(lambda _: reply) as web:
        file = planned(web, size)
        with pytest.raises(Problem) as raised:
            download.fetch([file], Sources(), folders, Silent())
        assert download.cached(file, folders) is None
    kept = [path for path in (folders.cache / "wheels").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert sum(path.stat().st_size for path in kept) <= len(TRUE)
    return raised.value


def endless() -> Iterator[bytes]:
    while True:
        yield TRUE


def test_the_right_content_is_taken(folders: Folders) -> None:
    with Web(lambda _: Reply(body=TRUE)) as web:
        for size in (len(TRUE), None):
            place = download.fetch([planned(web, size)], Sources(), folders, Silent())[planned(web, size)]
            assert place.read_bytes() == TRUE


def test_other_content_of_the_same_size(folders: Folders) -> None:
    problem = refusal(Reply(body=TRUE[::-1]), folders)
    assert problem.code == "damaged_download"
    assert "SHA-256" in str(problem.cause)


@pytest.mark.parametrize("body", [TRUE[:-1], TRUE + b"x", b"", b"<html>sign in</html>"])
def test_another_size_is_refused_before_it_is_read(body: bytes, folders: Folders) -> None:
    problem = refusal(Reply(body=body), folders)
    assert problem.code == "damaged_download"
    assert "102 kB" in str(problem.cause)


def test_a_body_without_end_is_cut_off(folders: Folders) -> None:
    problem = refusal(Reply(promised=-1, pieces=endless), folders)
    assert problem.code == "damaged_download"
    assert "more than 102 kB" in str(problem.cause)


def test_a_body_that_is_packed_on_the_way_is_not_unpacked(folders: Folders) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1)
    problem = refusal(Reply(body=bomb, headers=(("Content-Encoding", "gzip"),)), folders)
    assert problem.code == "damaged_download"
    problem = refusal(Reply(body=bomb, promised=-1, headers=(("Content-Encoding", "gzip"),)), folders)
    assert problem.code == "damaged_download"


def test_a_truncated_body_is_asked_for_again_and_then_told(folders: Folders) -> None:
    problem = refusal(Reply(body=TRUE[:5000], promised=len(TRUE)), folders)
    assert problem.code in ("no_network", "cut_short")


def test_another_host_may_send_it_but_nothing_else(folders: Folders) -> None:
    with Web(lambda _: Reply(body=TRUE)) as right, Web(lambda _: Reply(body=TRUE[::-1])) as wrong:
        for other, good in ((right, True), (wrong, False)):
            there = Reply(302, headers=(("Location", f"{other.url}/y.whl"),))
            with Web(lambda _, reply=there: reply) as web:  # type: ignore[misc]
                file = planned(web)
                if good:
                    download.fetch([file], Sources(), folders, Silent())[file].unlink()
                else:
                    with pytest.raises(Problem) as raised:
                        download.fetch([file], Sources(), folders, Silent())
                    assert raised.value.code == "damaged_download"


def test_half_a_file_of_a_liar_does_not_spoil_the_next_mirror(folders: Folders) -> None:
    lie = Reply(body=b"\0" * 5000, promised=len(TRUE))
    with Web(lambda _: lie) as liar, pytest.raises(Problem):
        download.fetch([planned(liar)], Sources(), folders, Silent())
    with Web(lambda _: Reply(body=TRUE)) as honest:
        file = planned(honest)
        assert download.fetch([file], Sources(), folders, Silent())[file].read_bytes() == TRUE


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PACE_S", 0.3)
    started = time.monotonic()
    drops = Reply(promised=len(TRUE), pieces=lambda: iter([b"\0"] * len(TRUE)), pause_s=0.02)
    problem = refusal(drops, folders)
    assert problem.code in ("no_network", "slow_network")
    assert time.monotonic() - started < 20


def test_a_server_that_falls_silent_is_given_up(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_TIMEOUT", (1.0, 0.3))
    started = time.monotonic()
    problem = refusal(Reply(silent=True), folders)
    assert problem.code == "slow_network"
    assert time.monotonic() - started < 20


@pytest.fixture
def honest(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "honest")
    with LocalIndex(tmp_path / "honest") as running:
        yield running


def plan_at(index: LocalIndex, folders: Folders) -> Plan:
    request = Request("e", Engine.UV, default_python(), ("brush",))
    return make_plan(request, Sources(index_url=index.url), folders, Silent())


@pytest.mark.slow
@pytest.mark.parametrize("same_size", [True, False])
def test_a_lock_of_one_server_is_held_against_another(
    honest: LocalIndex, folders: Folders, tmp_path: Path, same_size: bool
) -> None:
    """Who rebuilds from a lock through another mirror gets what was locked, or nothing."""
    plan = plan_at(honest, folders)
    true = honest.folder / plan.files[0].filename
    make_wheel(tmp_path / "lying", "brush", "7.0", files={"brush.py": "import os  # not what was locked\n"})
    lie = tmp_path / "lying" / true.name
    if same_size:
        lie.write_bytes(lie.read_bytes().ljust(true.stat().st_size, b"\0"))
    with LocalIndex(tmp_path / "lying") as lying:
        elsewhere = tuple(replace(file, url=f"{lying.root}/files/{file.filename}") for file in plan.files)
        with pytest.raises(Problem) as raised:
            build(replace(plan, files=elsewhere), Sources(index_url=lying.url), folders, Silent())
        assert raised.value.code == "damaged_download"
        assert lying.sent(true.name)
    assert not (folders.environments / "e").exists()
    assert not any(folders.staging.glob("e*"))


def test_an_index_whose_hash_is_wrong_is_not_believed(honest: LocalIndex, folders: Folders) -> None:
    plan = plan_at(honest, folders)
    honest.faults[plan.files[0].filename] = Fault(replace=b"\0" * (plan.files[0].size_bytes or 0), times=9)
    with pytest.raises(Problem) as raised:
        download.fetch(plan.files, Sources(), folders, Silent())
    assert raised.value.code == "damaged_download"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404),
        Reply(body=b"<title>Campus</title><form></form>"),
        Reply(403),
    ],
)
def test_an_index_that_is_none_is_not_told_as_a_missing_package(reply: Reply, folders: Folders) -> None:
    with Web(lambda _: reply) as web, pytest.raises(Problem) as raised:
        make_plan(
            Request("e", Engine.UV, default_python(), ("pip",)),
            Sources(index_url=f"{web.url}/simple"),
            folders,
            Silent(),
        )
    assert raised.value.code in ("bad_index", "refused_access")
    assert "no package called" not in str(raised.value)
    assert raised.value.actions[0].name == "open_settings"


def test_an_index_that_falls_silent_in_the_middle_is_given_up(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv_command, "_SILENCE_S", "1")
    half = Reply(
        body=b"", kind="text/html", promised=5000, pieces=lambda: iter([b"<!DOCTYPE html>", b"<a", b"x"]), pause_s=20
    )
    started = time.monotonic()
    request = Request("e", Engine.UV, default_python(), ("pip",))
    with Web(lambda _: half) as web, pytest.raises(Problem) as raised:
        make_plan(request, Sources(index_url=f"{web.url}/simple"), folders, Silent())
    assert time.monotonic() - started < 30
    assert raised.value.code == "slow_network"
