"""An application that builds one environment, as a process for tests to kill: prints a line for each report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import Text
from aienv_gui.environments.changes.transaction import build
from aienv_gui.environments.manifest import (
    folders_from_json,
    folders_to_json,
    plan_from_json,
    plan_to_json,
    sources_from_json,
    sources_to_json,
)
from aienv_gui.environments.records import Plan, Sources


class _Printing(Silent):
    def status(self, text: Text) -> None:
        print("status", text, flush=True)

    def progress(self, done: float, total: float | None) -> None:
        print("progress", done, total, flush=True)

    def partial(self, result: object) -> None:
        print("partial", result, flush=True)


def start(plan: Plan, sources: Sources, folders: Folders, scratch: Path) -> subprocess.Popen[str]:
    """Start the process; read its standard output line by line."""
    task = {
        "plan": plan_to_json(plan),
        "sources": sources_to_json(sources),
        "folders": folders_to_json(folders),
        "limit": os.environ.get("TEST_FILE_LIMIT", ""),
    }
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "task.json").write_text(json.dumps(task), encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.building", str(scratch / "task.json")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if task["limit"]:
        import resource  # Linux and macOS only, as the test that asks for it

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(task["limit"]), int(task["limit"])))
    try:
        built = build(
            plan_from_json(task["plan"]),
            sources_from_json(task["sources"]),
            folders_from_json(task["folders"]),
            _Printing(),
        )
    except Problem as problem:
        print("problem", problem.code, flush=True)
        sys.exit(1)
    print("built", built.prefix, flush=True)


if __name__ == "__main__":
    main()
