"""Windows' Pythons are found by its registry and folders; a registry of the test's own stands in for the system's."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aienv_gui.environments.discovery import interpreters
from aienv_gui.environments.discovery.interpreters import every_interpreter


class Registry(ModuleType):
    """The part of `winreg` that is used. `keys`: path -> its default value; the same in both hives and views."""

    HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE = 1, 2
    KEY_READ, KEY_WOW64_64KEY, KEY_WOW64_32KEY = 0x20019, 0x100, 0x200

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__("winreg")
        self._keys = keys

    @contextmanager
    def OpenKey(self, hive: int, path: str, reserved: int, access: int) -> Iterator[str]:
        if hive != self.HKEY_CURRENT_USER or not access & self.KEY_WOW64_64KEY:
            raise OSError("not there")
        if not any(key == path or key.startswith(path + "\\") for key in self._keys):
            raise OSError("not there")
        yield path

    def _inside(self, path: str) -> list[str]:
        inside = [key.removeprefix(path + "\\") for key in self._keys if key.startswith(path + "\\")]
        return sorted({key.split("\\")[0] for key in inside})

    def QueryInfoKey(self, path: str) -> tuple[int, int, int]:
        return len(self._inside(path)), 0, 0

    def EnumKey(self, path: str, number: int) -> str:
        return self._inside(path)[number]

    def QueryValueEx(self, path: str, name: str) -> tuple[str, int]:
        return self._keys[path], 1


@pytest.fixture
def windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def python(folder: str, content: str = "program") -> Path:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "python.exe").write_text(content)
        return tmp_path / folder

    registered = {
        r"Software\Python\PythonCore\3.12\InstallPath": str(python("Python312")),
        r"Software\Python\PythonCore\3.11\InstallPath": str(tmp_path / "gone"),
        r"Software\Python\PythonCore\3.10\Other": "",
        r"Software\Python\ContinuumAnalytics\Anaconda\InstallPath": str(python("anaconda3")),
    }
    (tmp_path / "anaconda3" / "conda-meta").mkdir()
    python("local/Programs/Python/Python313")
    python("local/Python/pythoncore-3.14.2-64")
    python("roaming/uv/python/cpython-3.11.9-windows-x86_64-none")
    python("local/Microsoft/WindowsApps", content="")  # opens the store
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setenv("PATH", str(tmp_path / "local/Microsoft/WindowsApps"))
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.delenv(name, raising=False)
    registry: Any = Registry(registered)
    monkeypatch.setitem(sys.modules, "winreg", registry)
    monkeypatch.setattr(sys, "platform", "win32")
    return tmp_path


def test_registered_and_managed_pythons_are_found(windows: Path) -> None:
    found = {base.prefix: base.version for base in every_interpreter() if windows in base.prefix.parents}
    assert found == {
        windows / "Python312": "3.12",
        windows / "local/Programs/Python/Python313": "3.13",
        windows / "local/Python/pythoncore-3.14.2-64": "3.14.2",
        windows / "roaming/uv/python/cpython-3.11.9-windows-x86_64-none": "3.11.9",
    }


def test_the_alias_of_the_store_is_never_run(windows: Path) -> None:
    assert interpreters.ask_version(windows / "local/Microsoft/WindowsApps/python.exe") == ""
