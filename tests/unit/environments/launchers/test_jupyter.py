"""JupyterLab for an environment: a real server process, which stands for Jupyter's own, and real kernels' files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.environments.discovery.kernels import jupyter_folder
from aienv_gui.environments.launchers import jupyter, kernels
from aienv_gui.environments.launchers.jupyter import Address, server_for
from aienv_gui.environments.records import Environment, Maker
from tests.fakes.notebooks import make_environment
from tests.fakes.reporters import Keeping


@pytest.fixture(autouse=True)
def jupyter_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "users jupyter"))
    monkeypatch.setenv("FAKE_JUPYTER_RECORD", str(tmp_path / "record.json"))
    return tmp_path / "users jupyter"


class Reader(Keeping):
    """Opens what is offered, as the browser does, and then cancels."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.answers: list[int] = []
        self._meanwhile = meanwhile

    def partial(self, result: object) -> None:
        super().partial(result)
        assert isinstance(result, Address)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(result.url, timeout=5) as page:
            self.answers.append(page.status)
        self._meanwhile()

    @property
    def cancelled(self) -> bool:
        return bool(self.answers)


def record(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "record.json").read_text())
    return found


def test_the_server_answers_with_its_secret_and_ends_with_its_kernels(
    folders: Folders, tmp_path: Path, jupyter_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/leak")
    monkeypatch.setenv("PYTHONHOME", "/leak")
    environment = make_environment(folders, "bilder 图片 it's", "jupyterlab", "ipykernel")
    root = tmp_path / "my notebooks"
    root.mkdir()
    reader = Reader()
    with pytest.raises(Cancelled):
        jupyter.serve(environment, (), root, folders, reader)
    assert reader.answers == [200]
    said = record(tmp_path)
    assert said["options"]["ServerApp.ip"] == "127.0.0.1"
    assert said["root_dir"] == str(root)
    variables = said["variables"]
    assert "PYTHONPATH" not in variables
    assert "PYTHONHOME" not in variables
    assert variables["PATH"].split(os.pathsep)[0] == str(environment.python.parent)
    assert variables["VIRTUAL_ENV"] == str(environment.prefix)
    assert "/leak" not in said["path"]
    assert len(said["token"]) >= 32
    assert not psutil.pid_exists(said["pid"])
    assert not psutil.pid_exists(said["kernel"])
    written = " ".join([*reader.lines, *reader.statuses, repr(reader.partials), *psutil.Process().cmdline()])
    assert said["token"] not in written
    assert any("token=..." in line for line in reader.lines)
    assert f"127.0.0.1:{said['port']}" in reader.statuses[-1]
    assert list((folders.data / "opened" / "jupyter").iterdir()) == []
    assert (jupyter_home / "kernels" / said["options"]["MultiKernelManager.default_kernel_name"]).is_dir()


def test_the_token_is_on_no_command_line(folders: Folders, tmp_path: Path) -> None:
    environment = make_environment(folders, "first", "jupyterlab", "ipykernel")
    lines: list[str] = []

    def look() -> None:
        for process in psutil.Process().children(recursive=True):
            lines.extend(process.cmdline())

    with pytest.raises(Cancelled):
        jupyter.serve(environment, (), tmp_path, folders, Reader(look))
    assert any("jupyterlab" in line for line in lines)
    assert record(tmp_path)["token"] not in " ".join(lines)


def test_a_server_that_is_shut_down_in_the_browser_ends_the_work(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_JUPYTER", "ends")
    environment = make_environment(folders, "first", "jupyterlab", "ipykernel")

    class Stays(Reader):
        cancelled = False

    jupyter.serve(environment, (), tmp_path, folders, Stays())
    assert not psutil.pid_exists(record(tmp_path)["pid"])


def test_a_server_that_fails_is_told_without_its_secret(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_JUPYTER", "fails")
    environment = make_environment(folders, "first", "jupyterlab", "ipykernel")
    with pytest.raises(Problem) as raised:
        jupyter.serve(environment, (), tmp_path, folders, Keeping())
    assert str(raised.value.title) == "JupyterLab could not be started."
    assert "tornado" in str(raised.value.cause) + raised.value.details
    assert "started with token=" in raised.value.details
    assert re.search("[0-9a-f]{32}", raised.value.details) is None


def test_a_server_that_never_answers_is_ended(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_JUPYTER", "silent")
    monkeypatch.setattr(jupyter, "_PATIENCE_S", 1.0)
    environment = make_environment(folders, "first", "jupyterlab", "ipykernel")
    with pytest.raises(Problem) as raised:
        jupyter.serve(environment, (), tmp_path, folders, Keeping())
    assert raised.value.code == "no_answer"
    assert not psutil.pid_exists(record(tmp_path)["pid"])


def test_the_server_goes_when_the_application_is_killed(folders: Folders, tmp_path: Path) -> None:
    environment = make_environment(folders, "first", "jupyterlab", "ipykernel")
    code = (
        "import sys, pathlib\n"
        "from aienv_gui.core.storage import Folders\n"
        "from aienv_gui.core.tasks import Silent\n"
        "from aienv_gui.environments.discovery.look import read_environment\n"
        "from aienv_gui.environments.records import Maker\n"
        "from aienv_gui.environments.launchers import jupyter\n"
        "class Telling(Silent):\n"
        "    def partial(self, result): print('answers', flush=True)\n"
        "folders = Folders.under(pathlib.Path(sys.argv[1]))\n"
        "environment = read_environment(pathlib.Path(sys.argv[2]), Maker.AIENV, folders)\n"
        "jupyter.serve(environment, (), folders.data, folders, Telling())\n"
    )
    root = Path(__file__).resolve().parents[4]
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path, environment.prefix],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as application:
        assert application.stdout.readline() == "answers\n"
        application.send_signal(signal.SIGKILL)
    said = record(tmp_path)
    until = time.monotonic() + 20
    while psutil.pid_exists(said["pid"]) and time.monotonic() < until:
        threading.Event().wait(0.05)
    assert not psutil.pid_exists(said["pid"])
    psutil.Process(said["kernel"]).kill()  # Jupyter's own kernels watch for that; this one only sleeps
    (left,) = (folders.data / "opened" / "jupyter").iterdir()
    with pytest.raises(Cancelled):
        jupyter.serve(environment, (), tmp_path, folders, Reader())
    assert not left.exists()


def test_which_environment_serves(folders: Folders) -> None:
    full = make_environment(folders, "full", "jupyterlab", "ipykernel")
    kernel = make_environment(folders, "kernel", "ipykernel")
    bare = make_environment(folders, "bare")
    theirs = Environment(
        full.prefix, full.python, "theirs", Maker.VENV, full.python_version, full.packages, broken=None
    )
    assert server_for(full, ()) is full
    assert server_for(kernel, (bare, full)) is full
    for environment, others in ((kernel, (bare, theirs)), (bare, (full,))):
        with pytest.raises(Problem) as raised:
            server_for(environment, others)
        (action,) = raised.value.actions
        assert (action.name, action.argument) == ("add_packages", "jupyterlab")
        assert environment.name in str(raised.value.title)
    broken = Environment(full.prefix, full.python, "x", Maker.AIENV, "3.11", full.packages, broken=tr("Gone."))
    with pytest.raises(Problem, match="Gone"):
        server_for(broken, (full,))


def test_anothers_server_offers_this_environments_kernel(folders: Folders, tmp_path: Path, jupyter_home: Path) -> None:
    full = make_environment(folders, "full", "jupyterlab", "ipykernel")
    kernel = make_environment(folders, "kernel", "ipykernel")
    with pytest.raises(Cancelled):
        jupyter.serve(kernel, (full,), tmp_path, folders, Reader())
    said = record(tmp_path)
    assert said["variables"]["VIRTUAL_ENV"] == str(full.prefix)
    assert said["options"]["MultiKernelManager.default_kernel_name"] == "aienv-kernel"
    content = json.loads((jupyter_home / "kernels" / "aienv-kernel" / "kernel.json").read_text())
    assert content["argv"][0] == str(kernel.python)


def test_kernels_are_written_and_taken_away_again(folders: Folders, jupyter_home: Path) -> None:
    first = make_environment(folders, "pri$ce 图", "ipykernel")
    path = kernels.register(first)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["argv"] == [str(first.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert content["display_name"] == f"pri$ce 图 (Python {first.python_version})"
    assert content["env"]["PATH"] == f"{str(first.python.parent).replace('$', '$$')}{os.pathsep}${{PATH}}"
    theirs = jupyter_home / "kernels" / "aienv-of-somebody" / "kernel.json"
    theirs.parent.mkdir()
    theirs.write_text('{"argv": ["/gone"], "metadata": {}}')
    gone = make_environment(folders, "gone", "ipykernel")
    left = kernels.register(gone)
    gone.prefix.rename(folders.data / "elsewhere")
    kernels.register(first)
    assert path.exists()
    assert not left.exists()
    assert theirs.exists()
    kernels.unregister(first)
    kernels.unregister(first)
    assert not path.parent.exists()


def test_kernels_of_like_folders_are_told_apart(folders: Folders, tmp_path: Path) -> None:
    names = set()
    for parent in ("a", "b"):
        elsewhere = Folders.under(tmp_path / parent)
        names.add(kernels.kernel_name(make_environment(elsewhere, ".venv", maker=Maker.VENV)))
    names.add(kernels.kernel_name(make_environment(folders, "venv")))
    assert len(names) == 3
    assert all(name.startswith("aienv-venv") for name in names)


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_users_jupyter_folder(system: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JUPYTER_DATA_DIR")
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    expected = {
        "linux": tmp_path / "share" / "jupyter",
        "darwin": Path.home() / "Library" / "Jupyter",
        "win32": tmp_path / "Roaming" / "jupyter",
    }
    assert jupyter_folder() == expected[system]
