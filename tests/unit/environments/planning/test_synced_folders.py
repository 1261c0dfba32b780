"""Folders that a service keeps in step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.planning import synced_folders
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Request, Sources
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import sample_packages


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/home/anna/OneDrive/AIEnv/environments", "OneDrive"),
        ("/Users/anna/OneDrive - Contoso Ltd/x", "OneDrive"),
        ("/Users/anna/Library/CloudStorage/OneDrive-Personal/x", "OneDrive"),
        ("/home/anna/Dropbox (Team)/x", "Dropbox"),
        ("/Users/anna/Library/CloudStorage/GoogleDrive-a@b.c/My Drive", "Google Drive"),
        ("/Users/anna/Library/Mobile Documents/com~apple~CloudDocs/x", "iCloud Drive"),
        ("/Users/anna/Library/CloudStorage/Other/x", "iCloud Drive"),
        ("/home/anna/Nextcloud2/x", "Nextcloud"),
        ("/home/anna/我的坚果云/环境", "Nutstore (坚果云)"),
        ("/home/anna/environments", ""),
        ("/home/anna/my OneDrive notes/x", ""),
        ("/home/boxer/boxes/x", ""),
    ],
)
def test_services_are_recognised_by_their_folders(path: str, service: str) -> None:
    assert synced_folders.synced_by(Path(path), {}) == service


def test_a_folder_of_another_name_is_known_from_the_systems_variable(tmp_path: Path) -> None:
    assert synced_folders.synced_by(tmp_path / "a", {"OneDriveCommercial": str(tmp_path)}) == "OneDrive"
    assert synced_folders.synced_by(tmp_path / "a", {"OneDriveCommercial": str(tmp_path / "b"), "OneDrive": ""}) == ""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as running:
        yield running


def test_the_plan_warns_with_a_cure(index: LocalIndex, tmp_path: Path) -> None:
    folders = Folders.under(tmp_path / "OneDrive - Contoso" / "AIEnv")
    request = Request("first", Engine.UV, default_python(), ("paint",))
    plan = make_plan(request, Sources(index_url=index.url), folders, Silent())
    assert "OneDrive" in str(plan.notes[0])
    assert "aienv --home" in str(plan.notes[0])
