"""Files against RECORD, and wheels made from installed packages."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.health.integrity import FaultKind, verify
from aienv_gui.environments.planning import own_packages
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Environment, Request, Sources
from tests.fakes.index.wheels import sample_packages
from tests.fakes.reporters import Keeping


@pytest.fixture
def built(folders: Folders, tmp_path: Path) -> Environment:
    sample_packages(tmp_path / "links")
    sources = Sources(find_links=(str(tmp_path / "links"),), no_index=True)
    request = Request("e", Engine.UV, default_python(), ("colours", "brush"))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


def site_of(environment: Environment) -> Path:
    return next(environment.prefix.glob("lib/python3.*/site-packages"))


def test_a_whole_environment_has_no_faults(built: Environment) -> None:
    assert verify(built.prefix) == ()
    assert verify(built.prefix, hashes=True) == ()


def test_missing_and_shortened_files_are_found(built: Environment) -> None:
    (site_of(built) / "paint.py").unlink()
    data = site_of(built) / "brush_data.bin"
    content = data.read_bytes()
    data.unlink()  # it is shared with the cache
    data.write_bytes(content[:-1])
    faults = verify(built.prefix)
    assert [(f.package, f.path, f.kind) for f in faults] == [
        ("brush", "brush_data.bin", FaultKind.SIZE),
        ("paint", "paint.py", FaultKind.MISSING),
    ]
    assert "brush_data.bin" in str(faults[0].text)


def test_changed_content_is_found_by_its_hash(built: Environment) -> None:
    data = site_of(built) / "brush_data.bin"
    content = data.read_bytes()
    data.unlink()
    data.write_bytes(b"\xff" + content[1:])
    assert verify(built.prefix) == ()
    assert [f.kind for f in verify(built.prefix, hashes=True)] == [FaultKind.CONTENT]


def test_lost_record_is_found(built: Environment) -> None:
    (site_of(built) / "paint-2.4.dist-info" / "RECORD").unlink()
    assert [f.kind for f in verify(built.prefix)] == [FaultKind.NO_RECORD]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\0" * 300,
        b"paint.py,,\n\0\0,,\n",
        b"\x89PNG\r\n\xff\xfe",
        b"paint.py,sha256=x,twelve\n",
        b"paint.py,,\npaint-2.4.dist-inf",
        b'"' + b"x" * 200_000,
    ],
    ids=["empty", "blank", "zeros", "some zeros", "binary", "no number", "cut short", "endless field"],
)
def test_record_that_is_no_list_is_not_taken_for_a_whole_package(built: Environment, content: bytes) -> None:
    record = site_of(built) / "paint-2.4.dist-info" / "RECORD"
    record.unlink()  # it is shared with the cache
    record.write_bytes(content)
    assert [(f.package, f.kind) for f in verify(built.prefix, hashes=True)] == [("paint", FaultKind.NO_RECORD)]


def test_own_packages_make_an_environment_without_network(folders: Folders) -> None:
    # Compiled code, a script of its own, dependencies: what wheels may hold.
    asked = ("psutil>=7", "requests")
    request = Request("own", Engine.UV, default_python(), asked, imports=("psutil", "requests"))
    assert own_packages.cover(request)
    sources = own_packages.collect(asked, folders, Silent())
    assert sources.no_index
    plan = make_plan(request, sources, folders, Silent())
    assert {"psutil", "requests", "urllib3", "certifi", "idna"} <= {file.package for file in plan.files}
    built = transaction.build(plan, sources, folders, Silent())
    code = "import psutil, requests; print(psutil.Process().pid > 0, requests.__version__)"
    done = subprocess.run([built.python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", distribution("requests").version]
    assert verify(built.prefix, hashes=True) == ()


def test_own_wheels_are_made_once(folders: Folders) -> None:
    sources = own_packages.collect(("psutil",), folders, Silent())
    (wheel,) = Path(sources.find_links[0]).glob("*.whl")
    made = wheel.stat().st_mtime_ns
    own_packages.collect(("psutil",), folders, Silent())
    assert wheel.stat().st_mtime_ns == made
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        assert not [name for name in archive.namelist() if name.endswith((".pyc", "INSTALLER"))]


def test_what_is_not_installed_is_told() -> None:
    with pytest.raises(Problem) as raised:
        own_packages.closure(["psutil", "no-such-package-here"])
    assert raised.value.code == "own_package"
    assert "no-such-package-here" in str(raised.value.title)
    with pytest.raises(Problem):
        own_packages.closure(["psutil>=999"])
    request = Request("x", Engine.UV, default_python(), ("psutil>=999",))
    assert not own_packages.cover(request)
    assert not own_packages.cover(replace(request, requirements=("psutil",), python="3.8"))


def test_packing_can_be_cancelled(folders: Folders) -> None:
    with pytest.raises(Cancelled):
        own_packages.collect(("psutil",), folders, Keeping(lambda _: True))
    assert list((folders.cache / "own-packages").iterdir()) == []  # PyTorch's half wheel was half a gigabyte
