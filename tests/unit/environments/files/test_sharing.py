"""What is shared builds the same environment elsewhere: files written from real builds, read back and planned."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.files import sharing
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python, request_of_file
from aienv_gui.environments.records import Engine, Environment, Form, Maker, Package, Request, Sources
from tests.fakes.channel.running_python import MINOR
from tests.fakes.channel.samples import sample_channel
from tests.fakes.channel.server import ChannelServer
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import sample_packages


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as running:
        yield running


@pytest.fixture
def built(index: LocalIndex, folders: Folders) -> Environment:
    sources = Sources(index_url=index.url)
    request = Request("图片 one", Engine.UV, default_python(), ("colours", "brush"))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


def test_a_list_with_hashes_plans_the_very_same_files(
    built: Environment, index: LocalIndex, folders: Folders, tmp_path: Path
) -> None:
    file = sharing.export(built, Form.REQUIREMENTS, tmp_path / "给 you" / "requirements.txt", Silent())
    text = file.read_text(encoding="utf-8")
    assert text.count("--hash=sha256:") >= 3
    plan = make_plan(request_of_file(file, name="again"), Sources(index_url=index.url), folders, Silent())
    assert {(f.package, f.version) for f in plan.files} == {("colours", "3.1"), ("paint", "2.4"), ("brush", "7.0")}
    file.write_text(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", text), encoding="utf-8")
    with pytest.raises(Problem):  # the hashes are insisted on
        make_plan(request_of_file(file, name="other"), Sources(index_url=index.url), folders, Silent())


def test_the_lock_is_the_one_it_was_built_from(built: Environment, tmp_path: Path) -> None:
    assert Form.PYLOCK in sharing.forms_of(built, Silent())
    lock = tomllib.loads(sharing.export(built, Form.PYLOCK, tmp_path / "pylock.toml", Silent()).read_text())
    assert {(p["name"], p["version"]) for p in lock["packages"]} == {
        ("colours", "3.1"),
        ("paint", "2.4"),
        ("brush", "7.0"),
    }


def test_a_conda_file_of_a_pip_environment_asks_for_the_same_packages(built: Environment, tmp_path: Path) -> None:
    file = sharing.export(built, Form.ENVIRONMENT, tmp_path / "environment.yml", Silent())
    request = request_of_file(file, name="")
    assert request.name == "图片 one"
    assert request.engine is Engine.CONDA
    assert set(request.pip_requirements) == {"colours==3.1", "paint==2.4", "brush==7.0"}


def test_what_others_made_is_shared_without_hashes_and_that_is_said(tmp_path: Path) -> None:
    prefix = tmp_path / "theirs"
    prefix.mkdir()
    packages = (Package("numpy", "2.1.0"), Package("pip", "25.0"))
    theirs = Environment(prefix, prefix / "python", "theirs", Maker.VENV, "3.11.7", packages)
    assert sharing.forms_of(theirs, Silent()) == (Form.REQUIREMENTS, Form.ENVIRONMENT)
    text = sharing.export(theirs, Form.REQUIREMENTS, tmp_path / "r.txt", Silent()).read_text()
    assert "numpy==2.1.0\n" in text
    assert "pip==" not in text
    assert "hashes are not known" in text
    with pytest.raises(Problem, match="cannot be written"):
        sharing.export(theirs, Form.EXPLICIT, tmp_path / "e.txt", Silent())
    assert not (tmp_path / "e.txt").exists()


def test_an_environment_that_is_gone_is_told(built: Environment, tmp_path: Path, folders: Folders) -> None:
    transaction.delete(built, folders, Silent())
    with pytest.raises(Problem) as raised:
        sharing.export(built, Form.REQUIREMENTS, tmp_path / "r.txt", Silent())
    assert raised.value.code == "gone"


@pytest.mark.slow
def test_a_conda_environment_is_shared_as_list_and_as_exact_lock(folders: Folders, tmp_path: Path) -> None:
    with ChannelServer(sample_channel(tmp_path / "channel")) as server:
        sources = Sources(channels=(server.url,))
        request = Request("first", Engine.CONDA, MINOR, ("colours",), channels=(server.url,))
        built = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
        assert sharing.forms_of(built, Silent()) == (Form.ENVIRONMENT, Form.EXPLICIT, Form.CONDA_LOCK, Form.KIT)
        file = sharing.export(built, Form.ENVIRONMENT, tmp_path / "environment.yml", Silent())
        again = make_plan(request_of_file(file, name="again"), sources, folders, Silent())
        explicit = sharing.export(built, Form.EXPLICIT, tmp_path / "list.txt", Silent()).read_text().splitlines()
    installed = {(package.name, package.version) for package in built.packages}
    assert {(file.package, file.version) for file in again.files} == installed
    assert explicit[2] == "@EXPLICIT"
    assert {line.split("#")[0] for line in explicit[3:]} == {file.url for file in again.files}


def test_secrets_of_a_channel_are_not_shared(tmp_path: Path) -> None:
    prefix = tmp_path / "conda"
    (prefix / "conda-meta").mkdir(parents=True)
    record = {
        "name": "colours",
        "version": "3.1",
        "url": "https://me:word@c.example/t/tk-123/ch/colours-3.1.conda",
        "md5": "ab",
    }
    (prefix / "conda-meta" / "colours-3.1-0.json").write_text(json.dumps(record), encoding="utf-8")
    (prefix / "conda-meta" / "broken.json").write_text("{", encoding="utf-8")
    environment = read_environment(prefix)
    text = sharing.export(environment, Form.EXPLICIT, tmp_path / "list.txt", Silent()).read_text()
    assert text.splitlines()[3:] == ["https://c.example/ch/colours-3.1.conda#ab"]
    locked = sharing.export(environment, Form.CONDA_LOCK, tmp_path / "conda-lock.yml", Silent()).read_text()
    assert "https://c.example/ch/colours-3.1.conda" in locked
    assert "word" not in locked
    assert "tk-123" not in locked
