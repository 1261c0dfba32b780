"""The long work on environments as the window starts it: plain functions for `services.jobs.start`.

The environments' modules are imported inside the functions, so in a job's thread: they bring YAML, requests and more,
which neither the start of the program nor the opening of a page may wait for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.environments.records import Environment, Plan, Sources, Unfinished, Verdict

if TYPE_CHECKING:
    from aienv_gui.environments.disk_use import DiskUse


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at this machine found."""

    environments: tuple[Environment, ...]
    unfinished: tuple[Unfinished, ...]


def look(folders: Folders, reporter: Reporter) -> Found:
    """Find the environments of this machine and the builds that were interrupted."""
    from aienv_gui.environments import discovery, transaction

    return Found(discovery.discover(folders, reporter), transaction.unfinished(folders))


def build(plan: Plan, sources: Sources, folders: Folders, reporter: Reporter) -> Environment:
    """Build what was planned."""
    from aienv_gui.environments import transaction

    return transaction.build(plan, sources, folders, reporter)


def resume(unfinished: Unfinished, sources: Sources, folders: Folders, reporter: Reporter) -> Environment:
    """Go on with an interrupted build."""
    from aienv_gui.environments import transaction

    return transaction.resume(unfinished, sources, folders, reporter)


def discard(unfinished: Unfinished, folders: Folders, reporter: Reporter) -> None:
    """Sweep what an interrupted build left."""
    from aienv_gui.environments import transaction

    transaction.discard(unfinished, folders, reporter)


def delete(environment: Environment, folders: Folders, reporter: Reporter) -> None:
    """Delete an environment that AIEnv made."""
    from aienv_gui.environments import transaction

    transaction.delete(environment, folders, reporter)


def validate(environment: Environment, folders: Folders, reporter: Reporter) -> tuple[Verdict, ...]:
    """Check an environment; each verdict also comes as a partial result."""
    from aienv_gui.environments import validation

    return validation.validate(environment, folders, reporter)


def measure(prefix: Path, reporter: Reporter) -> DiskUse:
    """Add up what an environment takes on the disk."""
    from aienv_gui.environments import disk_use

    return disk_use.measure(prefix, reporter)
