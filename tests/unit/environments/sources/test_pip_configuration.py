"""Where packages come from: pip's files and variables, the settings over them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aienv_gui.environments.planning.plan import sources_of_user
from aienv_gui.environments.records import Sources
from aienv_gui.environments.sources import pip_configuration
from aienv_gui.environments.sources.pip_configuration import read_pip_configuration


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration file, the only one there is."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    path = tmp_path / "pip.conf"
    monkeypatch.setattr(pip_configuration, "_files", lambda: iter([path]))
    return path


def test_files_are_read_as_pip_does(config: Path, tmp_path: Path) -> None:
    config.write_text(
        "[global]\nindex_url = https://mirror.example/simple\nfind-links =\n    /one\n    /two\n"
        f"cert = {tmp_path}/ca.pem\n[install]\nindex-url = https://other.example/simple\n[wheel]\nno-index = true\n"
    )
    values = read_pip_configuration()
    assert values["index-url"] == "https://other.example/simple"
    assert values["find-links"].split() == ["/one", "/two"]
    assert "no-index" not in values


def test_variables_win_over_files_and_uv_fills_gaps(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("[global]\nindex-url = https://file.example/simple\n")
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.example/simple")
    monkeypatch.setenv("UV_FIND_LINKS", "/a,/b")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    assert read_pip_configuration() == {"index-url": "https://variable.example/simple", "find-links": "/a /b"}


def test_damaged_file_is_passed_over(config: Path) -> None:
    config.write_text("no section\n===")
    assert read_pip_configuration() == {}


def test_settings_win_and_missing_folders_are_left_out(config: Path, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    config.write_text(
        f"[global]\nindex-url = https://file.example/simple\nfind-links = {tmp_path}/wheels {tmp_path}/gone\n"
        f"extra-index-url = {tmp_path.as_uri()}/gone https://more.example/simple\n"
    )
    sources = sources_of_user(Sources(index_url="https://settings.example/simple"))
    assert sources.index_url == "https://settings.example/simple"
    assert sources.find_links == (f"{tmp_path}/wheels",)
    assert sources.extra_index_urls == ("https://more.example/simple",)
    assert sources_of_user().index_url == "https://file.example/simple"
    assert sources_of_user(Sources(channels=("a", "b"))).channels == ("a", "b")


def test_files_are_where_pip_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "named.conf"))
    files = [str(path) for path in pip_configuration._files()]
    assert files.index("/etc/pip.conf") < files.index(f"{tmp_path}/.config/pip/pip.conf")
    assert files[-1] == f"{tmp_path}/named.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert list(pip_configuration._files()) == []
