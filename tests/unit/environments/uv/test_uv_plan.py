"""Plans made by the real uv on a local index."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.processes import Outcome, run
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.manifest import request_from_json, request_to_json
from aienv_gui.environments.planning.file_reading import read_file
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Request, Sources
from aienv_gui.environments.sources import download
from aienv_gui.environments.uv import command as uv_command
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_source, make_wheel, sample_packages


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as running:
        yield running


def asking(*requirements: str, name: str = "e", accelerator: str = "cpu") -> Request:
    return Request(name, Engine.UV, default_python(), requirements, accelerator=accelerator)


def from_index(index: LocalIndex) -> Sources:
    return Sources(index_url=index.url)


def test_plan_names_exact_files_with_sizes_and_hashes(index: LocalIndex, folders: Folders) -> None:
    plan = make_plan(asking("colours"), from_index(index), folders, Silent())
    assert [(file.package, file.version) for file in plan.files] == [("colours", "3.1"), ("paint", "2.4")]
    for file in plan.files:
        served = index.folder / file.filename
        assert file.size_bytes == served.stat().st_size
        assert file.sha256 == download.sha256_of(served)
        assert not file.cached
    assert plan.download_bytes == sum(file.size_bytes or 0 for file in plan.files)
    assert plan.installed_bytes > plan.download_bytes
    assert plan.fits
    assert not folders.environments.exists()
    assert not folders.staging.exists()


def test_sizes_are_asked_for_where_the_index_tells_none(index: LocalIndex, folders: Folders) -> None:
    index.json = index.sizes = False
    plan = make_plan(asking("brush"), from_index(index), folders, Silent())
    assert plan.files[0].size_bytes == (index.folder / plan.files[0].filename).stat().st_size


def test_what_is_here_already_is_not_downloaded_again(index: LocalIndex, folders: Folders) -> None:
    plan = make_plan(asking("colours", "brush"), from_index(index), folders, Silent())
    download.fetch(plan.files[:1], from_index(index), folders, Silent())
    again = make_plan(asking("colours", "brush"), from_index(index), folders, Silent())
    assert [file.cached for file in again.files] == [True, False, False]
    assert again.download_bytes == plan.download_bytes - (plan.files[0].size_bytes or 0)


def test_conflict_is_one_readable_sentence(index: LocalIndex, folders: Folders) -> None:
    with pytest.raises(Problem) as raised:
        make_plan(asking("oldpaint", "paint>=2"), from_index(index), folders, Silent())
    assert raised.value.code == "conflict"
    assert str(raised.value.cause) == "oldpaint needs paint<2, but paint>=2 is asked for."


def test_conflict_between_two_packages(index: LocalIndex, folders: Folders) -> None:
    with pytest.raises(Problem) as raised:
        make_plan(asking("oldpaint", "colours"), from_index(index), folders, Silent())
    assert raised.value.code == "conflict"
    assert "needs paint<2" in str(raised.value.cause)
    assert "needs paint>=2" in str(raised.value.cause)


def test_wheels_named_by_their_place_are_planned(index: LocalIndex, folders: Folders, tmp_path: Path) -> None:
    make_wheel(tmp_path / "my wheels", "easel", "5.0", requires=["paint"])
    (tmp_path / "r.txt").write_text(
        f"./my wheels/easel-5.0-py3-none-any.whl\n{index.root}/files/brush-7.0-py3-none-any.whl\n"
    )
    request = read_file(tmp_path / "r.txt", name="x").request
    plan = make_plan(request, from_index(index), folders, Silent())
    assert {file.filename for file in plan.files} == {
        "easel-5.0-py3-none-any.whl",
        "brush-7.0-py3-none-any.whl",
        "paint-2.4-py3-none-any.whl",
    }
    assert all(len(file.sha256) == 64 for file in plan.files)
    download.fetch(plan.files, from_index(index), folders, Silent())


def test_what_a_list_says_of_kinds_of_files_is_followed(index: LocalIndex, folders: Folders) -> None:
    make_source(index.folder, "paint", "2.4")
    make_wheel(index.folder, "paint", "3.0rc1")
    make_source(index.folder, "easel", "1.0")

    def found(**changes: Any) -> set[str]:
        request = replace(asking("paint", *changes.pop("more", ())), **changes)
        return {file.filename for file in make_plan(request, from_index(index), folders, Silent()).files}

    assert found() == {"paint-2.4-py3-none-any.whl"}
    assert found(prereleases=True) == {"paint-3.0rc1-py3-none-any.whl"}
    assert found(no_binary=("paint",)) == {"paint-2.4.tar.gz"}
    assert found(no_binary=(":all:",)) == {"paint-2.4.tar.gz"}
    assert found(more=("easel",)) == {"paint-2.4-py3-none-any.whl", "easel-1.0.tar.gz"}
    for only in (":all:", "easel"):
        with pytest.raises(Problem) as raised:
            found(more=("easel",), only_binary=(only,))
        assert raised.value.code == "source_only"


@pytest.mark.parametrize(
    ("requirements", "constraints", "sentence"),
    [
        (("paint<2,>=2",), (), "paint<2 and paint>=2 exclude each other."),
        (("colours",), ("paint<2",), "colours needs paint>=2, but paint<2 is asked for."),
        (("frame", "paint<2"), (), "frame<=1.0 needs paint>=2, but paint<2 is asked for."),
        (("gallery", "paint<2"), (), "colours needs paint>=2, but paint<2 is asked for."),
    ],
)
def test_what_stands_against_what_is_told_in_plain_words(
    index: LocalIndex,
    folders: Folders,
    requirements: tuple[str, ...],
    constraints: tuple[str, ...],
    sentence: str,
) -> None:
    make_wheel(index.folder, "frame", "1.0", requires=["paint>=2"])
    make_wheel(index.folder, "frame", "1.1", requires=["paint>=2"], python=">=3.99")  # it is not what stands against
    make_wheel(index.folder, "gallery", requires=["colours==3.1"])
    request = replace(asking(*requirements), constraints=constraints)
    with pytest.raises(Problem) as raised:
        make_plan(request, from_index(index), folders, Silent())
    assert (raised.value.code, str(raised.value.cause)) == ("conflict", sentence), raised.value.details
    assert "Because" not in str(raised.value)


@pytest.mark.parametrize(
    ("requirement", "code", "said"),
    [
        ("nosuchthing", "no_such_package", "There is no package called “nosuchthing”."),
        ("paint==9", "no_such_version", "There is no version that fits “paint==9”."),
        ("future", "other_python", "future"),
    ],
)
def test_what_is_not_offered_is_told(
    index: LocalIndex, folders: Folders, requirement: str, code: str, said: str
) -> None:
    make_wheel(index.folder, "future", "1.0", tag="cp399-cp399-any")
    with pytest.raises(Problem) as raised:
        make_plan(asking(requirement), from_index(index), folders, Silent())
    assert raised.value.code == code
    assert said in str(raised.value.cause)


def test_package_for_other_pythons_is_told_with_those(index: LocalIndex, folders: Folders) -> None:
    """One sentence from which the user can choose another Python."""
    for tag in ("cp38-cp38-any", "cp310-cp310-any"):
        make_wheel(index.folder, "picky", "1.0", tag=tag)
    with pytest.raises(Problem) as raised:
        make_plan(asking("picky"), from_index(index), folders, Silent())
    assert raised.value.code == "other_python"
    said = f"picky==1.0 is not offered for Python {default_python()}, only for 3.10, 3.8."
    assert str(raised.value.cause) == said


def test_offline_plans_from_what_was_asked_before(index: LocalIndex, folders: Folders) -> None:
    online = make_plan(asking("colours"), from_index(index), folders, Silent())
    download.fetch(online.files, from_index(index), folders, Silent())
    asked = len(index.log)
    offline = replace(from_index(index), offline=True)
    plan = make_plan(asking("colours"), offline, folders, Silent())
    assert [(file.package, file.cached) for file in plan.files] == [("colours", True), ("paint", True)]
    assert plan.download_bytes == 0
    assert str(plan.notes[0]) == "Made offline: only from what is on this computer."
    assert len(index.log) == asked


def test_offline_folders_are_used_and_the_rest_is_told(index: LocalIndex, folders: Folders, tmp_path: Path) -> None:
    make_wheel(tmp_path / "kit", "chalk")
    offline = Sources(index_url=index.url, find_links=(str(tmp_path / "kit"),), offline=True)
    assert [file.package for file in make_plan(asking("chalk"), offline, folders, Silent()).files] == ["chalk"]
    with pytest.raises(Problem) as raised:
        make_plan(asking("brush"), offline, folders, Silent())
    assert raised.value.code == "offline"
    online = make_plan(asking("brush"), from_index(index), folders, Silent())
    with pytest.raises(Problem) as raised:
        download.fetch(online.files, offline, folders, Silent())
    assert raised.value.code == "offline"
    assert "brush-7.0" in str(raised.value.cause)


def test_no_network_is_told_with_the_server(index: LocalIndex, folders: Folders) -> None:
    sources = from_index(index)
    index.stop()
    with pytest.raises(Problem) as raised:
        make_plan(asking("colours"), sources, folders, Silent())
    assert raised.value.code == "no_network"
    assert "127.0.0.1" in str(raised.value.cause)
    assert [action.name for action in raised.value.actions] == ["retry", "open_settings"]


def test_index_that_takes_the_connection_and_says_nothing_is_given_up_soon(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 15 <= float(uv_command._SILENCE_S) <= 20
    monkeypatch.setattr(uv_command, "_SILENCE_S", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes connections for it
        sources = Sources(index_url=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        with pytest.raises(Problem) as raised:
            make_plan(asking("colours"), sources, folders, Silent())
    assert raised.value.code == "slow_network"


def test_unknown_python_is_told_with_those_that_are_there(index: LocalIndex, folders: Folders) -> None:
    with pytest.raises(Problem) as raised:
        make_plan(replace(asking("colours"), python="3.99"), from_index(index), folders, Silent())
    assert raised.value.code == "no_python"
    assert default_python() in str(raised.value.cause)


def test_source_only_package_is_planned_and_told(index: LocalIndex, folders: Folders) -> None:
    make_source(index.folder, "rawpaint", requires=["paint"])
    plan = make_plan(asking("rawpaint"), from_index(index), folders, Silent())
    assert "rawpaint-1.0.tar.gz" in [file.filename for file in plan.files]
    assert any("rawpaint" in str(note) and "source code" in str(note) for note in plan.notes)


def test_what_markers_keep_away_is_told(index: LocalIndex, folders: Folders) -> None:
    asked = (
        "colours",
        "paint; python_version < '3.4'",
        "brush ; sys_platform == 'amiga'",
        "paint ; python_version > '3'",
    )
    plan = make_plan(replace(asking("colours"), requirements=asked), from_index(index), folders, Silent())
    (note,) = [str(note) for note in plan.notes if str(note).startswith("Left out")]
    assert 'paint (python_version < "3.4")' in note
    assert "brush (" in note
    assert "colours" not in note
    assert '> "3"' not in note
    assert "brush" not in {file.package for file in plan.files}


def test_cpu_build_in_a_folder_is_preferred(index: LocalIndex, folders: Folders, tmp_path: Path) -> None:
    make_wheel(index.folder, "torch", "3.0", requires=["nvidia-heavy"])
    make_wheel(index.folder, "nvidia-heavy", "1.0")
    make_wheel(tmp_path / "links", "torch", "2.9+cpu")
    sources = replace(from_index(index), find_links=(str(tmp_path / "links"),))
    plan = make_plan(asking("torch>=2"), sources, folders, Silent())
    assert [(file.package, file.version) for file in plan.files] == [("torch", "2.9+cpu")]
    assert plan.download_bytes == 0
    assert any("2.9+cpu" in str(note) for note in plan.notes)


def test_cpu_build_in_a_folder_is_not_taken_for_a_card(index: LocalIndex, folders: Folders, tmp_path: Path) -> None:
    make_wheel(index.folder, "torch", "2.0")
    make_wheel(tmp_path / "links", "torch", "2.9+cpu")
    sources = replace(from_index(index), find_links=(str(tmp_path / "links"),))
    plan = make_plan(asking("torch", accelerator="cu130"), sources, folders, Silent())
    assert [file.version for file in plan.files] == ["2.0"]


def test_cpu_build_is_preferred_where_torch_comes_with_something_else(
    index: LocalIndex, folders: Folders, tmp_path: Path
) -> None:
    make_wheel(index.folder, "trainer", "1.0", requires=["torch"])
    make_wheel(index.folder, "torch", "3.0", requires=["nvidia-heavy"])
    make_wheel(index.folder, "nvidia-heavy", "1.0")
    make_wheel(tmp_path / "links", "torch", "2.9+cpu")
    sources = replace(from_index(index), find_links=(str(tmp_path / "links"),))
    plan = make_plan(asking("trainer"), sources, folders, Silent())
    assert ("torch", "2.9+cpu") in [(file.package, file.version) for file in plan.files]


def test_no_index_uses_folders_only(index: LocalIndex, folders: Folders) -> None:
    plan = make_plan(asking("colours"), Sources(find_links=(str(index.folder),), no_index=True), folders, Silent())
    assert [file.package for file in plan.files] == ["colours", "paint"]
    assert not index.log


def test_hash_that_does_not_match_is_refused(index: LocalIndex, folders: Folders) -> None:
    wanted = replace(asking("paint==2.4"), hashes=(("paint", "sha256:" + "0" * 64),), source_file="r.txt")
    with pytest.raises(Problem) as raised:
        make_plan(wanted, from_index(index), folders, Silent())
    assert raised.value.code == "hash"
    right = "sha256:" + download.sha256_of(index.folder / "paint-2.4-py3-none-any.whl")
    assert make_plan(replace(wanted, hashes=(("paint", right),)), from_index(index), folders, Silent()).files


def test_constraints_limit_versions(index: LocalIndex, folders: Folders) -> None:
    plan = make_plan(replace(asking("paint"), constraints=("paint<2",)), from_index(index), folders, Silent())
    assert [file.version for file in plan.files] == ["1.5"]


def test_cancelled_plan_ends_uv(index: LocalIndex, folders: Folders) -> None:
    class Impatient(Silent):
        asked = 0

        @property
        def cancelled(self) -> bool:
            self.asked += 1
            return self.asked > 2

    with pytest.raises(Cancelled):
        make_plan(asking("colours"), from_index(index), folders, Impatient())


def test_index_with_a_password_is_planned_and_fetched(index: LocalIndex, folders: Folders) -> None:
    index.login = "anna:p@ss"
    sources = Sources(index_url=index.url_with_login)
    plan = make_plan(asking("colours"), sources, folders, Silent())
    assert [file.size_bytes for file in plan.files] == [
        (index.folder / file.filename).stat().st_size for file in plan.files
    ]
    assert len(download.fetch(plan.files, sources, folders, Silent())) == 2


def test_index_of_a_file_takes_the_place_of_the_users(index: LocalIndex, folders: Folders, tmp_path: Path) -> None:
    """Beside the user's, a stranger's package of the private name would win with its higher version."""
    make_wheel(index.folder, "ours", "99.0")
    make_wheel(tmp_path / "private", "ours", "1.0")
    with LocalIndex(tmp_path / "private") as private:
        request = replace(asking("ours"), index_url=private.url, source_file="/x/r.txt")
        sources = Sources(index_url=index.url, extra_index_urls=(index.url,))
        plan = make_plan(request, sources, folders, Silent())
    assert [file.version for file in plan.files] == ["1.0"]
    assert index.log == []
    assert "r.txt takes 127.0.0.1 in place of your package indexes." in [str(note) for note in plan.notes]


@pytest.mark.parametrize("by_address", [False, True])
def test_a_server_that_only_the_file_names_is_told_as_such(
    index: LocalIndex, folders: Folders, by_address: bool
) -> None:
    dead = "http://127.0.0.1:9"
    request = replace(asking("paint"), source_file="/x/r.txt")
    if by_address:
        request = replace(request, requirements=(f"paint @ {dead}/paint-1.0-py3-none-any.whl",))
    else:
        request = replace(request, index_urls=(f"{dead}/simple",))
    with pytest.raises(Problem) as raised:
        make_plan(request, from_index(index), folders, Silent())
    assert raised.value.code == "no_network"
    assert "r.txt names this address" in str(raised.value.cure)
    assert "open_settings" not in {action.name for action in raised.value.actions}
    with pytest.raises(Problem) as raised:  # the user's own
        make_plan(asking("paint"), Sources(index_url=f"{dead}/simple"), folders, Silent())
    assert "names this address" not in str(raised.value.cure)


def test_file_that_wants_no_index_gets_none(index: LocalIndex, folders: Folders, tmp_path: Path) -> None:
    make_wheel(tmp_path / "links", "paint", "0.1")
    request = replace(asking("paint"), no_index=True, find_links=(str(tmp_path / "links"),), source_file="/x/r.txt")
    plan = make_plan(request, from_index(index), folders, Silent())
    assert [file.version for file in plan.files] == ["0.1"]
    assert index.log == []
    assert any("r.txt wants no package index" in str(note) for note in plan.notes)


def test_requests_written_before_files_had_an_index_are_read() -> None:
    written = request_to_json(replace(asking("paint"), index_urls=("https://more.example/simple",)))
    del written["index_url"], written["no_index"]
    read = request_from_json(written)
    assert (read.index_url, read.index_urls, read.no_index) == ("", ("https://more.example/simple",), False)


def test_addresses_with_passwords_are_not_on_the_command_line(
    index: LocalIndex, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every user of the machine can read a command line."""
    make_wheel(tmp_path / "here, and there", "chalk")
    index.login = "anna:hunter2"
    commands: list[str] = []

    def keep(command: Sequence[str | Path], **how: Any) -> Outcome:
        commands.append(" ".join(str(part) for part in command))
        return run(command, **how)

    monkeypatch.setattr(uv_command, "run", keep)
    places = (f"{index.url_with_login}/paint/", str(tmp_path / "here, and there"))
    plan = make_plan(asking("paint", "chalk"), Sources(find_links=places, no_index=True), folders, Silent())
    assert {file.package for file in plan.files} == {"paint", "chalk"}
    assert commands
    assert "hunter2" not in " ".join(commands)


def test_address_that_is_none_is_told(folders: Folders) -> None:
    request = replace(asking("paint"), index_url="http://[broken", source_file="r.txt")
    with pytest.raises(Problem):
        make_plan(request, Sources(index_url="http://anna:pw@mirror.example:x/"), folders, Silent())
