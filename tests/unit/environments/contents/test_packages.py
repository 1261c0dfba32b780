"""The packages of real environments, made by uv and of conda packages, and of damaged ones."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.processes import run
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.contents.packages import PackageFacts, last_used, outdated, package_facts
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.manifest import Manifest, write_manifest
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.records import Engine, Environment, Request, Sources
from aienv_gui.environments.uv.command import uv_program
from tests.fakes.channel.packing import index_channel, python_package
from tests.fakes.channel.running_python import MINOR, running_python
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages
from tests.fakes.reporters import Keeping
from tests.fakes.web import Proxy


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as running:
        yield running


def made_by_uv(prefix: Path, index: LocalIndex, *requirements: str) -> Environment:
    """A real environment; the packages come from the index."""
    commands: list[list[str | Path]] = [
        ["venv", "--python", sys.executable, prefix],
        ["pip", "install", "--python", prefix, "--default-index", index.url, *requirements],
    ]
    for arguments in commands:
        outcome = run(
            [uv_program(), *arguments, "--no-config", "--cache-dir", prefix.parent / "uv-cache"], timeout_s=60
        )
        assert outcome.code == 0, outcome.stderr
    return read_environment(prefix)


def by_name(environment: Environment) -> dict[str, PackageFacts]:
    return {facts.name: facts for facts in package_facts(environment, Silent())}


def site_of(environment: Environment) -> Path:
    return next((environment.prefix / "lib").glob("python3.*/site-packages"))


def test_a_real_environment_tells_who_needs_whom(index: LocalIndex, tmp_path: Path) -> None:
    make_wheel(index.folder, "studio", "1.0", requires=["Easel[pretty]", "colours; python_version<'3'", "brush"])
    make_wheel(index.folder, "easel", "2.0", requires=["paint; extra == 'pretty'", "nothing; extra == 'other'"])
    environment = made_by_uv(tmp_path / "env", index, "studio", "colours")
    facts = by_name(environment)
    assert set(facts) == {"brush", "colours", "easel", "paint", "studio"}
    assert facts["studio"].requires == ("brush", "easel")
    assert facts["easel"].requires == ("paint",)
    assert facts["paint"].required_by == ("colours", "easel")
    assert all(package.missing == () for package in facts.values())
    assert {package.installer for package in facts.values()} == {"uv"}
    brush = facts["brush"].size_bytes
    assert brush is not None
    assert 256 * 4000 < brush < 256 * 4000 + 5000
    assert not any(package.asked for package in facts.values())


def test_what_was_asked_for_and_what_is_missing_is_told(index: LocalIndex, tmp_path: Path) -> None:
    environment = made_by_uv(tmp_path / "env", index, "colours", "brush")
    request = Request("env", Engine.UV, MINOR, ("Colours>=3", "no such thing"))
    write_manifest(environment.prefix, Manifest(request, built=1.0, build="b"))
    outcome = run([uv_program(), "pip", "uninstall", "--python", environment.prefix, "paint"], timeout_s=60)
    assert outcome.code == 0
    facts = by_name(read_environment(environment.prefix))
    assert {name for name, package in facts.items() if package.asked} == {"colours"}
    assert facts["colours"].missing == ("paint",)


def test_damage_is_borne(index: LocalIndex, tmp_path: Path) -> None:
    environment = made_by_uv(tmp_path / "env", index, "colours", "brush")
    site = site_of(environment)
    (site / "colours-3.1.dist-info" / "METADATA").write_bytes(b"\x00\xff\xfe" * 1000)
    (site / "colours-3.1.dist-info" / "RECORD").unlink()
    (site / "paint-2.4.dist-info" / "RECORD").write_bytes(b'"\x00,,\n' * 50)
    (site / "\x1b[31mred-1.0.dist-info").mkdir()
    (site / "pipe-1.0.dist-info").mkdir()
    os.mkfifo(site / "pipe-1.0.dist-info" / "METADATA")  # waits for a writer that never comes
    os.mkfifo(site / "pipe-1.0.dist-info" / "RECORD")
    (site / "loop-1.0.dist-info").symlink_to("loop-1.0.dist-info")
    (site / "empty-1.0.dist-info").write_text("a file")
    (site / "loud-1.0.dist-info").mkdir()
    (site / "loud-1.0.dist-info" / "METADATA").write_text("Name: loud\nSummary: \x1b[2J\x07red\nRequires-Dist: ((\n\n")
    facts = by_name(environment)
    assert set(facts) == {"brush", "colours", "empty", "loop", "loud", "paint", "pipe"}
    assert facts["colours"].version == "3.1"
    assert facts["colours"].size_bytes is None
    assert facts["pipe"].size_bytes is None
    assert facts["loud"].summary == "[2J red"
    assert facts["loud"].requires == ()


def test_reading_can_be_cancelled(index: LocalIndex, tmp_path: Path, folders: Folders) -> None:
    environment = made_by_uv(tmp_path / "env", index, "colours")
    with pytest.raises(Cancelled):
        package_facts(environment, Keeping(lambda _: True))
    with pytest.raises(Cancelled):
        outdated(environment, Sources(index_url=index.url), folders, Keeping(lambda _: True))


def test_old_packages_tell_what_they_need(tmp_path: Path) -> None:
    site = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    old = site / "old-1.0-py3.11.egg-info"
    old.mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")
    (old / "PKG-INFO").write_text("Name: old\nVersion: 1.0\nSummary: from another time\n")
    (old / "requires.txt").write_text("new>=1\n\n[fast]\nquick\n\n[:python_version >= '3.0']\nthree\n")
    (site / "new-2.0-py3.11.egg-info").write_text("Name: new\nVersion: 2.0\n")
    facts = by_name(read_environment(tmp_path / "env"))
    assert facts["old"].requires == ("new",)
    assert facts["old"].missing == ("three",)
    assert facts["new"].required_by == ("old",)
    assert facts["old"].summary == "from another time"


# Newer versions


@pytest.mark.parametrize("speaks_json", [True, False])
def test_newer_versions_are_told(index: LocalIndex, tmp_path: Path, folders: Folders, speaks_json: bool) -> None:
    environment = made_by_uv(tmp_path / "env", index, "paint==1.5", "colours==3.1", "brush", "--no-deps")
    make_wheel(index.folder, "brush", "8.0", python=">=3.99")
    make_wheel(index.folder, "brush", "9.0rc1")
    make_wheel(index.folder, "brush", "7.5", tag="cp27-cp27m-win32")
    make_wheel(index.folder, "colours", "3.1.post2")
    index.json = speaks_json
    index.log.clear()
    newest = outdated(environment, Sources(index_url=index.url), folders, Silent())
    # The old pages of this index do not tell which Python a file needs.
    assert newest == {"paint": "2.4", "colours": "3.1.post2"} | ({} if speaks_json else {"brush": "8.0"})
    asked = len(index.log)
    assert asked == 3
    assert outdated(environment, Sources(index_url=index.url), folders, Silent()) == newest
    assert len(index.log) == asked  # kept
    changed = made_by_uv(tmp_path / "env2", index, "paint==1.5")
    assert outdated(changed, Sources(index_url=index.url), folders, Silent()) == {"paint": "2.4"}


def test_yanked_versions_do_not_count(index: LocalIndex, tmp_path: Path, folders: Folders) -> None:
    environment = made_by_uv(tmp_path / "env", index, "paint==1.5")
    index.yanked.add("paint-2.4-py3-none-any.whl")
    assert outdated(environment, Sources(index_url=index.url), folders, Silent()) == {}


def test_an_early_version_is_offered_to_who_has_one(index: LocalIndex, tmp_path: Path, folders: Folders) -> None:
    make_wheel(index.folder, "paint", "3.0a1")
    make_wheel(index.folder, "paint", "3.0a2")
    environment = made_by_uv(tmp_path / "env", index, "paint==3.0a1")
    assert outdated(environment, Sources(index_url=index.url), folders, Silent()) == {"paint": "3.0a2"}


def test_a_build_of_its_own_is_not_older_than_the_ordinary_one(
    index: LocalIndex, tmp_path: Path, folders: Folders
) -> None:
    make_wheel(index.folder, "torch", "2.4+cpu")
    environment = made_by_uv(tmp_path / "env", index, "torch")
    make_wheel(index.folder, "torch", "2.4")
    make_wheel(index.folder, "torch", "2.4+cu128")
    assert outdated(environment, Sources(index_url=index.url), folders, Silent()) == {}


def test_one_package_that_is_not_there_is_left_out(index: LocalIndex, tmp_path: Path, folders: Folders) -> None:
    environment = made_by_uv(tmp_path / "env", index, "paint==1.5", "brush")
    (index.folder / "brush-7.0-py3-none-any.whl").unlink()
    assert outdated(environment, Sources(index_url=index.url), folders, Silent()) == {"paint": "2.4"}


def test_an_index_that_is_away_is_a_problem(index: LocalIndex, tmp_path: Path, folders: Folders) -> None:
    environment = made_by_uv(tmp_path / "env", index, "paint==1.5")
    index.stop()
    with pytest.raises(Problem) as raised:
        outdated(environment, Sources(index_url=index.url), folders, Silent())
    assert raised.value.code == "no_network"
    assert "127.0.0.1" in str(raised.value.cause)


def test_an_index_that_refuses_is_a_problem_without_its_password(tmp_path: Path, folders: Folders) -> None:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as index:
        environment = made_by_uv(tmp_path / "env", index, "paint==1.5")
        index.login = "reader:right"
        wrong = index.url.replace("://", "://reader:hunter2@")
        with pytest.raises(Problem) as raised:
            outdated(environment, Sources(index_url=wrong), folders, Silent())
        assert raised.value.code == "refused_access"
        assert "hunter2" not in f"{raised.value}{raised.value.cause}{raised.value.details}"
        assert outdated(environment, Sources(index_url=index.url_with_login), folders, Silent()) == {"paint": "2.4"}
    assert "right" not in "".join(file.read_text() for file in (folders.cache / "outdated").iterdir())


def test_newer_versions_are_asked_for_the_sources_way(
    index: LocalIndex, tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    environment = made_by_uv(tmp_path / "env", index, "paint==1.5")
    with Proxy(int(index.url.split(":")[2].split("/")[0]), login="anna:hunter2") as proxy:
        way = proxy.url.replace("://", "://anna:hunter2@")
        sources = Sources(index_url="http://index.test/simple", proxy=way)
        assert outdated(environment, sources, folders, Silent()) == {"paint": "2.4"}
        assert any(line.startswith("GET http://index.test/simple/paint/") for line in proxy.log)


def test_offline_no_index_is_asked(index: LocalIndex, tmp_path: Path, folders: Folders) -> None:
    environment = made_by_uv(tmp_path / "env", index, "paint==1.5")
    index.log.clear()
    offline = Sources(index_url=index.url, offline=True)
    with pytest.raises(Problem) as raised:
        outdated(environment, offline, folders, Silent())
    assert raised.value.code == "offline"
    with_folder = replace(offline, find_links=(str(index.folder),))
    assert outdated(environment, with_folder, folders, Silent()) == {"paint": "2.4"}
    assert index.log == []


def test_folders_of_packages_count_too(index: LocalIndex, tmp_path: Path, folders: Folders) -> None:
    environment = made_by_uv(tmp_path / "env", index, "paint==1.5")
    index.log.clear()
    sources = Sources(find_links=(str(index.folder),), no_index=True)
    assert outdated(environment, sources, folders, Silent()) == {"paint": "2.4"}
    assert index.log == []


# conda


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channel")
    for package in (
        running_python(),
        python_package("colours", "3.1", {"colours.py": ""}, requires=["paint"], depends=["python", "paint >=1"]),
        python_package("paint", "1.9", {"paint.py": ""}),
    ):
        package.write(folder)
    index_channel(folder)
    return folder


def test_conda_packages_are_told_and_asked_for(channel: Path, folders: Folders) -> None:
    request = Request("second", Engine.CONDA, MINOR, ("colours",))
    sources = Sources(channels=(str(channel),))
    environment = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
    facts = by_name(environment)
    assert set(facts) == {"colours", "paint", "python"}  # and not once more as Python packages
    assert facts["colours"].requires == ("paint", "python")
    assert facts["paint"].required_by == ("colours",)
    assert facts["paint"].installer == "conda"
    assert {name for name, package in facts.items() if package.asked} == {"colours", "python"}
    assert (facts["python"].size_bytes or 0) > 5_000_000
    assert outdated(environment, sources, folders, Silent()) == {}

    python_package("paint", "2.0", {"paint.py": ""}).write(channel)
    python_package("paint", "2.5rc1", {"paint.py": ""}).write(channel)
    python_package("paint", "3.0", {"paint.py": ""}, depends=["python >=3.99"]).write(channel)
    python_package("colours", "4.0", {"colours.py": ""}, depends=["python", "__elsewhere >=1"]).write(channel)
    index_channel(channel)
    for kept in (folders.cache / "outdated").iterdir():
        kept.unlink()
    assert outdated(environment, sources, folders, Silent()) == {"paint": "2.0"}


def test_a_channel_that_is_none_is_a_problem(channel: Path, folders: Folders, tmp_path: Path) -> None:
    request = Request("third", Engine.CONDA, MINOR, ())
    sources = Sources(channels=(str(channel),))
    environment = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
    with pytest.raises(Problem) as raised:
        outdated(environment, Sources(channels=(str(tmp_path / "none"),)), folders, Silent())
    assert raised.value.code == "no_channel"


# The last use


def test_the_last_use_is_when_a_compiled_file_was_read(index: LocalIndex, tmp_path: Path) -> None:
    environment = made_by_uv(tmp_path / "env", index, "paint")
    site = site_of(environment)
    long_ago = time.time() - 400 * 86400
    for path in (*site.rglob("*"), site):
        os.utime(path, (long_ago, long_ago))
    found = last_used(environment)
    assert found is not None
    assert abs(found - long_ago) < 1
    environment_of_python = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    outcome = run([environment.python, "-c", "import paint"], timeout_s=60, environment=environment_of_python)
    assert outcome.code == 0
    found = last_used(environment)
    assert found is not None
    assert time.time() - found < 60


def test_the_last_use_of_nothing_is_not_known(tmp_path: Path) -> None:
    assert last_used(read_environment(tmp_path / "nothing")) is None
