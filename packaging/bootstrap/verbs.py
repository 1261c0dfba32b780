"""The verbs of dev.py: each takes its arguments and returns an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bootstrap import lock as locks
from bootstrap import other_python
from bootstrap.failures import Stop
from bootstrap.places import PYPROJECT, ROOT, VENV
from bootstrap.system import has_screen, provide_for_run, provide_for_tests, virtual_screen
from bootstrap.venv import prepare

_WITHOUT_QT: Final = ("-p", "tests.without_qt", "-p", "no:pytest-qt")
# The whole suite, in the order of its phases: title, arguments of pytest.
_PHASES: Final = (
    ("unit tests, with Qt blocked", (*_WITHOUT_QT, "tests/unit")),
    # Few files with long tests first: last, one of them would keep one process busy while the other has nothing to do.
    ("end to end, engine, window", ("--no-loadscope-reorder", "tests/e2e", "tests/engine", "tests/gui")),
)
_PROCESSES: Final = "2"


def run(arguments: Sequence[str]) -> int:
    offscreen = not has_screen() or os.environ.get("QT_QPA_PLATFORM") == "offscreen"
    shows_nothing = any(argument.split("=")[0] in ("--tour", "--version", "-h", "--help") for argument in arguments)
    if offscreen and not shows_nothing and "QT_QPA_PLATFORM" not in os.environ:
        raise Stop(
            "There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set). Start this in a desktop session; "
            "without one, `run --tour FOLDER` works and leaves pictures of every page in FOLDER."
        )
    provide_for_run(screen=not offscreen)
    python = prepare("run")
    extra = {"QT_QPA_PLATFORM": "offscreen"} if offscreen else {}
    return _call([python, "-P", "-m", "aienv_gui", *arguments], extra)


def test(arguments: Sequence[str]) -> int:
    provide_for_tests()
    python = prepare("test")
    with virtual_screen() as screen:
        if arguments:
            return _pytest(python, arguments, screen)[0]
        code, summaries = 0, []
        for title, selected in _PHASES:
            print(f"\n{title}", flush=True)
            result, summary = _pytest(python, ["-q", "-n", _PROCESSES, "--dist", "loadfile", *selected], screen)
            code = code or result
            summaries.append(f"{title}: {summary}")
    print("\n" + "\n".join(summaries), flush=True)
    return code


def _pytest(python: Path, arguments: Sequence[str], extra: Mapping[str, str]) -> tuple[int, str]:
    """Run pytest with its output shown; returns the exit code and its last line, the summary."""
    last = ""
    with subprocess.Popen(
        [python, "-m", "pytest", *arguments],
        cwd=ROOT,
        env=_environment(extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return child.returncode, last


def lint(arguments: Sequence[str]) -> int:
    """ruff: rules, then form."""
    python = prepare("test")
    rules = _call([python, "-m", "ruff", "check", *arguments, "."], folder=ROOT)
    return _call([python, "-m", "ruff", "format", "--check", "."], folder=ROOT) or rules


def types(arguments: Sequence[str]) -> int:
    """mypy, strict; this script in a run of its own, because its folder has the name of an installed package."""
    python = prepare("test")
    application = _call([python, "-m", "mypy", *arguments], folder=ROOT)
    settings: list[str | Path] = ["--config-file", PYPROJECT, "--cache-dir", ROOT / ".mypy_cache" / "bootstrap"]
    return _call([python, "-m", "mypy", *settings, "dev.py", "bootstrap"], folder=ROOT / "packaging") or application


def contracts(arguments: Sequence[str]) -> int:
    """import-linter: who may import whom."""
    python = prepare("test")
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return _call([python, "-c", program, *arguments], folder=ROOT)


def check(arguments: Sequence[str]) -> int:
    """Everything but the tests; all of it, also where the first part fails."""
    return max([lint(arguments), types(arguments), contracts(arguments)])


def bench(arguments: Sequence[str]) -> int:
    modules = sorted(path.stem for path in (ROOT / "tests" / "benchmarks").glob("[a-z]*.py") if path.stem != "harness")
    names = [module.replace("_", "-") for module in modules]
    if not arguments or arguments[0] not in names:
        raise Stop(f"Name a benchmark: {', '.join(names)}. For example: dev.py bench {names[0]} --json figures.json")
    provide_for_run(screen=False)
    python = prepare("test")
    program = (
        "import runpy, sys; root, name = sys.argv[1:3]; sys.path.insert(0, root); del sys.argv[1:3];"
        "runpy.run_module('tests.benchmarks.' + name, run_name='__main__')"
    )
    with virtual_screen() as screen:
        module = arguments[0].replace("-", "_")
        return _call([python, "-P", "-c", program, ROOT, module, *arguments[1:]], screen)


def engine(arguments: Sequence[str]) -> int:
    """The engine's tests with its processes in another Python; the tests themselves stay in ours."""
    other, packages, selected = other_python.asked(arguments)
    provide_for_tests()
    python = prepare("test")
    with other_python.temporary() as folder:
        its = other_python.make(other, packages, Path(folder) / "environment")
        print(f"\nThe engine's tests in {other}", flush=True)
        return _pytest(python, ["-q", *selected], {"AIENV_TEST_PYTHON": str(its)})[0]


def lock(arguments: Sequence[str]) -> int:
    python = prepare("test") if VENV.exists() else Path(sys.executable)
    return locks.write(python, upgrade="--keep" not in arguments)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return {**inherited, **extra}


def _call(command: Sequence[str | Path], extra: Mapping[str, str] | None = None, *, folder: Path | None = None) -> int:
    """Run a program in `folder` (None: where the user is) and return its exit code."""
    return subprocess.run(command, cwd=folder, env=_environment(extra or {}), check=False).returncode


VERBS: Final[Mapping[str, Callable[[Sequence[str]], int]]] = {
    "run": run,
    "test": test,
    "check": check,
    "lint": lint,
    "types": types,
    "contracts": contracts,
    "bench": bench,
    "engine": engine,
    "lock": lock,
}
