"""Where conda channels lie: at a mirror, offline in the cache, behind a page that is no channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.conda import solve
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.records import Engine, Plan, Request, Sources
from tests.fakes.channel.running_python import MINOR
from tests.fakes.channel.samples import sample_channel
from tests.fakes.channel.server import ChannelServer
from tests.fakes.web import Reply, Web


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def server(channel: Path) -> Iterator[ChannelServer]:
    with ChannelServer(channel) as running:
        yield running


def at(server: ChannelServer) -> Sources:
    """The channel's name, and its server as the mirror."""
    mirror, _, name = server.url.rpartition("/")
    return Sources(channels=(name,), conda_mirror=mirror)


def planned(sources: Sources, folders: Folders, *requirements: str) -> Plan:
    return make_plan(Request("e", Engine.CONDA, MINOR, requirements), sources, folders, Silent())


def refusal(sources: Sources, folders: Folders) -> Problem:
    with pytest.raises(Problem) as raised:
        planned(sources, folders, "paint")
    return raised.value


def test_a_channels_name_is_looked_for_at_the_mirror(server: ChannelServer, folders: Folders) -> None:
    plan = planned(at(server), folders, "paint")
    assert all(file.url.startswith(f"{server.url}/") for file in plan.files)
    named_in_a_file = Request("e", Engine.CONDA, MINOR, ("paint",), channels=("channel",))
    assert make_plan(named_in_a_file, replace(at(server), channels=("other",)), folders, Silent()).files


def test_an_address_and_a_folder_are_left_as_they_are(server: ChannelServer, channel: Path, folders: Folders) -> None:
    elsewhere = "http://127.0.0.1:9/nothing"
    assert planned(Sources(channels=(server.url,), conda_mirror=elsewhere), folders, "paint").files
    assert planned(Sources(channels=(str(channel),), conda_mirror=elsewhere), folders, "paint").files


def test_offline_the_list_that_was_read_before_is_used(server: ChannelServer, folders: Folders) -> None:
    before = planned(at(server), folders, "paint")
    asked = len(server.log)
    offline = replace(at(server), offline=True)
    assert [file.filename for file in planned(offline, folders, "paint").files] == [f.filename for f in before.files]
    assert len(server.log) == asked


def test_offline_without_such_a_list_is_told(server: ChannelServer, folders: Folders) -> None:
    problem = refusal(replace(at(server), offline=True), folders)
    assert problem.code == "offline"
    assert server.log == []


def test_offline_a_folder_is_a_channel_as_ever(channel: Path, folders: Folders) -> None:
    assert planned(Sources(channels=(str(channel),), offline=True), folders, "paint").files


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(404), "no_channel"),
        (Reply(body=b"<html><title>Campus</title><form></form></html>"), "bad_channel"),
        (Reply(403), "refused_access"),
        (Reply(body=b'{"packages": {', kind="application/json"), "bad_channel"),
    ],
)
def test_what_is_no_channel_is_told(reply: Reply, code: str, folders: Folders) -> None:
    with Web(lambda _: reply) as web:
        problem = refusal(Sources(channels=("conda-forge",), conda_mirror=web.url), folders)
    assert problem.code == code, (problem.code, problem.details)
    assert "no package called" not in str(problem)


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 15 <= solve.SILENCE_S <= 20
    monkeypatch.setattr(solve, "SILENCE_S", 0.5)
    with Web(lambda _: Reply(silent=True)) as web, pytest.raises(Problem) as raised:
        solve.answering([f"{web.url}/conda-forge"], Sources())
    assert raised.value.code == "slow_network"


def test_a_server_that_refuses_is_left_to_the_solver() -> None:
    with Web(lambda _: Reply(403)) as web:
        solve.answering([web.url, "file:///srv/channel"], Sources())
    assert web.log == ["HEAD /noarch/repodata.json"]
    solve.answering([web.url], Sources())  # it is gone now
    solve.answering([web.url], Sources(offline=True))
