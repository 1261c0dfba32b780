"""What runs from an environment is found, however it was started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.processes import clean_environment
from aienv_gui.core.storage import Folders
from aienv_gui.environments.changes import usage
from aienv_gui.environments.records import Environment
from tests.fakes.notebooks import make_environment

_WAIT = "import sys; print('here', flush=True); sys.stdin.read()"


def refused_while(environment: Environment, command: Sequence[str | Path], **variables: str) -> Problem:
    """The problem while a program runs; it has ended when this returns."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**clean_environment(), **variables},
    ) as process:
        assert process.stdout.readline() == "here\n"
        with pytest.raises(Problem) as raised:
            usage.check_unused(environment)
        assert str(process.pid) in raised.value.details
        process.stdin.close()
    return raised.value


def test_a_program_that_runs_from_it_is_named(folders: Folders) -> None:
    environment = make_environment(folders, "my env 图")
    usage.check_unused(environment)
    problem = refused_while(environment, [environment.python, "-c", _WAIT])
    assert problem.code == "in_use"
    assert "my env 图" in str(problem.title)
    assert str(problem.cause) == "Programs run from this environment: python."
    usage.check_unused(environment)


def test_a_program_of_a_moment_is_waited_for(folders: Folders) -> None:
    environment = make_environment(folders, "first")
    code = "import time; print('here', flush=True); time.sleep(0.5)"
    with subprocess.Popen([environment.python, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        usage.check_unused(environment)
        assert list(usage.running_from(environment.prefix)) == []


def test_a_command_of_it_and_a_python_of_an_active_terminal_count(folders: Folders) -> None:
    environment = make_environment(folders, "first")
    command = environment.python.parent / "train"
    command.write_text(f"#!{environment.python}\n{_WAIT}\n")
    command.chmod(0o755)
    problem = refused_while(environment, [command])
    assert str(problem.cause) == "Programs run from this environment: train."  # not its interpreter
    problem = refused_while(environment, [environment.python, "-c", _WAIT, "ipykernel_launcher"])
    assert str(problem.cause) == "Programs run from this environment: Jupyter."
    path = f"{environment.python.parent}:/usr/bin:/bin"
    refused_while(environment, ["env", "python", "-c", _WAIT], PATH=path, VIRTUAL_ENV=str(environment.prefix))


def test_a_folder_of_two_names_is_one(folders: Folders, tmp_path: Path) -> None:
    """As where the user keeps AIEnv's files on another disk, behind a link."""
    environment = make_environment(folders, "first")
    link = tmp_path / "link"
    link.symlink_to(environment.prefix.parent, target_is_directory=True)
    by_link = replace(environment, prefix=link / environment.prefix.name)
    refused_while(by_link, [environment.python, "-c", _WAIT])
    path = f"{environment.python.parent}:/usr/bin:/bin"
    refused_while(by_link, ["env", "python", "-c", _WAIT], PATH=path, VIRTUAL_ENV=f"{environment.prefix}/")


def test_passwords_in_a_command_line_are_not_shown(folders: Folders) -> None:
    environment = make_environment(folders, "first")
    problem = refused_while(environment, [environment.python, "-c", _WAIT, "--token=hunter2"])
    assert "hunter2" not in str(problem.to_json())


def test_others_do_not_count(folders: Folders) -> None:
    first, longer = make_environment(folders, "first"), make_environment(folders, "first-longer")
    refused_while(longer, [longer.python, "-c", _WAIT])
    with subprocess.Popen([sys.executable, "-c", _WAIT, str(first.prefix)], stdin=subprocess.PIPE) as process:
        usage.check_unused(first)
        process.stdin.close()
