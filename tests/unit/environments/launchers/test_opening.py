"""Editors and terminals: programs that write down what they were given, and the real shells where they are here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import verbatim
from aienv_gui.environments.launchers import activation, opening, programs
from aienv_gui.environments.launchers.opening import Opened, open_in_editor, open_terminal
from aienv_gui.environments.launchers.programs import Editor
from aienv_gui.environments.records import Environment
from tests.fakes.notebooks import make_environment, make_program, recorded

NAMES = [
    "plain",
    "two words",
    "图片 模型 🙂",
    'it\'s "quoted"',
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "%x% \\n",
]


@pytest.fixture(autouse=True)
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home and a folder of programs, the only one on the PATH beside the system's own tools."""
    home = tmp_path / "home"
    home.mkdir()
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "env", "mkdir", "mv", "pwd", "bash", "touch"):
        (tools / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{tools}")
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setenv("PYTHONPATH", "/leak")
    monkeypatch.delenv("XDG_CURRENT_DESKTOP", raising=False)
    return tmp_path / "programs"


def ended(opened: Opened, record: Path) -> list[str]:
    """Wait for a program of `make_program` and return its arguments."""
    assert opened.process.wait(10) == 0
    until = time.monotonic() + 10
    while not (record / "arguments").exists() and time.monotonic() < until:
        threading.Event().wait(0.02)
    return recorded(record)


@pytest.mark.parametrize("name", NAMES)
def test_vs_code_gets_a_workspace_of_ours(name: str, folders: Folders, desktop: Path, tmp_path: Path) -> None:
    environment = make_environment(folders, name)
    project = tmp_path / f"project {name.replace('/', '_')}"
    project.mkdir()
    before = list(project.iterdir())
    record = make_program(desktop / "code")
    opened = open_in_editor(Editor.VS_CODE, environment, project, folders, Silent())
    (file,) = ended(opened, record)
    workspace = json.loads(Path(file).read_text(encoding="utf-8"))
    assert Path(file).is_relative_to(folders.data)
    assert workspace["folders"] == [{"path": str(project)}]
    assert workspace["settings"]["python.defaultInterpreterPath"] == str(environment.python)
    assert list(project.iterdir()) == before
    assert "PYTHONPATH" not in (record / "env").read_text()
    assert str(project) in str(opened.text)


def test_two_folders_of_one_environment_have_a_workspace_each(folders: Folders, desktop: Path, tmp_path: Path) -> None:
    environment = make_environment(folders, "first")
    record = make_program(desktop / "code-insiders")
    places = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        opened = open_in_editor(Editor.VS_CODE, environment, tmp_path / name, folders, Silent())
        places.add(ended(opened, record)[0])
    assert len(places) == 2


@pytest.mark.parametrize("program", ["pycharm", "charm", "pycharm-community"])
def test_pycharm_opens_the_folder_and_the_way_on_is_told(
    program: str, folders: Folders, desktop: Path, tmp_path: Path
) -> None:
    environment = make_environment(folders, "my env")
    record = make_program(desktop / program)
    opened = open_in_editor(Editor.PYCHARM, environment, tmp_path, folders, Silent())
    assert ended(opened, record) == [str(tmp_path)]
    assert str(environment.python) in str(opened.text)


def test_toolbox_snap_and_flatpak_are_found(desktop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem) as raised:
        programs.find_editor(Editor.PYCHARM)
    (action,) = raised.value.actions
    assert action.name == "open_address"
    assert action.argument.startswith("https://www.jetbrains.com/")
    toolbox = Path(os.environ["HOME"]) / ".local" / "share" / "JetBrains" / "Toolbox" / "scripts" / "pycharm"
    make_program(toolbox)
    assert programs.find_editor(Editor.PYCHARM).command == (str(toolbox),)
    toolbox.unlink()
    make_program(desktop / "flatpak")
    name = "com.jetbrains.PyCharm-Community"
    (Path(os.environ["HOME"]) / ".local/share/flatpak/app" / name / "current").mkdir(parents=True)
    assert programs.find_editor(Editor.PYCHARM).command == (str(desktop / "flatpak"), "run", name)


def test_editors_of_macos_and_windows_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    inside = Path(os.environ["HOME"]) / "Applications/Visual Studio Code.app/Contents/Resources/app/bin/code"
    make_program(inside)
    assert programs.find_editor(Editor.VS_CODE).command == (str(inside),)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(programs, "_registered", lambda exe: [])
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    monkeypatch.setenv("ProgramFiles", str(tmp_path / "Program Files"))
    monkeypatch.setenv("ProgramFiles(x86)", str(tmp_path / "none"))
    code = tmp_path / "Local/Programs/Microsoft VS Code/Code.exe"
    make_program(code)
    make_program(tmp_path / "programs" / "code")  # a code.cmd in reality: never given to a shell
    assert programs.find_editor(Editor.VS_CODE).command == (str(code),)
    charm = tmp_path / "Program Files/JetBrains/PyCharm 2026.2/bin/pycharm64.exe"
    make_program(charm)
    assert programs.find_editor(Editor.PYCHARM).command == (str(charm),)


def test_an_editor_that_does_not_start_is_told(folders: Folders, desktop: Path, tmp_path: Path) -> None:
    environment = make_environment(folders, "first")
    make_program(desktop / "code", code=3)
    with pytest.raises(Problem) as raised:
        open_in_editor(Editor.VS_CODE, environment, tmp_path, folders, Silent())
    assert raised.value.code == "not_started"
    assert "ended with code 3" in str(raised.value.cause)


TERMINALS = {
    "xdg-terminal-exec": [],
    "gnome-terminal": ["--"],
    "ptyxis": ["--new-window", "--"],
    "kgx": ["--"],
    "konsole": ["-e"],
    "xfce4-terminal": ["-x"],
    "x-terminal-emulator": ["-e"],
    "kitty": [],
    "alacritty": ["-e"],
    "wezterm": ["start", "--"],
    "xterm": ["-e"],
}


@pytest.mark.parametrize("program", TERMINALS)
def test_every_terminal_is_given_the_shell_in_its_own_way(program: str, folders: Folders, desktop: Path) -> None:
    environment = make_environment(folders, "first")
    record = make_program(desktop / program)
    arguments = ended(open_terminal(environment, folders, Silent()), record)
    before = TERMINALS[program]
    assert arguments[: len(before)] == before
    shell = arguments[len(before) :]
    assert (shell[0], shell[1], shell[3]) == ("/bin/bash", "--rcfile", "-i")
    assert Path(shell[2]).is_file()
    variables = (record / "env").read_text().splitlines()
    assert not any(line.startswith("PYTHON") for line in variables)


def test_a_terminal_that_takes_one_argument_gets_it_quoted(desktop: Path, tmp_path: Path) -> None:
    folders = Folders.under(tmp_path / "a b's $(touch pwned)")
    environment = make_environment(folders, "first")
    record = make_program(desktop / "lxterminal")
    option, text = ended(open_terminal(environment, folders, Silent()), record)
    assert option == "-e"
    told = subprocess.run(["sh", "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[1] == "--rcfile"
    assert Path(told.stdout.splitlines()[2]).is_file()
    assert not Path("pwned").exists()


def test_the_desktops_own_terminal_comes_first_and_none_is_told(
    folders: Folders, desktop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make_environment(folders, "first")
    with pytest.raises(Problem) as raised:
        open_terminal(environment, folders, Silent())
    assert raised.value.code == "no_terminal"
    for name in ("gnome-terminal", "konsole"):
        make_program(desktop / name)
    assert programs.find_terminal().command[0] == str(desktop / "gnome-terminal")
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    assert programs.find_terminal().command[0] == str(desktop / "konsole")


def test_terminals_of_macos_and_windows_get_a_file(
    folders: Folders, desktop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make_environment(folders, "my 图 $(touch pwned)")
    record = make_program(desktop / "open")
    monkeypatch.setattr(sys, "platform", "darwin")
    application, name, file = ended(open_terminal(environment, folders, Silent()), record)
    assert (application, name) == ("-a", "Terminal")
    assert os.access(file, os.X_OK)
    script = Path(file).read_text(encoding="utf-8").splitlines()
    assert script[1].startswith("exec /bin/bash --rcfile ")
    record = make_program(desktop / "wt.exe")
    process = opening._windows_terminal(environment, folders.data / "opened" / "x")
    assert ended(Opened(verbatim(""), process), record) == ["-d", ".", "cmd.exe", "/K", "activate.cmd"]
    folder = Path((record / "folder").read_text().strip())
    assert (folder / "activate.cmd").read_bytes().endswith(b'cd /d "%USERPROFILE%"\r\n')


# What the shells make of it

_SHOW = 'printf "%s\\n" "$VIRTUAL_ENV|$CONDA_PREFIX|$PATH|$PYTHONHOME|$PWD"'


def conda_like(environment: Environment) -> Environment:
    (environment.prefix / "pyvenv.cfg").unlink()
    (environment.prefix / "conda-meta").mkdir()
    scripts = environment.prefix / "etc" / "conda" / "activate.d"
    scripts.mkdir(parents=True)
    (scripts / "it.sh").write_text("export FROM_A_PACKAGE=yes\n")
    (scripts / "it.fish").write_text("set -gx FROM_A_PACKAGE yes\n")
    return environment


def shown_by(shell: list[str], question: str, tmp_path: Path) -> list[str]:
    """What an interactive shell answers. No terminal is there, of which some shells complain."""
    variables = {**activation.user_variables(), "PYTHONHOME": "/leak", "VIRTUAL_ENV": "/another", "TERM": "dumb"}
    variables["PATH"] = f"/before:{variables['PATH']}:/usr/bin:/bin"
    done = subprocess.run(
        shell,
        input=f"{question}\nexit\n",
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        start_new_session=True,
    )
    return done.stdout.splitlines()


def shell_command(
    shell: str, environment: Environment, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> list[str] | None:
    """The words of the command that a terminal gets; None where this shell is not installed here."""
    found = shutil.which(shell, path="/bin:/usr/bin:/usr/local/bin")
    if found is None:
        return None
    if shell in ("sh", "dash"):
        monkeypatch.setattr(opening, "_users_shell", lambda: found)
    monkeypatch.setenv("SHELL", found)
    return opening._shell(environment, opening._own_folder(environment, folders))


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "fish"])
@pytest.mark.parametrize("name", NAMES)
def test_the_environment_is_active_in_the_shell_whatever_its_name(
    shell: str, name: str, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make_environment(folders, name)
    command = shell_command(shell, environment, folders, monkeypatch)
    if command is None:
        return
    home = Path(os.environ["HOME"])
    (home / ".bashrc").write_text("PATH=/users/own:$PATH\n")
    (home / ".zshrc").write_text("PATH=/users/own:$PATH\nsetopt prompt_subst\n")
    lines = shown_by(command, _SHOW, tmp_path)
    (line,) = [line for line in lines if "|" in line and str(environment.prefix) in line]
    virtual, conda, path, python_home, folder = line[line.index(str(environment.prefix)) :].split("|")
    assert virtual == str(environment.prefix)
    assert (conda, python_home) == ("", "")
    assert path.split(":")[0] == str(environment.python.parent)
    assert "/before" in path
    if shell in ("bash", "zsh"):
        assert "/users/own" in path
    assert folder == str(home)
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "fish"])
def test_a_conda_environments_own_scripts_run_in_the_terminal(
    shell: str, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = conda_like(make_environment(folders, "sci env"))
    command = shell_command(shell, environment, folders, monkeypatch)
    if command is None:
        return
    lines = shown_by(command, 'printf "%s\\n" "<$CONDA_PREFIX|$VIRTUAL_ENV|$FROM_A_PACKAGE>"', tmp_path)
    assert any(f"<{environment.prefix}||yes>" in line for line in lines), lines


def test_the_prompt_names_the_environment_and_carries_out_nothing(folders: Folders, tmp_path: Path) -> None:
    environment = replace(make_environment(folders, "first"), name="图 $(touch pwned)`touch pwned`\\w'")
    file = tmp_path / "rc"
    file.write_text(activation.bash_file(environment))
    lines = shown_by(["bash", "--rcfile", str(file), "-i"], 'printf "%s\\n" "<${PS1@P}>"', tmp_path)
    assert any("(图 __touch pwned__touch pwned__w_)" in line for line in lines), lines
    assert not list(tmp_path.rglob("pwned"))


def test_the_file_for_windows_quotes_what_cmd_would_read(folders: Folders) -> None:
    environment = make_environment(folders, "100%PATH% & del")
    text = activation.cmd_file(environment)
    assert f'set "VIRTUAL_ENV={str(environment.prefix).replace("%", "%%")}"' in text
    assert text.startswith("@echo off\r\nchcp 65001 >nul\r\n")
    assert "prompt (100_PATH_ _ del) $P$G" in text
