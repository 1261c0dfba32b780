"""Offline kits: made from real builds, built again without any network, refused where they are not whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.files import sharing
from aienv_gui.environments.files.platforms import this_subdir
from aienv_gui.environments.kit import write_kit
from aienv_gui.environments.planning.file_reading import read_file
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Environment, Form, Maker, Package, Plan, Request, Sources
from tests.fakes.channel.running_python import MINOR
from tests.fakes.channel.samples import sample_channel
from tests.fakes.channel.server import ChannelServer
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_source, sample_packages
from tests.fakes.reporters import Keeping

NOWHERE = Sources(index_url="http://127.0.0.1:9/simple", channels=("http://127.0.0.1:9/none",))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    make_source(tmp_path / "served", "easel", "1.0")
    with LocalIndex(tmp_path / "served", login="me:s3cret word") as running:
        yield running


@pytest.fixture
def built(index: LocalIndex, folders: Folders) -> Environment:
    sources = Sources(index_url=index.url_with_login)
    request = Request("图片 one", Engine.UV, default_python(), ("colours", "brush", "easel"), imports=("paint",))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


@pytest.fixture
def elsewhere(tmp_path: Path) -> Folders:
    """Another computer: nothing was downloaded there."""
    return Folders.under(tmp_path / "elsewhere")


def planned(kit: Path, folders: Folders, name: str = "") -> Plan:
    return make_plan(read_file(kit, name=name).request, NOWHERE, folders, Silent())


def test_a_kit_builds_the_same_without_network(
    built: Environment, index: LocalIndex, folders: Folders, elsewhere: Folders, tmp_path: Path
) -> None:
    shutil.rmtree(folders.cache)  # what is not here any more is downloaded again
    reporter = Keeping()
    kit = write_kit(built, tmp_path / "给 you", Sources(index_url=index.url_with_login), folders, reporter)
    assert [path.name for path in kit.parent.iterdir()] == [kit.name]
    assert sorted(path.name for path in (kit / "packages").iterdir()) == [
        "brush-7.0-py3-none-any.whl",
        "colours-3.1-py3-none-any.whl",
        "easel-1.0-py3-none-any.whl",  # built here: the other computer builds nothing
        "paint-2.4-py3-none-any.whl",
    ]
    assert any(done == total for done, total in reporter.amounts)
    for path in kit.rglob("*"):
        if path.is_file():
            assert b"s3cret" not in path.read_bytes(), path
    assert "Python " + default_python() in (kit / "README.txt").read_text(encoding="utf-8")
    assert "图片 one" in (kit / "README.zh_CN.txt").read_text(encoding="utf-8")
    index.stop()
    for place in (kit, kit / "kit.json"):
        plan = planned(place, elsewhere, name=f"from {place.name}")
        assert plan.download_bytes == 0
        assert plan.request.imports == ("paint",)
        copy = transaction.build(plan, NOWHERE, elsewhere, Silent())
        assert copy.packages == built.packages
    again = write_kit(copy, tmp_path, NOWHERE, elsewhere, Silent())  # a kit of what came from a kit
    assert json.loads((again / "kit.json").read_text())["files"]


def test_a_second_kit_stands_beside_the_first(built: Environment, folders: Folders, tmp_path: Path) -> None:
    first = write_kit(built, tmp_path / "kits", NOWHERE, folders, Silent())
    second = write_kit(built, tmp_path / "kits", NOWHERE, folders, Silent())
    assert first != second
    assert {path.name for path in (tmp_path / "kits").iterdir()} == {first.name, second.name}


def _copying(reporter: Keeping) -> bool:
    return any("Copying" in text for text in reporter.statuses)


def test_a_kit_that_is_cancelled_leaves_nothing(built: Environment, folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        write_kit(built, tmp_path / "kits", NOWHERE, folders, Keeping(_copying))
    assert list((tmp_path / "kits").iterdir()) == []


@pytest.fixture
def kit(built: Environment, folders: Folders, tmp_path: Path) -> Path:
    return write_kit(built, tmp_path / "kits", NOWHERE, folders, Silent())


def changed(folder: Path, **values: object) -> Path:
    data = json.loads((folder / "kit.json").read_text(encoding="utf-8"))
    (folder / "kit.json").write_text(json.dumps({**data, **values}), encoding="utf-8")
    return folder


def refusal(kit: Path) -> Problem:
    with pytest.raises(Problem) as raised:
        read_file(kit, name="x")
    assert raised.value.cure is not None
    return raised.value


def test_a_kit_that_is_not_whole_or_not_for_this_computer_is_told(kit: Path, elsewhere: Folders) -> None:
    wheel = kit / "packages" / "paint-2.4-py3-none-any.whl"
    content = wheel.read_bytes()
    wheel.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # the same length
    plan = planned(kit, elsewhere, "altered")
    with pytest.raises(Problem) as raised:
        transaction.build(plan, NOWHERE, elsewhere, Silent())
    assert raised.value.code == "damaged_download"
    assert str(wheel) in str(raised.value.cause)
    assert transaction.unfinished(elsewhere) == ()
    wheel.write_bytes(content + b"!")
    assert "paint-2.4-py3-none-any.whl is not the file" in str(refusal(kit).cause)
    wheel.unlink()
    assert "1 file is missing: paint-2.4-py3-none-any.whl" in str(refusal(kit).cause)
    with pytest.raises(Problem):  # taken away after the wizard has read it
        make_plan(plan.request, NOWHERE, elsewhere, Silent())


def test_kits_that_are_something_else_are_told(kit: Path) -> None:
    problem = refusal(changed(kit, platform="win-64" if this_subdir() != "win-64" else "linux-64"))
    assert problem.code == "other_platform"
    assert this_subdir() in str(problem.cause)
    assert refusal(changed(kit, version=99)).code == "newer_file"
    whole = json.loads((kit / "kit.json").read_text(encoding="utf-8"))["files"][0]
    wrong: tuple[dict[str, object], ...] = (
        {"files": [{**whole, "name": "../x"}]},
        {"files": [{**whole, "name": "..\\x"}]},
        {"files": [{**whole, "sha256": "../x"}]},
        {"files": [{**whole, "package": "paint\n--index-url=http://evil.example"}]},
        {"files": [{**whole, "package": "--all"}]},
        {"files": []},
        {"files": 3},
        {"kit": "other"},
    )
    for values in wrong:
        changed(kit, version=1, platform=this_subdir())
        assert refusal(changed(kit, **values)).code == "bad_file"
    (kit / "kit.json").write_text("[" * 100_000)
    assert refusal(kit).code == "bad_file"
    (kit / "kit.json").unlink()
    assert "pylock.toml" in str(refusal(kit).cause)  # a folder all the same: what can be chosen in it


def test_of_what_others_made_there_is_no_kit(tmp_path: Path, folders: Folders) -> None:
    (tmp_path / "theirs").mkdir()
    packages = (Package("numpy", "2.1.0"), Package("pip", "25.0"))
    theirs = Environment(tmp_path / "theirs", tmp_path / "python", "theirs", Maker.VENV, "3.11.7", packages)
    assert Form.KIT not in sharing.forms_of(theirs, Silent())
    with pytest.raises(Problem) as raised:
        write_kit(theirs, tmp_path, NOWHERE, folders, Silent())
    assert raised.value.code == "no_kit"
    assert "numpy 2.1.0" in str(raised.value.cause)


def test_a_package_added_by_another_program_is_not_left_out_in_silence(
    built: Environment, folders: Folders, tmp_path: Path
) -> None:
    grown = replace(built, packages=(*built.packages, Package("stranger", "1.0")))
    with pytest.raises(Problem, match=r"stranger 1\.0"):
        write_kit(grown, tmp_path / "kits", NOWHERE, folders, Silent())
    text = sharing.export(grown, Form.PYLOCK, tmp_path / "pylock.toml", Silent(), folders).read_text(encoding="utf-8")
    assert "# Not in this list, because another program installed it: stranger 1.0" in text


@pytest.mark.slow
def test_a_conda_kit_builds_the_same_without_network(
    index: LocalIndex, folders: Folders, elsewhere: Folders, tmp_path: Path
) -> None:
    with ChannelServer(sample_channel(tmp_path / "channel")) as server:
        sources = Sources(index_url=index.url_with_login, channels=(server.url,))
        request = Request(
            "first", Engine.CONDA, MINOR, ("colours", "patched"), channels=(server.url,), pip_requirements=("brush",)
        )
        built = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
        shutil.rmtree(folders.cache)
        kit = write_kit(built, tmp_path / "kits", sources, folders, Silent())
    index.stop()
    plan = planned(kit, elsewhere, "copy")
    assert plan.download_bytes == 0
    copy = transaction.build(plan, NOWHERE, elsewhere, Silent())
    assert copy.packages == built.packages
    by_list = make_plan(read_file(kit / "conda-explicit.txt", name="list").request, NOWHERE, elsewhere, Silent())
    assert {file.filename for file in by_list.files} == {f.filename for f in plan.files if f.package != "brush"}
    assert by_list.download_bytes == 0
    record = json.loads(next((copy.prefix / "conda-meta").glob("colours-*.json")).read_text())
    assert record["url"].startswith(server.url)  # where it comes from, not where the kit lay
    again = sharing.export(copy, Form.EXPLICIT, tmp_path / "list.txt", Silent())
    assert server.url in again.read_text()
    (built.prefix / "aienv.json").unlink()  # as if conda itself had made it
    with pytest.raises(Problem, match=r"brush 7\.0"):
        write_kit(replace(read_environment(built.prefix), maker=Maker.CONDA), tmp_path, NOWHERE, folders, Silent())


@pytest.mark.slow
def test_of_conda_s_own_environments_there_is_a_kit(folders: Folders, elsewhere: Folders, tmp_path: Path) -> None:
    with ChannelServer(sample_channel(tmp_path / "channel")) as server:
        sources = Sources(channels=(server.url,))
        request = Request("first", Engine.CONDA, MINOR, ("paint",), channels=(server.url,))
        built = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
        (built.prefix / "aienv.json").unlink()
        theirs = replace(read_environment(built.prefix), maker=Maker.CONDA)
        kit = write_kit(theirs, tmp_path / "kits", sources, folders, Silent())
    copy = transaction.build(planned(kit, elsewhere, "copy"), NOWHERE, elsewhere, Silent())
    assert copy.packages == built.packages
