"""Which environments the application may change: those that it made."""

from __future__ import annotations

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.environments.manifest import Manifest, read_manifest
from aienv_gui.environments.records import Environment


def check_ours(environment: Environment, folders: Folders) -> None:
    """Raise `Problem` for an environment that is gone, or that somebody else made."""
    prefix = environment.prefix
    if not prefix.is_dir():
        raise Problem(
            tr("{name} is no longer there.", name=environment.name),
            cause=tr("Its folder {folder} was deleted or moved.", folder=prefix),
            cure=tr("Choose another environment."),
            code="gone",
        )
    if prefix.parent != folders.environments or not environment.removable:
        raise Problem(
            tr("AIEnv did not make this environment."),
            cause=tr("AIEnv does not change environments that others made; this one is at {path}.", path=prefix),
            cure=tr("Make a copy of it, and change the copy."),
            actions=(Action("duplicate", tr("Make a copy")),),
            code="not_ours",
        )


def manifest_of(environment: Environment, folders: Folders) -> Manifest:
    """What ``aienv.json`` of an environment of ours says. Raises `Problem` as `check_ours`, and where it is no use."""
    check_ours(environment, folders)
    try:
        manifest = read_manifest(environment.prefix)
    except (OSError, KeyError, TypeError, ValueError, Problem):
        manifest = None
    if manifest is None:
        raise Problem(
            tr("{name} cannot be changed.", name=environment.name),
            cause=tr(
                "Its description {file} is damaged or missing: what was asked for is not known.", file="aienv.json"
            ),
            cure=tr("Go back to a snapshot, or make a copy of it."),
            actions=(Action("duplicate", tr("Make a copy")),),
            code="no_manifest",
        )
    return manifest
