"""Pythons that are not on this computer: offered, planned, brought here whole or not at all, by the real uv."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter, Silent
from aienv_gui.core.wording import tr
from aienv_gui.environments.changes.transaction import build
from aienv_gui.environments.discovery.interpreters import base_interpreters, every_interpreter
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.records import Engine, PythonBuild, Request, Sources
from aienv_gui.environments.sources import download
from aienv_gui.environments.uv import backend, python_builds
from tests.fakes.channel.running_python import MINOR, VERSION
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import sample_packages
from tests.fakes.python_archive import PythonArchive, pack
from tests.fakes.reporters import Keeping
from tests.fakes.web import Reply, Web


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> PythonArchive:
    return pack(tmp_path_factory.mktemp("python"))


@pytest.fixture
def mirror(archive: PythonArchive) -> Iterator[Web]:
    with Web(archive.serve()) as web:
        yield web


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """This Python counts as not being on this computer."""

    def missing(version: str, folders: Folders) -> object:
        raise Problem(tr("Python {version} is not on this computer.", version=version), code="no_python")

    monkeypatch.setattr(backend, "choose_interpreter", missing)


def test_uv_offers_the_newest_of_each_version_without_network(folders: Folders) -> None:
    builds = python_builds.offered(Sources(offline=True), folders, Silent())
    minors = [build.minor for build in builds]
    assert {"3.10", "3.11", "3.12", "3.13", "3.14"} <= set(minors)
    assert minors == sorted(set(minors), key=lambda minor: int(minor.split(".")[1]), reverse=True)
    assert all(build.version.count(".") == 2 and build.url.startswith("https://") for build in builds)


def test_the_mirror_takes_the_place_of_the_official_address(folders: Folders) -> None:
    sources = Sources(python_mirror="https://anna:pw@mirror.example/pythons")
    build = python_builds.offered(sources, folders, Silent())[0]
    assert build.url.startswith("https://mirror.example/pythons/2")
    assert build.url.endswith(".tar.gz")


def test_a_python_is_brought_here_and_found(archive: PythonArchive, mirror: Web, folders: Folders) -> None:
    sources = archive.sources(mirror.url)
    found = python_builds.find(MINOR, sources, folders, Silent())
    assert found is not None
    assert found.size_bytes == archive.file.stat().st_size
    reporter = Keeping()
    python = python_builds.bring(found, sources, folders, reporter)
    assert python == python_builds.interpreter_of(found, folders)
    said = subprocess.run(
        [python, "-c", "import ssl, sys; print(sys.prefix)"], capture_output=True, text=True, check=True
    )
    assert Path(said.stdout.strip()) == python.parent.parent
    assert reporter.amounts[0][1] == found.size_bytes  # bytes are told
    assert reporter.partials == []
    brought = [base for base in every_interpreter(folders.pythons) if folders.pythons in base.path.parents]
    assert [(base.version, base.path.resolve()) for base in brought] == [(VERSION, python.resolve())]
    assert folders.pythons not in base_interpreters(folders.pythons)[0].path.parents  # the known one of it comes first
    assert not (folders.pythons / ".temp").exists()
    assert not (folders.pythons / ".mirror").exists()
    asked = len(mirror.log)
    assert python_builds.bring(found, sources, folders, Silent()) == python
    assert len(mirror.log) == asked


@pytest.mark.slow
def test_an_environment_is_made_from_a_python_that_was_not_here(
    archive: PythonArchive, folders: Folders, tmp_path: Path, elsewhere: None
) -> None:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as index, Web(archive.serve()) as mirror:
        sources = replace(archive.sources(mirror.url), index_url=index.url)
        plan = make_plan(Request("e", Engine.UV, MINOR, ("colours",)), sources, folders, Silent())
        size = archive.file.stat().st_size
        assert plan.python_build is not None
        assert plan.download_bytes == size + sum(file.size_bytes or 0 for file in plan.files)
        assert str(plan.notes[0]) == f"Python {VERSION} will be downloaded first (7.0 MB, from 127.0.0.1)."
        assert not folders.pythons.exists()  # nothing before the user agrees
        built = build(plan, sources, folders, Silent())
    said = subprocess.run([built.python, "-I", "-c", "import paint; print(paint.x)"], capture_output=True, text=True)
    assert said.stdout.strip() == "2.4"
    assert folders.pythons in (built.prefix / "bin" / "python").resolve().parents
    assert built.python_version == VERSION


def brought_by(reply: Reply, archive: PythonArchive, folders: Folders) -> Problem:
    with Web(lambda _: reply) as mirror:
        sources = archive.sources(mirror.url)
        found = python_builds.find(MINOR, sources, folders, Silent())
        assert found is not None
        with pytest.raises(Problem) as raised:
            python_builds.bring(replace(found, size_bytes=None), sources, folders, Silent())
    assert not python_builds.interpreter_of(found, folders).exists()
    assert [path.name for path in folders.pythons.glob("cpython*")] == []
    assert not (folders.pythons / ".temp").exists()
    return raised.value


def test_a_mirror_that_changes_the_archive_is_found_out(
    archive: PythonArchive, folders: Folders, tmp_path: Path
) -> None:
    """The hash is uv's own: a mirror has no say in it."""
    problem = brought_by(Reply(body=archive.file.read_bytes() + b"more", kind="application/gzip"), archive, folders)
    assert problem.code == "damaged_download"
    with Web(archive.serve()) as honest:  # what the liar sent is not kept
        sources = archive.sources(honest.url)
        found = python_builds.find(MINOR, sources, folders, Silent())
        assert found is not None
        assert python_builds.bring(found, sources, folders, Silent()).exists()


