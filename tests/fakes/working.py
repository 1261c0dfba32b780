"""An application that does one piece of work on environments, as a process to kill: ``planned``, then ``done``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import change, snapshots, transaction
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.manifest import (
    folders_from_json,
    folders_to_json,
    request_from_json,
    request_to_json,
    sources_from_json,
    sources_to_json,
)
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.records import Change, Environment, Maker, Request, Sources


def start(
    verb: str,
    sources: Sources,
    folders: Folders,
    scratch: Path,
    *,
    prefix: Path | None = None,
    request: Request | None = None,
    asked: Change | None = None,
) -> subprocess.Popen[str]:
    """Start the process: build `request`, or change, restore, take or delete what is at `prefix`."""
    task = {
        "verb": verb,
        "sources": sources_to_json(sources),
        "folders": folders_to_json(folders),
        "prefix": str(prefix or ""),
        "request": request_to_json(request) if request is not None else None,
        "add": asked.add if asked is not None else (),
        "remove": asked.remove if asked is not None else (),
        "repair": asked.repair if asked is not None else False,
    }
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "task.json").write_text(json.dumps(task), encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.working", str(scratch / "task.json")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def _work(task: Mapping[str, Any], sources: Sources, folders: Folders) -> None:
    if task["verb"] == "build":
        plan = make_plan(request_from_json(task["request"]), sources, folders, Silent())
        print("planned", flush=True)
        transaction.build(plan, sources, folders, Silent())
        return
    environment: Environment = read_environment(Path(task["prefix"]), Maker.AIENV)
    if task["verb"] == "change":
        asked = Change(add=tuple(task["add"]), remove=tuple(task["remove"]), repair=task["repair"])
        planned = change.plan_change(environment, asked, sources, folders, Silent())
        print("planned", flush=True)
        transaction.change(planned, sources, folders, Silent())
        return
    print("planned", flush=True)
    if task["verb"] == "restore":
        snapshots.restore(environment, snapshots.snapshots_of(environment, folders)[0], folders, Silent())
    elif task["verb"] == "take":
        snapshots.take(environment, folders, Silent())
    else:
        transaction.delete(environment, folders, Silent())


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    _work(task, sources_from_json(task["sources"]), folders_from_json(task["folders"]))
    print("done", flush=True)


if __name__ == "__main__":
    main()
