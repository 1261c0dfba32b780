"""Settings: defaults, checks, versions, and files that are damaged, newer or edited by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core import settings as module
from aienv_gui.core.errors import Problem
from aienv_gui.core.settings import SETTINGS, SettingsStore, wrong_values
from aienv_gui.core.storage import Folders
from tests.fakes.web import CERTIFICATES


def _write(folders: Folders, text: str) -> None:
    folders.config.mkdir(parents=True, exist_ok=True)
    folders.settings_file.write_text(text, encoding="utf-8")


def test_every_default_is_allowed() -> None:
    assert {name: setting.check(setting.default) for name, setting in SETTINGS.items()} == dict.fromkeys(SETTINGS)


def test_a_value_is_found_again(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    store = SettingsStore(folders)
    assert store.get("language") == "system"
    store.set("language", "zh_CN")
    store.set("extra_index_urls", ["https://one.example/simple"])
    again = SettingsStore(folders)
    assert again.get("language") == "zh_CN"
    assert again.get("extra_index_urls") == ["https://one.example/simple"]
    assert again.problem is None


def test_a_list_that_was_handed_out_cannot_change_the_setting(tmp_path: Path) -> None:
    store = SettingsStore(Folders.under(tmp_path))
    store.get("channels").append("somewhere")
    assert store.get("channels") == ["conda-forge"]


def test_an_undeclared_setting_is_a_bug(tmp_path: Path) -> None:
    store = SettingsStore(Folders.under(tmp_path))
    with pytest.raises(KeyError):
        store.get("colour")
    with pytest.raises(KeyError):
        store.set("colour", "red")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language", "fr"),
        ("theme", 1),
        ("index_url", "example.org/simple"),
        ("index_url", "ftp://example.org"),
        ("index_url", "https://"),
        ("index_url", "https://exa mple.org"),
        ("index_url", "http://[broken"),
        ("extra_index_urls", "https://example.org"),
        ("find_links", ["relative/folder"]),
        ("find_links", [str(Path("/no/such/folder").absolute())]),
        ("torch_index_url", "download.pytorch.org/whl"),
        ("conda_mirror", "mirror"),
        ("python_mirror", "~/pythons"),
        ("certificate", str(Path("/no/such/file.pem").absolute())),
        ("channels", [str(Path("/no/such/folder").absolute())]),
        ("proxy", "proxy.example:8080"),
        ("proxy", "socks5://proxy.example:1080"),
        ("proxy", "https://proxy.example"),
        ("proxy", "http://proxy.example:port"),
        ("proxy", "http://"),
        ("proxy", "http://anna:secret@proxy.example:8080"),
        ("offline", "yes"),
        ("channels", []),
        ("channels", ["two words"]),
        ("channels", [""]),
    ],
)
def test_what_is_wrong_is_refused_in_words_and_changes_nothing(tmp_path: Path, name: str, value: object) -> None:
    folders = Folders.under(tmp_path)
    store = SettingsStore(folders)
    before = store.get(name)
    with pytest.raises(Problem) as caught:
        store.set(name, value)
    assert caught.value.code == "bad_setting"
    assert str(caught.value.cause)
    assert store.get(name) == before
    assert not folders.settings_file.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("index_url", ""),
        ("index_url", "https://user:word@mirror.example:8443/simple"),
        ("index_url", "file:///srv/packages"),
        ("conda_mirror", "https://mirror.example/anaconda/cloud"),
        ("proxy", "http://anna@proxy.example:8080"),
        ("proxy", "http://[::1]:3128"),
        ("offline", True),
        ("channels", ["conda-forge", "nvidia/label/cuda-12.4", "https://mirror.example/channel"]),
    ],
)
def test_what_is_right_is_kept(tmp_path: Path, name: str, value: object) -> None:
    store = SettingsStore(Folders.under(tmp_path))
    store.set(name, value)
    assert store.get(name) == value


def test_what_must_be_forgotten_is_never_written(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    store = SettingsStore(folders)
    store.set("proxy_password", "hunter2")
    assert store.get("proxy_password") == "hunter2"
    store.set("theme", "dark")
    assert "hunter2" not in folders.settings_file.read_text(encoding="utf-8")
    assert SettingsStore(folders).get("proxy_password") == ""
    _write(folders, json.dumps({"version": 1, "settings": {"proxy_password": "written by hand"}}))
    assert SettingsStore(folders).get("proxy_password") == ""


@pytest.mark.parametrize("content", [b"", b"my-host\n", b"\x30\x82\x05\x00", b"-----BEGIN CERTIFICATE-----\nno\n"])
def test_a_file_without_certificates_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "company.cer"
    file.write_bytes(content)
    wrong = wrong_values({"certificate": str(file)})
    assert "PEM" in str(wrong["certificate"])
    with pytest.raises(Problem):
        SettingsStore(Folders.under(tmp_path)).set("certificate", str(file))
    assert wrong_values({"certificate": str(CERTIFICATES / "authority.pem")}) == {}


def test_folders_are_looked_for_apart_from_the_form(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert SETTINGS["find_links"].check([gone]) is None
    wrong = wrong_values(
        {"find_links": [str(tmp_path), gone], "certificate": gone, "channels": [gone], "index_url": "x"}
    )
    assert set(wrong) == {"find_links", "certificate", "channels", "index_url"}
    assert gone in str(wrong["find_links"])
    assert wrong_values({"find_links": [str(tmp_path), "https://x.example/"], "channels": ["conda-forge"]}) == {}
    store = SettingsStore(Folders.under(tmp_path))
    store.set_all({"find_links": [gone]}, looked=True)  # whoever looked knows better
    assert store.get("find_links") == [gone]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"settings": {}}', '{"version": 1, "settings": []}', "\x00\x01", '{"version": "2"}']
)
def test_a_damaged_file_is_put_aside_and_said(tmp_path: Path, text: str) -> None:
    folders = Folders.under(tmp_path)
    _write(folders, text)
    store = SettingsStore(folders)
    assert store.problem is not None
    assert store.problem.code == "settings_damaged"
    assert store.get("theme") == "system"
    assert (folders.config / "settings.damaged.json").read_text(encoding="utf-8") == text
    store.set("theme", "dark")
    assert SettingsStore(folders).get("theme") == "dark"


def test_bytes_that_are_no_text_are_put_aside(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    folders.config.mkdir(parents=True)
    folders.settings_file.write_bytes(b"\xff\xfe\x00{")
    assert SettingsStore(folders).problem is not None


def test_a_file_of_a_newer_program_is_kept_aside(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    newer = module.VERSION + 1
    _write(folders, json.dumps({"version": newer, "settings": {"theme": "dark"}}))
    store = SettingsStore(folders)
    assert store.get("theme") == "system"
    assert store.problem is not None
    assert store.problem.code == "settings_newer"
    assert "newer AIEnv" in str(store.problem.title)
    kept = folders.config / f"settings.v{newer}.json"
    assert str(kept) in str(store.problem.cause)
    assert json.loads(kept.read_text(encoding="utf-8"))["settings"] == {"theme": "dark"}
    store.set("theme", "light")
    assert SettingsStore(folders).problem is None


def test_a_copy_that_was_kept_is_never_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = Folders.under(tmp_path)
    newer = module.VERSION + 1
    for number in range(3):
        _write(folders, json.dumps({"version": newer, "settings": {"later": number}}))
        assert SettingsStore(folders).problem is not None
        _write(folders, f"damaged {number}")
        assert SettingsStore(folders).problem is not None
    kept = sorted(path.name for path in folders.config.iterdir())
    stems = (f"settings.v{newer}", "settings.damaged")
    assert kept == sorted(f"{stem}{number}.json" for stem in stems for number in ("", ".2", ".3"))
    assert (folders.config / "settings.damaged.json").read_text(encoding="utf-8") == "damaged 0"
    _write(folders, json.dumps({"version": newer, "settings": {"theme": "dark"}}))
    monkeypatch.setattr(module, "VERSION", newer + 1)
    monkeypatch.setitem(module.MIGRATIONS, newer, dict)
    assert SettingsStore(folders).get("theme") == "dark"
    assert (folders.config / f"settings.v{newer}.4.json").exists()


def test_one_value_edited_badly_by_hand_costs_only_itself(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    _write(folders, json.dumps({"version": 1, "settings": {"theme": "purple", "language": "en", "later": 5}}))
    store = SettingsStore(folders)
    assert (store.get("theme"), store.get("language"), store.problem) == ("system", "en", None)
    store.set("language", "zh_CN")
    assert json.loads(folders.settings_file.read_text(encoding="utf-8"))["settings"]["later"] == 5


def test_a_folder_that_is_not_connected_today_is_still_the_users_choice(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    gone = str(tmp_path / "usb" / "wheels")
    _write(folders, json.dumps({"version": 1, "settings": {"find_links": [gone], "channels": []}}))
    store = SettingsStore(folders)
    assert store.get("find_links") == [gone]
    assert store.get("channels") == ["conda-forge"]


def test_an_older_file_is_migrated_with_a_way_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rename_look(values: dict[str, Any]) -> dict[str, Any]:
        return {"theme" if name == "look" else name: value for name, value in values.items()}

    folders = Folders.under(tmp_path)
    _write(folders, json.dumps({"version": 1, "settings": {"look": "dark"}}))
    monkeypatch.setattr(module, "VERSION", 2)
    monkeypatch.setitem(module.MIGRATIONS, 1, rename_look)
    store = SettingsStore(folders)
    assert store.get("theme") == "dark"
    assert json.loads(folders.settings_file.read_text(encoding="utf-8"))["version"] == 2
    back = json.loads((folders.config / "settings.v1.json").read_text(encoding="utf-8"))
    assert back == {"version": 1, "settings": {"look": "dark"}}


def test_a_file_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "config"
    blocked.write_text("a file where the folder should be", encoding="utf-8")
    store = SettingsStore(Folders.under(tmp_path))
    with pytest.raises(Problem):
        store.set("theme", "dark")
    assert store.get("theme") == "system"


def test_several_values_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    store = SettingsStore(folders)
    with pytest.raises(Problem) as raised:
        store.set_all({"index_url": "https://a.example/simple", "torch_index_url": "no address"})
    assert raised.value.code == "bad_setting"
    assert store.get("index_url") == ""
    assert not folders.settings_file.exists()
    store.set_all({"index_url": "https://a.example/simple", "offline": True, "proxy_password": "x"})
    again = SettingsStore(folders)
    assert (again.get("index_url"), again.get("offline"), again.get("proxy_password")) == (
        "https://a.example/simple",
        True,
        "",
    )
    folders.settings_file.unlink()
    folders.settings_file.mkdir()  # nothing can be written there
    with pytest.raises(Problem):
        store.set_all({"index_url": "", "proxy_password": "y"})
    assert (store.get("index_url"), store.get("proxy_password")) == ("https://a.example/simple", "x")