def official_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the official place of archives be on this machine."""
    real = python_builds.offered

    def offered(sources: Sources, folders: Folders, reporter: Reporter) -> tuple[PythonBuild, ...]:
        found = real(sources, folders, reporter)
        official = "https://releases.astral.sh/github/python-build-standalone/releases/download"
        return tuple(replace(build, url=build.url.replace(official, url)) for build in found)

    monkeypatch.setattr(python_builds, "offered", offered)


def test_what_the_mirror_does_not_have_comes_from_the_official_place(
    archive: PythonArchive, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mirrors keep the newest releases only; the hash is the same wherever the archive comes from."""
    with Web(archive.serve()) as official, Web(lambda _: Reply(404)) as mirror:
        official_at(official.url, monkeypatch)
        sources = archive.sources(mirror.url)
        found = python_builds.find(MINOR, sources, folders, Silent())
        assert found is not None
        assert python_builds.bring(found, sources, folders, Silent()).exists()
        assert f"GET {archive.path}" in mirror.log
        assert f"GET {archive.path}" in official.log


@pytest.fixture
def _no_official(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    official_at("http://127.0.0.1:9", monkeypatch)


@pytest.mark.usefixtures("_no_official")
@pytest.mark.parametrize(
    ("reply", "code"),
    [(Reply(404), "file_gone"), (Reply(403), "refused_access"), (Reply(body=b"<html>"), "damaged_download")],
)
def test_a_mirror_that_does_not_have_it_is_told(
    reply: Reply, code: str, archive: PythonArchive, folders: Folders
) -> None:
    problem = brought_by(reply, archive, folders)
    assert problem.code == code
    assert str(problem.title) == f"Python {VERSION} could not be downloaded." or code == "damaged_download"
    assert ".tar.gz" not in str(problem.title)


def test_offline_the_plan_says_that_it_would_be_downloaded(
    archive: PythonArchive, mirror: Web, folders: Folders, elsewhere: None
) -> None:
    sources = replace(archive.sources(mirror.url), offline=True)
    with pytest.raises(Problem) as raised:
        make_plan(Request("e", Engine.UV, MINOR, ()), sources, folders, Silent())
    assert raised.value.code == "no_python"
    assert "offline" in str(raised.value.cause)
    assert mirror.log == []


def test_a_version_that_nobody_has_is_told(mirror: Web, archive: PythonArchive, folders: Folders) -> None:
    with pytest.raises(Problem) as raised:
        make_plan(Request("e", Engine.UV, "3.99", ()), archive.sources(mirror.url), folders, Silent())
    assert raised.value.code == "no_python"


def test_cancel_leaves_nothing_but_the_half_download(archive: PythonArchive, folders: Folders) -> None:
    content = archive.file.read_bytes()
    slow = Reply(
        promised=len(content),
        pieces=lambda: (content[n : n + 100_000] for n in range(0, len(content), 100_000)),
        pause_s=0.05,
    )
    with Web(lambda _: slow) as mirror:
        sources = archive.sources(mirror.url)
        found = python_builds.find(MINOR, sources, folders, Silent())
        assert found is not None
        with pytest.raises(Cancelled):
            python_builds.bring(found, sources, folders, Keeping(lambda said: any(d for d, _ in said.amounts)))
    assert [path.name for path in folders.pythons.iterdir()] == [".aienv.lock"]
    assert list((folders.cache / "wheels" / ".parts").glob("*.part"))


def test_what_a_killed_unpacking_left_is_swept(folders: Folders) -> None:
    (folders.pythons / ".temp" / "x").mkdir(parents=True)
    python_builds.sweep(folders)
    assert not (folders.pythons / ".temp").exists()
    python_builds.sweep(Folders.under(folders.data / "nothing"))


def test_an_archive_that_is_here_is_no_download(archive: PythonArchive, mirror: Web, folders: Folders) -> None:
    sources = archive.sources(mirror.url)
    found = python_builds.find(MINOR, sources, folders, Silent())
    assert found is not None
    assert not python_builds.is_here(found, folders)
    download.fetch([python_builds._archive(found)], sources, folders, Silent())
    assert python_builds.is_here(found, folders)


@pytest.mark.slow
def test_a_cancelled_build_leaves_no_half_python(
    archive: PythonArchive, folders: Folders, tmp_path: Path, elsewhere: None
) -> None:
    sample_packages(tmp_path / "served")
    content = archive.file.read_bytes()
    slow = Reply(
        promised=len(content),
        pieces=lambda: (content[n : n + 100_000] for n in range(0, len(content), 100_000)),
        pause_s=0.05,
        kind="application/gzip",
    )
    with LocalIndex(tmp_path / "served") as index, Web(archive.serve(lambda _: slow)) as mirror:
        sources = replace(archive.sources(mirror.url), index_url=index.url)
        plan = make_plan(Request("e", Engine.UV, MINOR, ("paint",)), sources, folders, Silent())
        with Web(lambda _: slow) as slow_mirror:
            assert plan.python_build is not None
            there = replace(plan.python_build, url=f"{slow_mirror.url}{archive.path}")
            (folders.pythons / ".temp" / "half").mkdir(parents=True)  # as if uv had been killed before
            with pytest.raises(Cancelled):
                build(
                    replace(plan, python_build=there),
                    sources,
                    folders,
                    Keeping(lambda said: any(done for done, _ in said.amounts)),
                )
    assert not (folders.environments / "e").exists()
    assert [path.name for path in folders.pythons.iterdir()] == [".aienv.lock"]
