"""What builds measure, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.planning.speeds import Speeds, learn, read_speeds
from aienv_gui.environments.planning.wizard import estimated_seconds
from aienv_gui.environments.records import Engine, Plan, PlannedFile, Request, Sources
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel


def take_in(folders: Folders, **changes: float) -> Speeds:
    values: dict[str, float] = {
        "downloaded_bytes": 50_000_000,
        "download_s": 10.0,
        "installed_bytes": 200_000_000,
        "install_s": 2.0,
        "fresh_share": 1.0,
        **changes,
    }
    return learn(folders, **values)  # type: ignore[arg-type]


def test_the_first_build_is_believed_and_later_ones_move_it_half_way(folders: Folders) -> None:
    assert read_speeds(folders) == Speeds()
    assert take_in(folders) == Speeds(download=5e6, unpack=1e8)
    assert take_in(folders, download_s=5.0, install_s=1.0) == Speeds(download=7.5e6, unpack=1.5e8)
    assert read_speeds(folders) == Speeds(download=7.5e6, unpack=1.5e8)


def test_linking_from_the_store_is_another_speed_than_unpacking(folders: Folders) -> None:
    take_in(folders)
    assert take_in(folders, downloaded_bytes=0, download_s=0.01, install_s=0.5, fresh_share=0.0) == Speeds(
        download=5e6, unpack=1e8, link=4e8
    )


def test_a_build_that_downloads_little_says_nothing(folders: Folders) -> None:
    take_in(folders)
    assert take_in(folders, downloaded_bytes=1000, installed_bytes=5000) == Speeds(download=5e6, unpack=1e8)


@pytest.mark.parametrize("content", ["", "{", '{"version": 1, "download": "fast"}', '{"version": 99}', "[]"])
def test_a_damaged_file_costs_its_figures_only(folders: Folders, content: str) -> None:
    folders.data.mkdir()
    (folders.data / "speeds.json").write_text(content)
    assert read_speeds(folders) == Speeds()
    assert take_in(folders).download == 5e6 if content != '{"version": 99}' else True


def plan_of(*, download: int, cached: bool) -> Plan:
    request = Request("e", Engine.UV, "3.11", ())
    file = PlannedFile("a", "1", "a-1-py3-none-any.whl", "https://x/a.whl", "0" * 64, 100_000_000, cached)
    return Plan(request, (file,), None, download, 400_000_000, 10**12)


def test_the_estimate_follows_what_was_measured() -> None:
    fresh, here = plan_of(download=100_000_000, cached=False), plan_of(download=0, cached=True)
    fast = Speeds(download=50e6, unpack=200e6, link=800e6)
    assert estimated_seconds(fresh, fast) == pytest.approx(3 + 2 + 2)
    assert estimated_seconds(here, fast) == pytest.approx(3 + 0.5)
    assert estimated_seconds(fresh) > 2 * estimated_seconds(fresh, fast)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    make_wheel(tmp_path / "served", "heavy", files={"heavy.py": "x = 1\n", "heavy.txt": "0" * 40_000_000})
    make_wheel(tmp_path / "served", "noise", files={"noise.py": "x = 1\n", "noise.bin": bytes(range(256)) * 80_000})
    with LocalIndex(tmp_path / "served") as running:
        yield running


def test_a_real_build_leaves_its_speeds_behind(index: LocalIndex, folders: Folders) -> None:
    request = Request("first", Engine.UV, default_python(), ("heavy", "noise"))
    sources = Sources(index_url=index.url)
    transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
    learned = read_speeds(folders)
    assert 1e6 < learned.unpack < 1e11
    assert learned.link == 0
