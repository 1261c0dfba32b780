"""Every way in which files are not as they were installed, and the packages that are to blame."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.health import conda_integrity, damage, integrity
from aienv_gui.environments.health.integrity import Fault, FaultKind, Files, verify
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Environment, Request, Sources
from tests.fakes.index.wheels import make_wheel


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Built from wheels that share files as real ones do."""
    folder = tmp_path_factory.mktemp("damage")
    links = folder / "links"
    shared = {"space/__init__.py": "", "tests/__init__.py": "# one\n", "LICENSE.txt": "of one"}
    make_wheel(links, "one", files={**shared, "one.py": "x = 1\n", "both/part.py": "of = 'one'\n"})
    other = {"space/__init__.py": "", "tests/__init__.py": "# two, and longer\n", "LICENSE.txt": "of the other"}
    make_wheel(links, "two", files={**other, "two/core.py": "x = 2\n", "both/part.py": "of = 'two'\n"})
    folders = Folders.under(folder / "home")
    sources = Sources(find_links=(str(links),), no_index=True)
    request = Request("e", Engine.UV, default_python(), ("one", "two"))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


@pytest.fixture
def prefix(master: Environment, tmp_path: Path) -> Path:
    shutil.copytree(master.prefix, tmp_path / "e", symlinks=True)
    return tmp_path / "e"


def site_of(prefix: Path) -> Path:
    return integrity.site_packages(prefix)[0]


def found(prefix: Path, *, hashes: bool = False) -> set[tuple[str, str, FaultKind]]:
    everyone = {(f.package, f.path, f.kind) for f in verify(prefix, hashes=hashes)}
    return {one for one in everyone if one[2] is not FaultKind.OVERWRITTEN}


def test_packages_that_overwrite_each_other_can_be_built_and_are_told(prefix: Path) -> None:
    """Both files are of one size: which of them is there is told from its content. Licences and tests do not count."""
    (fault,) = verify(prefix)
    kept = (site_of(prefix) / "both/part.py").read_text()
    loser, winner = ("two", "one") if "'one'" in kept else ("one", "two")
    assert fault == Fault(loser, "both/part.py", FaultKind.OVERWRITTEN, winner)
    assert str(fault.text) == f"{loser}: {winner} has put another file in place of both/part.py."
    assert verify(prefix, hashes=True) == (fault,)
    assert damage.damaged_packages(prefix) == (loser,)


def test_a_folder_or_a_dead_link_in_place_of_a_file(prefix: Path) -> None:
    (site_of(prefix) / "one.py").unlink()
    (site_of(prefix) / "one.py").mkdir()
    (site_of(prefix) / "two/core.py").unlink()
    (site_of(prefix) / "two/core.py").symlink_to("nowhere.py")
    expected = {("one", "one.py", FaultKind.NOT_A_FILE), ("two", "two/core.py", FaultKind.NOT_A_FILE)}
    assert found(prefix) == expected
    listing = verify(prefix, files=Files(listing=True))
    assert {f.kind for f in listing} == {FaultKind.NOT_A_FILE, FaultKind.OVERWRITTEN}


def test_listing_folders_finds_the_same(prefix: Path) -> None:
    (site_of(prefix) / "one.py").unlink()
    (site_of(prefix) / "two/core.py").write_text("x = 22\n")
    assert verify(prefix, files=Files(listing=True)) == verify(prefix, files=Files(listing=False))
    assert {f.kind for f in verify(prefix)} == {FaultKind.MISSING, FaultKind.SIZE, FaultKind.OVERWRITTEN}


def test_two_descriptions_of_one_package(prefix: Path) -> None:
    shutil.copytree(site_of(prefix) / "one-1.0.dist-info", site_of(prefix) / "one-0.9.dist-info")
    faults = [fault for fault in verify(prefix) if fault.kind is FaultKind.DOUBLED]
    assert [str(fault.text) for fault in faults] == ["one is described twice: 0.9, 1.0."]
    assert "one" in damage.damaged_packages(prefix)


def test_leftovers_of_pip_are_told_and_are_no_damage(prefix: Path) -> None:
    before = damage.damaged_packages(prefix)
    (site_of(prefix) / "~ne-0.9.dist-info").mkdir()
    (site_of(prefix) / "~ne").mkdir()
    assert found(prefix) == {
        ("~ne", "~ne", FaultKind.LEFTOVER),
        ("~ne-0.9.dist-info", "~ne-0.9.dist-info", FaultKind.LEFTOVER),
    }
    assert damage.damaged_packages(prefix) == before


def test_missing_description(prefix: Path) -> None:
    info = site_of(prefix) / "one-1.0.dist-info"
    (info / "METADATA").unlink()
    assert found(prefix) == {("one", "one-1.0.dist-info/METADATA", FaultKind.MISSING)}
    rows = [row for row in (info / "RECORD").read_text().splitlines() if "METADATA" not in row]
    (info / "RECORD").unlink()
    (info / "RECORD").write_text("\n".join(rows))
    assert found(prefix) == {("one", "one-1.0.dist-info/METADATA", FaultKind.MISSING)}


