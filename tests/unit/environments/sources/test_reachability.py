"""The test of the sources against servers that are slow, silent, lying, closed or somebody else's."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.records import Sources
from aienv_gui.environments.sources import connection
from aienv_gui.environments.sources.reach import Reach, Source, Step, step_words
from aienv_gui.environments.sources.reachability import index_problem, reach
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages
from tests.fakes.reporters import Keeping
from tests.fakes.web import AUTHORITY, Proxy, Reply, Web

LOGIN_PAGE = (
    b"<html><head><title>Campus network &amp; sign in</title></head><form><input type='password'></form></html>"
)
PAGE = b'<!DOCTYPE html><a href="/files/pip-1.0-py3-none-any.whl#sha256=00">pip-1.0-py3-none-any.whl</a>'
ZSTD = b"\x28\xb5\x2f\xfd"


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def mirror(path: str) -> Reply:
    """All four sources, as they should be, with 3 MB behind each."""
    if path == "/simple/pip/" or path in ("/whl/cpu/torch/", "/flat/cpu/"):
        return Reply(body=PAGE)
    if path.startswith("/files/") or path == "/python.tar.gz":
        return Reply(206, b"\x1f\x8b" + bytes(3_000_000), "application/octet-stream")
    if path == "/cloud/conda-forge/noarch/repodata.json.zst":
        return Reply(body=ZSTD + bytes(3_000_000), kind="application/zstd")
    return Reply(404)


def of(web: Web) -> Sources:
    return Sources(
        index_url=f"{web.url}/simple",
        torch_index_url=f"{web.url}/whl",
        conda_mirror=f"{web.url}/cloud",
        python_mirror=web.url,
    )


def one(source: Source, sources: Sources, archive: str = "") -> Reach:
    (found,) = reach((source,), sources, archive, Silent())
    return found


def index(reply: Reply) -> Reach:
    with Web(lambda _: reply) as web:
        return one(Source.INDEX, Sources(index_url=f"{web.url}/simple"))


def test_all_four_are_tested_side_by_side_with_times_and_speed() -> None:
    reporter = Keeping()
    with Web(mirror) as web:
        found = reach(tuple(Source), of(web), f"{web.url}/python.tar.gz", reporter)
    assert [one.source for one in found] == list(Source)
    for one_found in found:
        assert one_found.usable, one_found
        assert [taken.step for taken in one_found.steps] == [Step.DNS, Step.TCP, Step.GET]
        assert all(0 <= taken.seconds < 3 and not taken.failed for taken in one_found.steps)
        assert (one_found.bytes_s or 0) > 1_000_000
    assert sorted(str(part.source) for part in reporter.partials if isinstance(part, Reach)) == sorted(Source)


def test_a_mirror_of_pytorch_may_be_one_page() -> None:
    with Web(mirror) as web:
        assert one(Source.TORCH, Sources(torch_index_url=f"{web.url}/flat")).usable


def test_an_index_without_pip_is_one_where_it_lists_its_packages(tmp_path: Path) -> None:
    make_wheel(tmp_path, "ours")
    with LocalIndex(tmp_path) as private:
        assert one(Source.INDEX, Sources(index_url=private.url)).usable
    with LocalIndex(tmp_path, login="anna:pw") as private:
        sources = Sources(index_url=private.url_with_login)
        found = one(Source.INDEX, sources)
        assert found.usable
        assert "pw" not in found.address
        assert one(Source.INDEX, Sources(index_url=private.url)).code == "refused_access"


def test_an_address_without_its_end_is_told_with_the_whole_one() -> None:
    with Web(mirror) as web:
        found = one(Source.INDEX, Sources(index_url=f"{web.url}/"))
        assert found.code == "no_simple"
        assert f"{web.url}/simple" in str(found.cause)


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (Reply(body=LOGIN_PAGE), "login_page", "“Campus network & sign in”"),
        (Reply(body=b"hello"), "login_page", "not what should be there"),
        (Reply(404), "not_found", "(404)"),
        (Reply(403), "refused_access", "(403)"),
        (Reply(429), "too_many_requests", "(429)"),
        (Reply(502), "server_trouble", "(502)"),
        (Reply(302, headers=(("Location", "/simple/pip/"),)), "redirects", "without end"),
        (Reply(302, headers=(("Location", "ftp://x.example/"),)), "redirects", "without end"),
        (Reply(418), "status", "(418)"),
    ],
)
def test_answers_that_are_no_index_are_told_apart(reply: Reply, code: str, said: str) -> None:
    found = index(reply)
    assert found.code == code
    assert said in str(found.cause)
    assert str(found.cure)
    assert not found.usable


def test_the_place_that_is_shown_for_python_is_the_one_that_was_asked() -> None:
    with Web(
        lambda path: Reply(206, b"\x1f\x8b" + bytes(100)) if path == "/builds/1/cpython.tar.gz" else Reply(404)
    ) as web:
        archive = f"{web.url}/builds/1/cpython.tar.gz"
        assert one(Source.PYTHON, Sources(), archive).address == f"{web.url}/builds"
        assert one(Source.PYTHON, Sources(python_mirror=web.url), archive).address == web.url


def test_a_login_page_is_no_channel_no_archive_and_no_torch() -> None:
    with Web(lambda _: Reply(body=LOGIN_PAGE)) as web:
        found = reach(tuple(Source), of(web), f"{web.url}/python.tar.gz", Silent())
    assert {one.code for one in found} == {"login_page"}


def test_silence_after_the_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STEP_S", 0.4)
    started = time.monotonic()
    found = index(Reply(silent=True))
    assert time.monotonic() - started < 5
    assert (found.code, found.failed_step) == ("silent", Step.GET)
    assert [taken.failed for taken in found.steps] == [False, False, True]


def test_a_body_that_dawdles_is_measured_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_S", 0.5)

    def slow(path: str) -> Reply:
        if path == "/simple/pip/":
            return Reply(body=PAGE)
        return Reply(206, kind="x/x", promised=9_000_000, pieces=lambda: iter([bytes(1000)] * 9000), pause_s=0.05)

    with Web(slow) as web:
        started = time.monotonic()
        found = one(Source.INDEX, Sources(index_url=f"{web.url}/simple"))
        assert time.monotonic() - started < 4
    assert found.usable
    assert 2_000 < (found.bytes_s or 0) < 200_000


def test_a_closed_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = one(Source.INDEX, Sources(index_url=f"http://127.0.0.1:{port}/simple"))
    assert (found.code, found.failed_step) == ("refused", Step.TCP)


def test_what_speaks_something_else_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        found = one(Source.INDEX, Sources(index_url=f"http://127.0.0.1:{server.getsockname()[1]}/simple"))
        thread.join()
    assert found.code == "no_http"


def test_a_name_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = one(Source.INDEX, Sources(index_url="http://no-such-mirror.test/simple"))
    assert (found.code, found.failed_step) == ("dns", Step.DNS)
    assert "no-such-mirror.test" in str(found.cause)


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def never(*_: object, **__: object) -> list[object]:
        released.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(connection, "STEP_S", 0.3)
    found = one(Source.INDEX, Sources(index_url="http://mirror.test/simple"))
    released.set()
    assert found.code == "dns_silent"


def test_a_server_with_ipv6_only_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def six(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 80, 0, 0))]

    class NoSix(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", six)
    monkeypatch.setattr(socket, "socket", NoSix)
    found = one(Source.INDEX, Sources(index_url="http://six.test/simple"))
    assert (found.code, found.failed_step) == ("only_ipv6", Step.TCP)


@pytest.mark.parametrize(
    ("certificate", "trusted", "code"),
    [
        ("good", True, ""),
        ("good", False, "certificate"),
        ("expired", True, "certificate_date"),
        ("early", True, "certificate_date"),
        ("other_name", True, "certificate_name"),
    ],
)
def test_certificates(certificate: str, trusted: bool, code: str) -> None:
    with Web(mirror, certificate=certificate) as web:
        sources = replace(of(web), certificate=str(AUTHORITY) if trusted else "")
        found = one(Source.INDEX, sources)
    assert found.code == code
    assert found.failed_step is (Step.TLS if code else None)
    assert Step.TLS in [taken.step for taken in found.steps]


def test_a_plain_server_where_an_encrypted_one_should_be() -> None:
    with Web(mirror) as web:
        found = one(Source.INDEX, Sources(index_url=f"{web.url.replace('http:', 'https:')}/simple"))
    assert (found.code, found.failed_step) == ("tls", Step.TLS)


@pytest.fixture
def far() -> Iterator[Web]:
    with Web(mirror) as web:
        yield web


def test_a_proxy_is_gone_through_and_its_login_is_told(far: Web) -> None:
    sources = Sources(index_url="http://index.test/simple")
    with Proxy(far.port) as proxy:
        assert one(Source.INDEX, replace(sources, proxy=proxy.url)).usable
        assert proxy.log[0] == "GET http://index.test/simple/pip/ HTTP/1.1"
    with Proxy(far.port, login="anna:p@ss wörd") as proxy:
        assert one(Source.INDEX, replace(sources, proxy=proxy.url)).code == "proxy_password"
        login = proxy.url.replace("://", "://anna:p%40ss%20w%C3%B6rd@")
        found = one(Source.INDEX, replace(sources, proxy=login))
        assert found.usable
    assert "p@ss" not in repr(replace(sources, proxy=login)) + str(found)


def test_a_proxy_that_is_not_there_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = one(Source.INDEX, Sources(index_url="http://index.test/simple", proxy=f"http://127.0.0.1:{port}"))
    assert (found.code, found.failed_step) == ("refused", Step.TCP)
    assert "proxy cannot be reached" in str(found.cause)
    assert "proxy" in str(found.cure)


def test_an_encrypted_server_behind_a_proxy() -> None:
    with Web(mirror, certificate="good") as web:
        sources = Sources(index_url="https://index.test/simple", certificate=str(AUTHORITY))
        with Proxy(web.port) as proxy:
            found = one(Source.INDEX, replace(sources, proxy=proxy.url))
            assert found.usable, found
            assert [taken.step for taken in found.steps] == list(Step)
            assert "CONNECT index.test:443 HTTP/1.1" in proxy.log
        with Proxy(web.port, login="a:b") as proxy:
            found = one(Source.INDEX, replace(sources, proxy=proxy.url))
            assert (found.code, found.failed_step) == ("proxy_password", Step.PROXY)
        with Proxy(web.port, refuses=True) as proxy:
            assert one(Source.INDEX, replace(sources, proxy=proxy.url)).code == "proxy_refuses"
        with Web(mirror) as no_proxy:
            assert one(Source.INDEX, replace(sources, proxy=no_proxy.url)).failed_step is Step.PROXY


def test_this_computer_is_never_asked_for_through_a_proxy(far: Web) -> None:
    with Proxy(far.port) as proxy:
        assert one(Source.INDEX, replace(of(far), proxy=proxy.url)).usable
        assert proxy.log == []


def test_folders_are_looked_for(tmp_path: Path) -> None:
    assert one(Source.INDEX, Sources(index_url=tmp_path.as_uri())).usable
    gone = one(Source.INDEX, Sources(index_url=(tmp_path / "gone").as_uri()))
    assert (gone.code, gone.steps) == ("no_folder", ())
    assert one(Source.CONDA, Sources(channels=(str(tmp_path),))).usable


def test_cancel_ends_what_waits() -> None:
    with Web(lambda _: Reply(silent=True)) as web:
        started = time.monotonic()
        with pytest.raises(Cancelled):
            reach(tuple(Source), of(web), "", Keeping(lambda _: time.monotonic() - started > 0.3))
        assert time.monotonic() - started < 3


def test_steps_have_names() -> None:
    assert len({str(step_words(step)) for step in Step}) == len(Step)


def test_an_index_that_answers_is_no_problem(tmp_path: Path) -> None:
    sample_packages(tmp_path)
    with LocalIndex(tmp_path) as good, Web(lambda _: Reply(404)) as empty:
        sources = Sources(index_url=good.url)
        assert index_problem(sources, Silent()) is None
        problem = index_problem(replace(sources, extra_index_urls=(f"{empty.url}/simple",)), Silent())
        assert problem is not None
        assert problem.code == "bad_index"
        assert f"{empty.url}/simple" in str(problem.title)
        assert index_problem(Sources(index_url=f"{empty.url}/simple", no_index=True), Silent()) is None
        assert index_problem(Sources(index_url=f"{empty.url}/simple", offline=True), Silent()) is None
