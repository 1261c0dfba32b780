"""Asks conda channels for newer versions of packages: `ask` from anywhere, `newest` in a worker process only."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.environments.discovery.installed import Installed
from aienv_gui.environments.manifest import folders_to_json, request_to_json, sources_to_json
from aienv_gui.environments.records import Engine, Environment, Request, Sources
from aienv_gui.environments.worker_call import call


def ask(
    packages: Sequence[Installed],
    environment: Environment,
    request: Request | None,
    sources: Sources,
    folders: Folders,
    reporter: Reporter,
) -> Mapping[str, str]:
    """The newest version of each conda package that is older than what the channels have for this Python.

    The channels are those of `request`, else the settings'. Reads their lists in a worker process: seconds, the first
    time many. Raises `Problem` where a channel cannot be read, and `Cancelled`.
    """
    asked = request or Request(environment.name, Engine.CONDA, environment.python_version, ())
    task = {
        "packages": [[package.name, package.version] for package in packages],
        "request": request_to_json(asked),
        "sources": sources_to_json(sources),
        "folders": folders_to_json(folders),
    }
    with tempfile.TemporaryDirectory(prefix="aienv-newest-", ignore_cleanup_errors=True) as temporary:
        answer = call("newest", task, Path(temporary), reporter)
    return {str(name): str(version) for name, version in answer["newest"].items()}