def test_a_package_that_is_gone_with_its_record_is_damaged(prefix: Path) -> None:
    for path in (site_of(prefix) / "one.py", site_of(prefix) / "both/part.py"):
        path.unlink()
    shutil.rmtree(site_of(prefix) / "one-1.0.dist-info")
    assert "one" in damage.damaged_packages(prefix)


def test_every_byte_is_told_in_its_progress_and_can_be_stopped(prefix: Path) -> None:
    told: list[tuple[float, float]] = []
    verify(prefix, hashes=True, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 0
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    calls = []

    def stop() -> None:
        calls.append(1)
        if len(calls) > 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        verify(prefix, hashes=True, checkpoint=stop)


def test_an_environment_that_was_moved(prefix: Path, tmp_path: Path) -> None:
    if sys.platform == "win32":  # there the place stands in programs
        assert list(damage.moved(prefix)) == []
        return
    script = prefix / "bin" / "tool"
    script.write_text(f"#!{tmp_path}/former/bin/python3.11\nprint(1)\n")
    (fault,) = damage.moved(prefix)
    assert (fault.kind, fault.path, fault.other) == (FaultKind.MOVED, "bin/tool", f"{tmp_path}/former")
    assert fault in damage.faults_of(prefix)
    assert "tool" not in damage.damaged_packages(prefix)
    script.write_text(f"#!{prefix}/bin/python3.11\nprint(1)\n")
    assert list(damage.moved(prefix)) == []
    script.write_text("#!/usr/bin/python3\nprint(1)\n")  # the system's, which is no former place
    assert list(damage.moved(prefix)) == []
    assert list(damage.moved(Path("/usr"))) == []


def conda_package(prefix: Path, name: str, files: dict[str, str]) -> None:
    import hashlib

    entries = []
    for path, text in files.items():
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        entries.append({"_path": path, "path_type": "hardlink", "size_in_bytes": len(text), "sha256": digest})
    record = {"name": name, "files": list(files), "paths_data": {"paths": entries}}
    (prefix / "conda-meta").mkdir(parents=True, exist_ok=True)
    (prefix / "conda-meta" / f"{name}-1.0-0.json").write_text(json.dumps(record))


def test_conda_packages_that_overwrite_each_other(tmp_path: Path) -> None:
    conda_package(tmp_path, "first", {"lib/a.so": "one", "lib/own.so": "abc"})
    conda_package(tmp_path, "second", {"lib/a.so": "other"})
    (fault,) = conda_integrity.verify(tmp_path, hashes=True)
    assert fault == Fault("first", "lib/a.so", FaultKind.OVERWRITTEN, "second")
    (tmp_path / "lib/own.so").write_text("abd")
    assert len(conda_integrity.verify(tmp_path)) == 1
    kinds = {(one.package, one.kind) for one in conda_integrity.verify(tmp_path, hashes=True)}
    assert kinds == {("first", FaultKind.OVERWRITTEN), ("first", FaultKind.CONTENT)}
    assert damage.damaged_packages(tmp_path) == ("first",)


def test_a_package_of_conda_that_pip_has_put_another_beside(tmp_path: Path) -> None:
    site = "Lib/site-packages" if os.name == "nt" else "lib/python3.11/site-packages"
    info = f"{site}/big_one-1.0.dist-info"
    conda_package(tmp_path, "big-one", {f"{info}/METADATA": "Name: big-one", f"{info}/RECORD": "gone.py,,3"})
    assert conda_integrity.verify(tmp_path) == ()
    (tmp_path / site / "big_one-2.0.dist-info").mkdir()
    faults = conda_integrity.verify(tmp_path)
    assert next((fault.package, fault.kind, fault.other) for fault in faults) == (
        "big-one",
        FaultKind.DOUBLED,
        "1.0, 2.0",
    )


@pytest.mark.slow
def test_twenty_thousand_files_take_less_than_a_second(tmp_path: Path) -> None:
    site = tmp_path / ("Lib" if os.name == "nt" else "lib/python3.11") / "site-packages"
    for number in range(20):
        info = site / f"p{number}-1.0.dist-info"
        info.mkdir(parents=True)
        rows = [f"{info.name}/METADATA,,3", f"{info.name}/RECORD,,"]
        (info / "METADATA").write_text("abc")
        (info / "INSTALLER").write_text("pip")
        for part in range(10):
            folder = site / f"p{number}" / f"m{part}"
            folder.mkdir(parents=True)
            for file in range(100):
                (folder / f"f{file}.py").write_text("x = 1\n")
                rows.append(f"p{number}/m{part}/f{file}.py,sha256={'A' * 43},6")
        (info / "RECORD").write_text("\n".join(rows))
    spent = []
    for _ in range(3):
        began = time.perf_counter()
        assert verify(tmp_path) == ()
        spent.append(time.perf_counter() - began)
    assert min(spent) < 1.0
