"""The long work on environments as the window starts it: plain functions for `services.jobs.start`.

The environments' modules are imported inside the functions, so in a job's thread: they bring YAML, requests and more,
which neither the start of the program nor the opening of a page may wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Engine, Environment, Form, Plan, Sources, Unfinished, Verdict

if TYPE_CHECKING:
    from aienv_gui.core.settings import SettingsStore
    from aienv_gui.environments.file_reading import FileReading
    from aienv_gui.environments.packages import PackageFacts
    from aienv_gui.environments.wizard import Draft, Offer
    from aienv_gui.hardware.readings import Snapshot

OWN_PACKAGES: Final = "own_packages"  # the name of the action that plans from the application's own packages


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at this machine found."""

    environments: tuple[Environment, ...]
    unfinished: tuple[Unfinished, ...]


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What the settings say about where packages come from; frozen, to cross into a job's thread."""

    index_url: str
    extra_index_urls: tuple[str, ...]
    find_links: tuple[str, ...]
    certificate: str
    channels: tuple[str, ...]

    @staticmethod
    def of(settings: SettingsStore) -> SourceSettings:
        return SourceSettings(
            index_url=settings.get("index_url"),
            extra_index_urls=tuple(settings.get("extra_index_urls")),
            find_links=tuple(settings.get("find_links")),
            certificate=settings.get("certificate"),
            channels=tuple(settings.get("channels")),
        )

    def sources(self) -> Sources:
        """The settings, and pip's configuration where they say nothing. Reads small files."""
        from aienv_gui.environments import plan

        return plan.sources_of_user(
            index_url=self.index_url,
            extra_index_urls=self.extra_index_urls,
            find_links=self.find_links,
            certificate=self.certificate,
            channels=self.channels,
        )


@dataclass(frozen=True, slots=True)
class Cards:
    """What the choice of an accelerator build depends on."""

    driver_version: str = ""
    gpus: tuple[tuple[str, tuple[int, int] | None], ...] = ()

    @staticmethod
    def of(snapshot: Snapshot | None) -> Cards:
        if snapshot is None:
            return Cards()
        nvidia = snapshot.nvidia
        cards = tuple((gpu.name, gpu.compute_capability) for gpu in nvidia.gpus if not gpu.lost)
        return Cards(nvidia.driver_version, cards)


def look(folders: Folders, reporter: Reporter) -> Found:
    """Find the environments of this machine and the builds that were interrupted."""
    from aienv_gui.environments import discovery, transaction

    return Found(discovery.discover(folders, reporter), transaction.unfinished(folders))


def offer(cards: Cards, reporter: Reporter) -> Offer:
    """Look up what the wizard can offer on this machine."""
    from aienv_gui.environments import wizard

    return wizard.make_offer(cards.driver_version, cards.gpus, reporter)


def read_file(path: Path, reporter: Reporter) -> FileReading:
    """What a file asks for, and what of it is not followed as it stands; `Problem` names the line that is wrong."""
    from aienv_gui.environments import file_reading

    reporter.checkpoint()
    return file_reading.read_file(path, name="")


def check_name(name: str, folders: Folders, reporter: Reporter) -> None:
    """Raise `Problem` where an environment cannot be called `name`."""
    from aienv_gui.environments import wizard

    wizard.check_name(name, folders, reporter)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and the sources it was made from, which the build needs too."""

    plan: Plan
    sources: Sources


def plan(draft: Draft, offered: Offer, settings: SourceSettings, folders: Folders, reporter: Reporter) -> Planned:
    """Resolve what the wizard's user asked for to exact files; nothing is changed.

    Where no package index can be reached but the application's own packages would do, the `Problem` offers that as
    the action `OWN_PACKAGES`.
    """
    from aienv_gui.core.explain import UNREACHABLE
    from aienv_gui.environments import own_packages, plan, wizard

    reporter.status(tr("Looking for the packages"))
    request = wizard.request_of(draft, offered)
    sources = settings.sources()
    try:
        return Planned(plan.make_plan(request, sources, folders, reporter), sources)
    except Problem as problem:
        if problem.code in UNREACHABLE and request.engine is Engine.UV and own_packages.cover(request):
            offer = Action(OWN_PACKAGES, tr("Use AIEnv's own packages"))
            raise with_actions(problem, (offer, *problem.actions)) from problem
        raise


def plan_from_own(draft: Draft, offered: Offer, folders: Folders, reporter: Reporter) -> Planned:
    """As `plan`, without network: from the packages that the application itself runs on."""
    from aienv_gui.environments import own_packages, plan, wizard

    request = wizard.request_of(draft, offered)
    sources = own_packages.collect(request.requirements, folders, reporter)
    reporter.status(tr("Looking for the packages"))
    return Planned(plan.make_plan(request, sources, folders, reporter), sources)


def with_actions(problem: Problem, actions: tuple[Action, ...]) -> Problem:
    """The same problem with other buttons."""
    return Problem(
        problem.title,
        cause=problem.cause,
        cure=problem.cure,
        actions=actions,
        details=problem.details,
        code=problem.code,
    )


def with_retry(problem: Problem) -> Problem:
    """The same problem with a button to try again, where it has none."""
    if any(action.name == "retry" for action in problem.actions):
        return problem
    return with_actions(problem, (*problem.actions, Action("retry", tr("Try again"))))


def build(planned: Plan, sources: Sources, folders: Folders, reporter: Reporter) -> Environment:
    """Build what was planned."""
    from aienv_gui.environments import transaction

    return transaction.build(planned, sources, folders, reporter)


def resume(unfinished: Unfinished, settings: SourceSettings, folders: Folders, reporter: Reporter) -> Environment:
    """Go on with an interrupted build."""
    from aienv_gui.environments import transaction

    return transaction.resume(unfinished, settings.sources(), folders, reporter)


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
    from aienv_gui.environments.health import validation

    return validation.validate(environment, folders, reporter)


def package_facts(environment: Environment, reporter: Reporter) -> tuple[PackageFacts, ...]:
    """What is known about each package of an environment; nothing of it is run."""
    from aienv_gui.environments import packages

    reporter.status(tr("Reading the packages"))
    return packages.package_facts(environment, reporter)


def outdated(
    environment: Environment, settings: SourceSettings, folders: Folders, reporter: Reporter
) -> Mapping[str, str]:
    """The newest version of each package that is older than what the sources offer: name -> version."""
    from aienv_gui.environments import packages

    return packages.outdated(environment, settings.sources(), folders, reporter)


def last_used(environment: Environment, reporter: Reporter) -> float | None:
    """When an environment was last used, in seconds since the epoch; None where the disk does not tell."""
    from aienv_gui.environments import packages

    reporter.checkpoint()
    return packages.last_used(environment)


def forms_of(environment: Environment, reporter: Reporter) -> tuple[Form, ...]:
    """The files that an environment can be shared as."""
    from aienv_gui.environments.files import sharing

    return sharing.forms_of(environment, reporter)


def export(environment: Environment, form: Form, target: Path, folders: Folders, reporter: Reporter) -> Path:
    """Write an environment down for another computer."""
    from aienv_gui.environments.files import sharing

    return sharing.export(environment, form, target, reporter, folders)


def write_kit(
    environment: Environment, parent: Path, settings: SourceSettings, folders: Folders, reporter: Reporter
) -> Path:
    """Make an offline kit of an environment in a folder."""
    from aienv_gui.environments import kit

    return kit.write_kit(environment, parent, settings.sources(), folders, reporter)
