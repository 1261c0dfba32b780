"""The engine runs with what the chosen environment offers and with its own copy, and says what is missing there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Event
from tests.engine.engine_runs import ENGINE, PATIENCE, events, make_run, train
from tests.fakes.pictures import write_pictures


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with nothing in it."""
    folder = tmp_path_factory.mktemp("bare") / "environment"
    venv.EnvBuilder(with_pip=False, symlinks=sys.platform != "win32").create(folder)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def call(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """With our site-packages and the checkout in PYTHONPATH, as a careless starter would."""
    leaky = os.pathsep.join([sysconfig.get_path("purelib"), str(ENGINE.parent.parent)])
    return subprocess.run(
        [str(python), "-I", *arguments],
        env={**os.environ, "PYTHONPATH": leaky},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_what_the_environment_lacks_is_named(bare_python: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "data", classes=("across", "down"), each=3)
    run = make_run(tmp_path / "run", folder)
    ended = call(bare_python, str(run / "engine" / "__main__.py"), "train", str(run))
    assert ended.returncode == 1
    failure = events(run, Event.FAILED)[-1]
    assert failure["code"] == "missing_package"
    assert failure["values"]["name"] in ("torch", "numpy")

    (tmp_path / "request.json").write_text(json.dumps({"folder": str(folder)}), encoding="utf-8")
    ended = call(bare_python, str(ENGINE / "__main__.py"), "inspect", str(tmp_path))
    assert ended.returncode == 1
    answer = protocol.read_json(tmp_path / "answer.json")
    assert (answer["ok"], answer["code"]) == (False, "missing_package")
    assert answer["values"]["name"] in ("PIL", "numpy")


def test_neither_our_packages_nor_our_code_are_within_reach(bare_python: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tmp_path)
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import importlib.util, json, runpy, sys\n"
        "main = runpy.run_path(sys.argv[1])\n"
        "main['_become_package']()\n"
        "import engine.protocol\n"
        "names = ['torch', 'numpy', 'PySide6', 'aienv_gui', 'protocol', 'loop']\n"
        "found = {name: importlib.util.find_spec(name) is not None for name in names}\n"
        "print(json.dumps({'found': found, 'from': engine.protocol.__file__}))\n",
        encoding="utf-8",
    )
    shown = json.loads(call(bare_python, str(probe), str(run / "engine" / "__main__.py")).stdout)
    assert not any(shown["found"].values()), shown["found"]
    assert Path(shown["from"]) == run / "engine" / "protocol.py"


def test_a_run_uses_its_own_copy(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "data", classes=("across", "down"), each=3)
    run = make_run(tmp_path / "run with spaces 图", folder)
    (run / "engine" / "loop.py").write_text("raise RuntimeError('this copy')", encoding="utf-8")
    ended = call(Path(sys.executable), str(run / "engine" / "__main__.py"), "train", str(run))
    assert ended.returncode == 1
    failure = events(run, Event.FAILED)[-1]
    assert failure["code"] == "unexpected"
    assert "this copy" in failure["values"]["reason"]
    assert "Traceback" in failure["traceback"]


def test_the_engine_imports_nothing_of_ours() -> None:
    for path in ENGINE.rglob("*.py"):
        assert "aienv_gui" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("arguments", [[], ["train"], ["dance", "."], ["train", "no such folder"]])
def test_wrong_arguments_are_said(arguments: list[str]) -> None:
    ended = call(Path(sys.executable), str(ENGINE / "__main__.py"), *arguments)
    assert ended.returncode == 2
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr


def test_a_run_folder_without_a_recipe_fails_in_words(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(ENGINE, run / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    assert call(Path(sys.executable), str(run / "engine" / "__main__.py"), "train", str(run)).returncode == 1
    assert events(run, Event.FAILED)[-1]["code"] == "bad_recipe"


@pytest.mark.slow
def test_threads_that_wait_leave_the_processor_to_others(tmp_path: Path, pictures: Path) -> None:
    """Read by the threads' library when PyTorch is loaded: set before."""
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 1})
    first = run / "engine" / "protocol.py"  # imported first
    says = "import os as _os\nprint('spins', _os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)\n"
    first.write_text(first.read_text(encoding="utf-8") + says, encoding="utf-8")
    assert train(run) == 0
    assert "spins 3000 False" in (run / protocol.LOG).read_text(encoding="utf-8")
