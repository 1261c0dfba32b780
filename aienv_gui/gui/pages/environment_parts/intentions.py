"""What a user may want to do with an environment that needs a plan, consent and work: each in its own words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from packaging.utils import canonicalize_name

from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments import accelerators
from aienv_gui.environments.records import Change, Difference, Environment, Plan, Snapshot
from aienv_gui.gui import change_work, environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.environment_parts.differences import between, sentence
from aienv_gui.gui.services import Services


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is shown for consent."""

    sentence: Text
    differences: tuple[Difference, ...]
    plan: Plan | None = None  # None where nothing is downloaded or installed
    notes: tuple[Text, ...] = ()


class Intention(Protocol):
    """`start_plan` works out a plan and changes nothing; `propose` says what it means; `start_work` carries it out."""

    @property
    def environment(self) -> Environment: ...

    @property
    def heading(self) -> Text: ...

    @property
    def consent(self) -> Text:
        """The button that begins the work."""

    @property
    def given_up(self) -> Text:
        """What is said after the work was cancelled."""

    @property
    def changes_it(self) -> bool:
        """Whether the work changes the environment itself, so that nothing else may be done with it meanwhile."""

    def of(self, environment: Environment) -> Intention:
        """The same with the environment as it was read since."""

    def start_plan(self, services: Services) -> Job: ...

    def propose(self, planned: object) -> Proposal: ...

    def start_work(self, services: Services, planned: object) -> Job: ...


@dataclass(frozen=True, slots=True)
class ToChange:
    """Add, update or remove packages, change the accelerator build, or repair."""

    environment: Environment
    change: Change
    changes_it: bool = field(default=True, init=False)

    @property
    def empty(self) -> bool:
        """Whether it has not been said yet what to change."""
        return self.change == Change()

    @property
    def heading(self) -> Text:
        change, name = self.change, self.environment.name
        if change.repair:
            return tr("Repair “{name}”", name=name)
        if change.accelerator:
            build = next((one.title for one in accelerators.choices() if one.id == change.accelerator), None)
            return tr("Change to the build for {accelerator}", accelerator=build or change.accelerator)
        if change.update_all:
            return tr("Update all packages of “{name}”", name=name)
        if change.update:
            return tr_count(
                "Update {packages}",
                "Update {count} packages of “{name}”",
                count=len(change.update),
                packages=change.update[0],
                name=name,
            )
        if change.remove:
            return tr_count(
                "Remove {packages}",
                "Remove {count} packages from “{name}”",
                count=len(change.remove),
                packages=change.remove[0],
                name=name,
            )
        return tr("Add packages to “{name}”", name=name)

    @property
    def consent(self) -> Text:
        return tr("Repair it") if self.change.repair else tr("Change it")

    @property
    def given_up(self) -> Text:
        return tr("The change was cancelled. The environment is as it was before.")

    def of(self, environment: Environment) -> ToChange:
        return replace(self, environment=environment)

    def start_plan(self, services: Services) -> Job:
        settings = environment_work.SourceSettings.of(services.settings)
        title = tr("Plan a change of {name}", name=self.environment.name)
        return services.jobs.start(
            title, change_work.plan_change, self.environment, self.change, settings, services.folders, quiet=True
        )

    def propose(self, planned: object) -> Proposal:
        assert isinstance(planned, change_work.PlannedChange)
        plan, differences = planned.plan.plan, planned.plan.differences
        if self.change.repair:
            changed = {one.package for one in differences}
            again = [one for one in plan.files if canonicalize_name(one.package) not in changed]
            differences += tuple(Difference(one.package, one.version, one.version) for one in again)
        return Proposal(sentence(differences), differences, plan, plan.notes)

    def start_work(self, services: Services, planned: object) -> Job:
        title = tr("Change {name}", name=self.environment.name)
        return services.jobs.start(title, change_work.change, planned, services.folders)


@dataclass(frozen=True, slots=True)
class ToCopy:
    """Make another environment with the same packages."""

    environment: Environment
    name: str
    changes_it: bool = field(default=False, init=False)

    @property
    def heading(self) -> Text:
        return tr("Copy “{name}” as “{copy}”", name=self.environment.name, copy=self.name)

    @property
    def consent(self) -> Text:
        return tr("Make the copy")

    @property
    def given_up(self) -> Text:
        return tr("The copy was cancelled. Nothing is left of it.")

    def of(self, environment: Environment) -> ToCopy:
        return replace(self, environment=environment)

    def start_plan(self, services: Services) -> Job:
        settings = environment_work.SourceSettings.of(services.settings)
        title = tr("Plan a copy of {name}", name=self.environment.name)
        return services.jobs.start(
            title, change_work.plan_copy, self.environment, self.name, settings, services.folders, quiet=True
        )

    def propose(self, planned: object) -> Proposal:
        assert isinstance(planned, environment_work.Planned)
        plan = planned.plan
        files = tuple(Difference(file.package, "", file.version) for file in plan.files)
        words = tr_count(
            "{count} package would be installed in a new environment.",
            "{count} packages would be installed in a new environment.",
            count=len(files),
        )
        return Proposal(words, files, plan, plan.notes)

    def start_work(self, services: Services, planned: object) -> Job:
        assert isinstance(planned, environment_work.Planned)
        title = tr("Build {name}", name=self.name)
        return services.jobs.start(title, environment_work.build, planned.plan, planned.sources, services.folders)


@dataclass(frozen=True, slots=True)
class ToGoBack:
    """Return to a snapshot; without one to the state before the last change, which undoes it."""

    environment: Environment
    snapshot: Snapshot | None = None
    changes_it: bool = field(default=True, init=False)

    @property
    def heading(self) -> Text:
        return tr("Go back to an earlier state of “{name}”", name=self.environment.name)

    @property
    def consent(self) -> Text:
        return tr("Go back")

    @property
    def given_up(self) -> Text:
        return tr("The change was cancelled. The environment is as it was before.")

    def of(self, environment: Environment) -> ToGoBack:
        return replace(self, environment=environment)

    def start_plan(self, services: Services) -> Job:
        return services.jobs.start(
            tr("Look for snapshots"),
            change_work.check_snapshot,
            self.environment,
            self.snapshot,
            services.folders,
            quiet=True,
        )

    def propose(self, planned: object) -> Proposal:
        assert isinstance(planned, Snapshot)
        differences = between(self.environment.packages, planned.packages)
        note = tr("The present state is kept as a snapshot, so this can be undone too.")
        return Proposal(sentence(differences), differences, notes=(note,))

    def start_work(self, services: Services, planned: object) -> Job:
        title = tr("Go back to an earlier state of {name}", name=self.environment.name)
        return services.jobs.start(title, change_work.restore, self.environment, planned, services.folders)
