"""The long work of changing an environment as the window starts it: plain functions for `services.jobs.start`.

As in `environment_work`, the environments' modules are imported inside the functions, so in a job's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Change, ChangePlan, Environment, Snapshot, Sources
from aienv_gui.gui.environment_work import Planned, SourceSettings

if TYPE_CHECKING:
    from aienv_gui.environments.contents.disk_use import DiskUse


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What a change would do, and the sources it was planned from, which the change needs too."""

    plan: ChangePlan
    sources: Sources


@dataclass(frozen=True, slots=True)
class Measured:
    """How much room an environment takes, and with its snapshots: deleting it frees the own bytes of both together."""

    environment: DiskUse
    with_snapshots: DiskUse
    snapshots: int


@dataclass(frozen=True, slots=True)
class KeptState:
    """A snapshot, and what deleting it would free."""

    snapshot: Snapshot
    own_bytes: int


def plan_change(
    environment: Environment, change: Change, settings: SourceSettings, folders: Folders, reporter: Reporter
) -> PlannedChange:
    """Work out what a change would do; nothing is changed."""
    from aienv_gui.environments.changes import change as changes

    reporter.status(tr("Looking for the packages"))
    sources = settings.sources()
    return PlannedChange(changes.plan_change(environment, change, sources, folders, reporter), sources)


def change(planned: PlannedChange, folders: Folders, reporter: Reporter) -> Environment:
    """Carry out what was planned; the state before becomes a snapshot."""
    from aienv_gui.environments.changes import transaction

    return transaction.change(planned.plan, planned.sources, folders, reporter)


def plan_copy(
    environment: Environment, name: str, settings: SourceSettings, folders: Folders, reporter: Reporter
) -> Planned:
    """Work out what a copy would be made of; nothing is changed."""
    from aienv_gui.environments.changes import change as changes

    reporter.status(tr("Looking for the packages"))
    sources = settings.sources()
    return Planned(changes.plan_copy(environment, name, sources, folders, reporter), sources)


def rename(environment: Environment, name: str, folders: Folders, reporter: Reporter) -> Environment:
    """Give an environment another name."""
    from aienv_gui.environments.changes import transaction

    return transaction.rename_environment(environment, name, folders, reporter)


def snapshots_of(environment: Environment, folders: Folders, reporter: Reporter) -> tuple[Snapshot, ...]:
    """The former states of an environment, newest first."""
    from aienv_gui.environments.changes import snapshots

    reporter.checkpoint()
    return snapshots.snapshots_of(environment, folders)


def check_snapshot(
    environment: Environment, snapshot: Snapshot | None, folders: Folders, reporter: Reporter
) -> Snapshot:
    """The snapshot, if it is still there; without one the state before the last change. Raises `Problem`."""
    found = snapshots_of(environment, folders, reporter)
    if snapshot is None:
        wanted = [one for one in found if not one.kept]  # those the user took are of no change
    else:
        wanted = [one for one in found if one.folder == snapshot.folder]
    if not wanted:
        raise Problem(
            tr("There is no earlier state of {name} to go back to.", name=environment.name),
            cause=tr("Its snapshots were deleted."),
            code="no_snapshot",
        )
    return wanted[0]


def weigh_snapshots(snapshots: Sequence[Snapshot], reporter: Reporter) -> tuple[KeptState, ...]:
    """Add up what deleting each snapshot alone would free; each also comes as a partial result."""
    from aienv_gui.environments.contents import disk_use

    weighed = []
    for snapshot in snapshots:
        weighed.append(KeptState(snapshot, disk_use.measure(snapshot.folder, reporter).own_bytes))
        reporter.partial(weighed[-1])
    return tuple(weighed)


def take_snapshot(environment: Environment, folders: Folders, reporter: Reporter) -> Snapshot:
    """Keep the present state of an environment."""
    from aienv_gui.environments.changes import snapshots

    return snapshots.take(environment, folders, reporter)


def restore(environment: Environment, snapshot: Snapshot, folders: Folders, reporter: Reporter) -> Environment:
    """Go back to an earlier state; the present one becomes a snapshot."""
    from aienv_gui.environments.changes import snapshots

    return snapshots.restore(environment, snapshot, folders, reporter)


def delete_snapshot(environment: Environment, snapshot: Snapshot, folders: Folders, reporter: Reporter) -> None:
    """Delete an earlier state."""
    from aienv_gui.environments.changes import snapshots

    snapshots.delete(environment, snapshot, folders, reporter)


def measure(environment: Environment, folders: Folders, reporter: Reporter) -> Measured:
    """Add up what an environment takes on the disk, alone and with its snapshots."""
    from aienv_gui.environments.contents import disk_use

    alone = disk_use.measure(environment.prefix, reporter)
    kept = snapshots_of(environment, folders, reporter) if environment.removable else ()
    if not kept:
        return Measured(alone, alone, 0)
    together = disk_use.measure_together((environment.prefix, *(one.folder for one in kept)), reporter)
    return Measured(alone, together, len(kept))
