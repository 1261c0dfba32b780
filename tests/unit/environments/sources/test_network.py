"""The way to the servers: the same proxy, exceptions and certificates for uv, py-rattler and our own downloads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.manifest import plan_to_json, sources_from_json, sources_to_json
from aienv_gui.environments.planning.plan import make_plan, sources_of_user
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, PlannedFile, Request, Sources
from aienv_gui.environments.sources import download, network
from tests.fakes.channel.running_python import MINOR
from tests.fakes.channel.samples import sample_channel
from tests.fakes.channel.server import ChannelServer
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import sample_packages
from tests.fakes.web import AUTHORITY, Proxy, Reply, Web

SECRET = "hunter2"
LOGIN = f"anna:{SECRET}"


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as running:
        yield running


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/")[0])


def with_login(proxy: Proxy) -> str:
    return proxy.url.replace("://", f"://{LOGIN}@")


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("https://pypi.org/simple", True),
        ("http://mirror.example:8080/x", True),
        ("http://localhost:1/x", False),
        ("http://127.0.0.9:1/x", False),
        ("http://[::1]:1/x", False),
        ("file:///srv/wheels", False),
        ("https://wheels.corp.example/simple", False),
        ("https://notcorp.example/simple", True),
    ],
)
def test_the_settings_proxy_is_for_what_is_far_away(url: str, proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", ".corp.example, other.example")
    monkeypatch.setenv("HTTPS_PROXY", "http://system.example:1")
    assert network.proxy_for(url, Sources(proxy="http://mine.example:2")) == (
        "http://mine.example:2" if proxied else ""
    )


def test_without_one_the_systems_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert network.proxy_for("https://pypi.org/", Sources()) == ""
    assert network.variables(Sources()) == {}
    monkeypatch.setenv("https_proxy", "system.example:1")
    assert network.proxy_for("https://pypi.org/", Sources()) == "http://system.example:1"
    assert network.proxy_for("http://pypi.org/", Sources()) == ""
    told = network.variables(Sources())
    assert told["HTTPS_PROXY"] == told["https_proxy"] == "http://system.example:1"
    assert "HTTP_PROXY" not in told
    assert told["NO_PROXY"] == "localhost,127.0.0.1,::1"


def test_pips_proxy_stands_in_with_or_without_its_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nproxy = anna:pw@p.example:3128\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_CERT", raising=False)
    sources = sources_of_user()
    assert network.proxy_for("https://pypi.org/", sources) == "http://anna:pw@p.example:3128"
    assert network.variables(sources)["HTTPS_PROXY"] == "http://anna:pw@p.example:3128"
    assert sources_of_user(Sources(proxy="http://mine.example:1")).proxy == "http://mine.example:1"


def test_children_are_told_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "corp.example")
    told = network.variables(Sources(proxy="http://p.example:1", certificate="/x/ca.pem"))
    assert {told[f"{name}_PROXY"] for name in ("HTTP", "HTTPS", "ALL")} == {"http://p.example:1"}
    assert told["no_proxy"] == "corp.example,localhost,127.0.0.1,::1"
    assert told["SSL_CERT_FILE"] == "/x/ca.pem"


def test_uv_plans_through_the_proxy_and_the_download_follows(
    index: LocalIndex, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Proxy(port_of(index.url.rsplit("/", 1)[0]), login=LOGIN) as proxy:
        sources = Sources(index_url="http://index.test/simple", proxy=with_login(proxy))
        request = Request("e", Engine.UV, default_python(), ("colours",))
        plan = make_plan(request, sources, folders, Silent())
        assert [file.package for file in plan.files] == ["colours", "paint"]
        assert all(file.url.startswith("http://index.test/files/") for file in plan.files)
        assert len(download.fetch(plan.files, sources, folders, Silent())) == 2
        assert any(line.startswith("GET http://index.test/simple/colours/") for line in proxy.log)
        assert any(line.startswith("GET http://index.test/files/") for line in proxy.log)
    assert SECRET not in str(plan_to_json(plan))
    assert SECRET not in caplog.text
    assert SECRET not in repr(sources)
    written = [path for path in folders.cache.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert written == []


def test_the_proxy_that_wants_a_password_is_told_as_such(
    index: LocalIndex, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    with Proxy(port_of(index.url.rsplit("/", 1)[0]), login=LOGIN) as proxy:
        sources = Sources(index_url="http://index.test/simple", proxy=proxy.url)
        with pytest.raises(Problem) as planning:
            make_plan(Request("e", Engine.UV, default_python(), ("colours",)), sources, folders, Silent())
        assert planning.value.code == "proxy_password"
        file = PlannedFile("x", "1", "x-1-py3-none-any.whl", "https://index.test/files/x.whl", "0" * 64, 10)
        with pytest.raises(Problem) as fetching:
            download.fetch([file], sources, folders, Silent())
        assert fetching.value.code == "proxy_password"


@pytest.mark.slow
def test_a_channel_is_read_and_fetched_through_the_proxy(tmp_path: Path, folders: Folders) -> None:
    channel = sample_channel(tmp_path / "channel")
    with ChannelServer(channel) as server, Proxy(port_of(server.url), login=LOGIN) as proxy:
        sources = Sources(channels=("channel",), conda_mirror="http://index.test", proxy=with_login(proxy))
        plan = make_plan(Request("e", Engine.CONDA, MINOR, ("paint",)), sources, folders, Silent())
        paint = [file for file in plan.files if file.package == "paint"]
        assert paint[0].url.startswith("http://index.test/channel/noarch/")
        assert download.fetch(paint, sources, folders, Silent())
        assert any("http://index.test/channel/noarch/repodata" in line for line in proxy.log)


def test_this_computers_own_index_is_asked_directly(index: LocalIndex, folders: Folders) -> None:
    with Proxy(1) as proxy:
        sources = Sources(index_url=index.url, proxy=proxy.url)
        plan = make_plan(Request("e", Engine.UV, default_python(), ("paint",)), sources, folders, Silent())
        assert len(download.fetch(plan.files, sources, folders, Silent())) == 1
        assert proxy.log == []


def test_a_redirection_finds_its_own_way(folders: Folders) -> None:
    """From a server that is far to one of this computer: the proxy must not be asked for that."""
    body = bytes(1000)
    with Web(lambda _: Reply(body=body, kind="x/x")) as near:
        there = Reply(302, headers=(("Location", f"{near.url}/near.bin"),))
        with Web(lambda _: there) as far, Proxy(far.port) as proxy:
            with network.session(Sources(proxy=proxy.url)) as session:
                assert session.get("http://far.test/x", timeout=5).content == body
            assert len(proxy.log) == 1


def test_downloads_trust_the_users_certificates(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    body = bytes(1000)
    with Web(lambda _: Reply(body=body, kind="x/x"), certificate="good") as web:
        file = PlannedFile("x", "1", "x.whl", f"{web.url}/x.whl", "", len(body))
        with pytest.raises(Problem) as raised:
            download.fetch([file], Sources(), folders, Silent())
        assert raised.value.code == "certificate"
        assert download.fetch([file], Sources(certificate=str(AUTHORITY)), folders, Silent())


def test_uv_trusts_the_users_certificates(folders: Folders) -> None:
    request = Request("e", Engine.UV, default_python(), ("paint",))
    with Web(lambda _: Reply(404), certificate="good") as web:
        sources = Sources(index_url=f"{web.url}/simple")
        with pytest.raises(Problem) as raised:
            make_plan(request, sources, folders, Silent())
        assert raised.value.code == "certificate"
        with pytest.raises(Problem) as raised:
            make_plan(request, replace(sources, certificate=str(AUTHORITY)), folders, Silent())
        assert raised.value.code == "bad_index"


def test_certificates_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        sources_of_user(Sources(certificate=str(tmp_path / "gone.pem")))
    assert raised.value.code == "no_certificate"
    assert "gone.pem" in str(raised.value.cause)


def test_sources_cross_to_the_worker_whole() -> None:
    sources = Sources(
        "https://a/",
        "https://t/",
        "https://p/",
        "https://c.json",
        "https://c/",
        ("https://x/",),
        ("/l",),
        "/ca",
        ("a", "b"),
        True,
        "http://u:p@proxy:1",
        True,
    )
    assert sources_from_json(sources_to_json(sources)) == sources
    older = {k: v for k, v in sources_to_json(sources).items() if k not in ("proxy", "offline", "torch_index_url")}
    assert sources_from_json(older).proxy == ""
