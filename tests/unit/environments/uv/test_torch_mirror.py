"""PyTorch's builds from a mirror of its own index, everything else from the package index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments import accelerators
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Plan, Request, Sources
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel
from tests.fakes.web import Reply, Web

OLDER = "cu126"  # not the newest, which the ordinary index has


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    folder = tmp_path / "pypi"
    make_wheel(folder, "torch", "3.0", requires=["nvidia-heavy"])
    make_wheel(folder, "torchvision", "0.9", requires=["torch"])
    make_wheel(folder, "nvidia-heavy")
    make_wheel(folder, "numpy", "2.9")
    make_wheel(folder, "trainer", requires=["torch", "numpy", "torchvision"])
    with LocalIndex(folder) as running:
        yield running


class Mirror:
    """A mirror of download.pytorch.org/whl: each build below its name, as an index or as one page."""

    def __init__(self, builds: LocalIndex, *, flat: bool) -> None:
        self._builds, self._flat = builds, flat

    def __call__(self, path: str) -> Reply:
        for build in ("cpu", OLDER):
            if path.startswith(f"/whl/{build}/"):
                rest = path.removeprefix(f"/whl/{build}/").strip("/")
                files = [file for file in self._builds.files() if f"+{build}" in file.name or "+" not in file.name]
                named = [file for file in files if not rest or file.name.startswith(f"{rest}-")]
                if not named or bool(rest) is self._flat:
                    return Reply(404)
                links = "".join(
                    f'<a href="{self._builds.root}/files/{file.name.replace("+", "%2B")}">{file.name}</a>'
                    for file in named
                )
                return Reply(body=f"<!DOCTYPE html><body>{links}</body>".encode())
        return Reply(404)


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[LocalIndex]:
    folder = tmp_path / "builds"
    for build in ("cpu", OLDER):
        make_wheel(folder, "torch", f"2.8+{build}", requires=["numpy"])
        make_wheel(folder, "torchvision", f"0.8+{build}", requires=["torch"])
    make_wheel(folder, "numpy", "1.0")  # the mirror's own copies of others are not wanted
    with LocalIndex(folder) as running:
        yield running


@pytest.fixture(params=[False, True], ids=["index", "page"])
def mirror(builds: LocalIndex, request: pytest.FixtureRequest) -> Iterator[Web]:
    with Web(Mirror(builds, flat=request.param)) as web:
        yield web


def planned(index: LocalIndex, mirror: Web, folders: Folders, *requirements: str, accelerator: str = OLDER) -> Plan:
    sources = Sources(index_url=index.url, torch_index_url=f"{mirror.url}/whl/")
    asked = Request("e", Engine.UV, default_python(), requirements, accelerator=accelerator)
    return make_plan(asked, sources, folders, Silent())


def versions(plan: Plan) -> dict[str, str]:
    return {file.package: file.version for file in plan.files}


def test_the_build_for_the_card_comes_from_the_mirror(index: LocalIndex, mirror: Web, folders: Folders) -> None:
    assert accelerators.known(OLDER)
    plan = planned(index, mirror, folders, "torch>=2")
    assert versions(plan) == {"torch": f"2.8+{OLDER}", "numpy": "2.9"}
    assert any(OLDER in str(note) for note in plan.notes)
    assert all(file.sha256 and file.size_bytes for file in plan.files)


def test_pytorchs_other_packages_come_along(index: LocalIndex, mirror: Web, folders: Folders) -> None:
    plan = planned(index, mirror, folders, "trainer", accelerator="cpu")
    assert versions(plan) == {"trainer": "1.0", "torch": "2.8+cpu", "torchvision": "0.8+cpu", "numpy": "2.9"}


def test_a_mirror_that_does_not_have_the_build_is_told(index: LocalIndex, folders: Folders) -> None:
    with Web(lambda _: Reply(404)) as empty, pytest.raises(Problem) as raised:
        planned(index, empty, folders, "torch")
    assert raised.value.code in ("no_such_package", "bad_index")
    assert "torch" in str(raised.value.cause)


def test_without_the_mirror_the_cpu_build_gives_way_to_the_ordinary_one(index: LocalIndex, folders: Folders) -> None:
    with Web(lambda _: Reply(404)) as empty:
        plan = planned(index, empty, folders, "torch", accelerator="cpu")
    assert versions(plan)["torch"] == "3.0"
    assert any("could not be reached" in str(note) for note in plan.notes)


def test_the_mirrors_password_is_told_to_uv_and_to_nobody_else(
    index: LocalIndex, builds: LocalIndex, folders: Folders
) -> None:
    folder = builds.folder / "below"
    make_wheel(folder, "torch", f"2.8+{OLDER}")
    with LocalIndex(folder, login="anna:hunter2") as locked:
        asked: list[str] = []

        def answer(path: str) -> Reply:
            asked.append(path)
            return Reply(302, headers=(("Location", f"{locked.url}/torch/"),))

        with Web(answer) as web:
            sources = Sources(index_url=index.url, torch_index_url=web.url.replace("://", "://anna:hunter2@") + "/whl")
            request = Request("e", Engine.UV, default_python(), ("torch",), accelerator=OLDER)
            with pytest.raises(Problem) as raised:  # led to another server, it is not told the password
                make_plan(request, sources, folders, Silent())
        assert asked[0] == f"/whl/{OLDER}/torch/"
        assert "hunter2" not in str(raised.value) + raised.value.details
