"""The long work on environments as the window starts it: plain functions for `services.jobs.start`.

The environments' modules are imported inside the functions, so in a job's thread: they bring YAML, requests and more,
which neither the start of the program nor the opening of a page may wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.settings import SETTINGS
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter, Silent
from aienv_gui.core.wording import tr
from aienv_gui.environments.launchers.programs import Editor
from aienv_gui.environments.planning.speeds import Speeds
from aienv_gui.environments.records import (
    Engine,
    Environment,
    Form,
    Machine,
    MachineCard,
    Plan,
    Sources,
    Unfinished,
    Verdict,
)
from aienv_gui.hardware.readings import DriverState

if TYPE_CHECKING:
    from aienv_gui.core.settings import SettingsStore
    from aienv_gui.environments.contents.packages import PackageFacts
    from aienv_gui.environments.discovery.kernels import Kernel, RemovedKernel
    from aienv_gui.environments.launchers.opening import Opened
    from aienv_gui.environments.planning.file_reading import FileReading
    from aienv_gui.environments.planning.wizard import Draft, Offer
    from aienv_gui.environments.sources.reach import Reach
    from aienv_gui.hardware.readings import Snapshot

_KERNELS_LIMIT_S: Final = 5.0
_NO_SOURCE: Final = {"bad_index", "offline"}  # as good as a server that cannot be reached
_TOLD: Final = {DriverState.READY, DriverState.NO_GPU, DriverState.NO_DRIVER}  # the driver's state says all there is
OWN_PACKAGES: Final = "own_packages"  # the name of the action that plans from the application's own packages


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at this machine found."""

    environments: tuple[Environment, ...]
    unfinished: tuple[Unfinished, ...]
    lost_kernels: tuple[Kernel, ...] = ()  # Jupyter's, that point nowhere
    folders: tuple[Path, ...] = field(default=(), compare=False)  # ours that are there, to be watched


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What the settings say about where packages come from; frozen, to cross into a job's thread."""

    asked: Sources

    @staticmethod
    def of(settings: SettingsStore) -> SourceSettings:
        return SourceSettings.of_values({name: settings.get(name) for name in SETTINGS})

    @staticmethod
    def of_values(values: Mapping[str, Any]) -> SourceSettings:
        """As `of`, from values by their settings' names that may not be kept yet."""
        return SourceSettings(
            Sources(
                index_url=values["index_url"],
                torch_index_url=values["torch_index_url"],
                python_mirror=values["python_mirror"],
                conda_mirror=values["conda_mirror"],
                extra_index_urls=tuple(values["extra_index_urls"]),
                find_links=tuple(values["find_links"]),
                certificate=values["certificate"],
                channels=tuple(values["channels"]),
                proxy=with_password(values["proxy"], values["proxy_password"]),
                offline=values["offline"],
            )
        )

    def sources(self) -> Sources:
        """The settings, and pip's configuration where they say nothing. Reads small files."""
        from aienv_gui.environments.planning import plan

        return plan.sources_of_user(self.asked)


def with_password(proxy: str, password: str) -> str:
    """A proxy's address with the password of its user, where both are there."""
    parts = urlsplit(proxy)
    if not parts.username or not password:
        return proxy
    user, _, server = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{server}").geturl()


def test_sources(settings: SourceSettings, folders: Folders, reporter: Reporter) -> tuple[Reach, ...]:
    """Go to each of the four sources; each `Reach` also comes as a partial result."""
    from aienv_gui.environments.sources import reachability
    from aienv_gui.environments.sources.reach import Source
    from aienv_gui.environments.uv import python_builds

    reporter.status(tr("Testing the package sources"))
    sources = settings.sources()
    builds = python_builds.offered(sources, folders, reporter)
    return reachability.reach(tuple(Source), sources, builds[0].url if builds else "", reporter)


@dataclass(frozen=True, slots=True)
class Cards:
    """What the choice of an accelerator build depends on, and what a validation is dated with.

    `known` is False while the driver has not answered, or does not.
    """

    driver_version: str = ""
    gpus: tuple[tuple[str, tuple[int, int] | None], ...] = ()
    uuids: tuple[str, ...] = ()
    known: bool = False

    @staticmethod
    def of(snapshot: Snapshot | None) -> Cards:
        if snapshot is None:
            return Cards()
        nvidia = snapshot.nvidia
        present = [gpu for gpu in nvidia.gpus if not gpu.lost]
        cards = tuple((gpu.name, gpu.compute_capability) for gpu in present)
        known = nvidia.state in _TOLD and len(present) == len(nvidia.gpus)
        return Cards(nvidia.driver_version, cards, tuple(gpu.uuid for gpu in present), known)

    @property
    def machine(self) -> Machine | None:
        """The same for a health card; None while it is not known."""
        if not self.known:
            return None
        cards = zip(self.gpus, self.uuids, strict=True)
        return Machine(
            self.driver_version, tuple(MachineCard(name, uuid, capability) for (name, capability), uuid in cards)
        )


def look(folders: Folders, reporter: Reporter) -> Found:
    """Find the environments of this machine and the builds that were interrupted.

    The environments as last seen come first, as a partial result (a tuple), before anything heavy is imported.
    """
    from aienv_gui.environments.discovery import found_before

    known = found_before.read(folders)
    if known:
        reporter.partial(tuple(seen.environment for seen in known))
    from aienv_gui.environments.changes import transaction
    from aienv_gui.environments.discovery import kernels
    from aienv_gui.environments.discovery import look as discovery
    from aienv_gui.environments.discovery.patience import gathered

    unfinished = transaction.unfinished(folders)  # first: an environment that was being swapped is there again
    environments = discovery.discover_kept(known, folders, reporter)
    # Kernels may lie on disks that do not answer, as environments may.
    lost = gathered(lambda: kernels.lost_kernels(environments, Silent()), _KERNELS_LIMIT_S, reporter)
    ours = tuple(folder for folder in (folders.environments, folders.staging) if folder.is_dir())
    return Found(environments, unfinished, tuple(lost), ours)


def sweep_leftovers(folders: Folders, reporter: Reporter) -> None:
    """Delete what killed work left and nobody sees."""
    from aienv_gui.environments.changes import transaction

    transaction.sweep_leftovers(folders, reporter)


def remove_kernel(kernel: Kernel, reporter: Reporter) -> RemovedKernel:
    """Take a kernel away from Jupyter; it can be put back."""
    from aienv_gui.environments.discovery import kernels

    return kernels.remove(kernel, reporter)


def put_kernel_back(removed: RemovedKernel, reporter: Reporter) -> Kernel:
    """Undo `remove_kernel`."""
    from aienv_gui.environments.discovery import kernels

    return kernels.put_back(removed, reporter)


def offer(cards: Cards, settings: SourceSettings, folders: Folders, reporter: Reporter) -> Offer:
    """Look up what the wizard can offer on this machine."""
    from aienv_gui.environments import accelerators
    from aienv_gui.environments.planning import wizard
    from aienv_gui.hardware.cards.bus import other_cards

    kinds = {"amd": accelerators.Kind.ROCM, "intel": accelerators.Kind.XPU}
    others = tuple(accelerators.OtherCard(kinds[card.maker], card.ready) for card in other_cards())
    try:
        sources = settings.sources()
    except Problem:
        sources = settings.asked  # the plan says what is wrong with it
    return wizard.make_offer(cards.driver_version, cards.gpus, sources, folders, reporter, others)


def read_file(path: Path, reporter: Reporter) -> FileReading:
    """What a file asks for, and what of it is not followed as it stands; `Problem` names the line that is wrong."""
    from aienv_gui.environments.planning import file_reading

    reporter.checkpoint()
    return file_reading.read_file(path, name="")


def check_name(name: str, folders: Folders, reporter: Reporter) -> None:
    """Raise `Problem` where an environment cannot be called `name`."""
    from aienv_gui.environments.planning import wizard

    wizard.check_name(name, folders, reporter)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and the sources it was made from, which the build needs too."""

    plan: Plan
    sources: Sources
    speeds: Speeds = field(default_factory=Speeds)  # of former builds


def plan(draft: Draft, offered: Offer, settings: SourceSettings, folders: Folders, reporter: Reporter) -> Planned:
    """Resolve what the wizard's user asked for to exact files; nothing is changed.

    Where no package index can be reached but the application's own packages would do, the `Problem` offers that as
    the action `OWN_PACKAGES`.
    """
    from aienv_gui.core.explain import UNREACHABLE
    from aienv_gui.environments.planning import own_packages, plan, wizard

    reporter.status(tr("Looking for the packages"))
    request = wizard.request_of(draft, offered)
    sources = settings.sources()
    try:
        return _with_speeds(plan.make_plan(request, sources, folders, reporter), sources, folders)
    except Problem as problem:
        if problem.code in UNREACHABLE | _NO_SOURCE and request.engine is Engine.UV and own_packages.cover(request):
            offer = Action(OWN_PACKAGES, tr("Use AIEnv's own packages"))
            raise with_actions(problem, (offer, *problem.actions)) from problem
        raise


def plan_from_own(draft: Draft, offered: Offer, folders: Folders, reporter: Reporter) -> Planned:
    """As `plan`, without network: from the packages that the application itself runs on."""
    from aienv_gui.environments.planning import own_packages, plan, wizard

    request = wizard.request_of(draft, offered)
    sources = own_packages.collect(request.requirements, folders, reporter)
    reporter.status(tr("Looking for the packages"))
    return _with_speeds(plan.make_plan(request, sources, folders, reporter), sources, folders)


def _with_speeds(planned: Plan, sources: Sources, folders: Folders) -> Planned:
    from aienv_gui.environments.planning.speeds import read_speeds

    return Planned(planned, sources, read_speeds(folders))


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
    from aienv_gui.environments.changes import transaction

    return transaction.build(planned, sources, folders, reporter)


def resume(unfinished: Unfinished, settings: SourceSettings, folders: Folders, reporter: Reporter) -> Environment:
    """Go on with an interrupted build."""
    from aienv_gui.environments.changes import transaction

    return transaction.resume(unfinished, settings.sources(), folders, reporter)


def discard(unfinished: Unfinished, folders: Folders, reporter: Reporter) -> None:
    """Sweep what an interrupted build left."""
    from aienv_gui.environments.changes import transaction

    transaction.discard(unfinished, folders, reporter)


def delete(environment: Environment, folders: Folders, reporter: Reporter) -> None:
    """Delete an environment that AIEnv made."""
    from aienv_gui.environments.changes import transaction
    from aienv_gui.environments.launchers import kernels

    transaction.delete(environment, folders, reporter)
    kernels.unregister(environment)


def validate(environment: Environment, folders: Folders, cards: Cards, reporter: Reporter) -> tuple[Verdict, ...]:
    """Check an environment; each verdict also comes as a partial result."""
    from aienv_gui.environments.health import validation

    return validation.validate(environment, folders, reporter, machine=cards.machine)


def check_every_byte(
    environment: Environment, folders: Folders, cards: Cards, reporter: Reporter
) -> tuple[Verdict, ...]:
    """As `validate`, and the contents of all files are read too: some seconds a gigabyte."""
    from aienv_gui.environments.health import validation

    return validation.validate(environment, folders, reporter, machine=cards.machine, every_byte=True)


def package_facts(environment: Environment, reporter: Reporter) -> tuple[PackageFacts, ...]:
    """What is known about each package of an environment; nothing of it is run."""
    from aienv_gui.environments.contents import packages

    reporter.status(tr("Reading the packages"))
    return packages.package_facts(environment, reporter)


def outdated(
    environment: Environment, settings: SourceSettings, folders: Folders, reporter: Reporter
) -> Mapping[str, str]:
    """The newest version of each package that is older than what the sources offer: name -> version."""
    from aienv_gui.environments.contents import packages

    return packages.outdated(environment, settings.sources(), folders, reporter)


def last_used(environment: Environment, reporter: Reporter) -> float | None:
    """When an environment was last used, in seconds since the epoch; None where the disk does not tell."""
    from aienv_gui.environments.contents import packages

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


@dataclass(frozen=True, slots=True)
class Opener:
    """A way to open an environment: where its program was found, or why it cannot be used."""

    place: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Openers:
    """What an environment can be opened in, looked up now."""

    jupyter: Opener
    editors: tuple[tuple[Editor, Opener], ...]
    terminal: Opener


def openers(environment: Environment, others: tuple[Environment, ...], reporter: Reporter) -> Openers:
    """Look up what an environment can be opened in. Milliseconds."""
    import sys

    from aienv_gui.environments.launchers import jupyter, programs

    def looked_up(find: Callable[[], str]) -> Opener:
        try:
            return Opener(find())
        except Problem as problem:
            return Opener(problem=problem)

    def terminal() -> str:
        return programs.find_terminal().command[0] if sys.platform == "linux" else ""

    reporter.checkpoint()
    return Openers(
        looked_up(lambda: str(jupyter.server_for(environment, others).prefix)),
        tuple((editor, looked_up(partial(_place_of, editor))) for editor in Editor),
        looked_up(terminal),
    )


def _place_of(editor: Editor) -> str:
    from aienv_gui.environments.launchers import programs

    return programs.find_editor(editor).place


def open_in_editor(
    editor: Editor, environment: Environment, folder: Path, folders: Folders, reporter: Reporter
) -> Opened:
    """Open a folder in an editor with this environment."""
    from aienv_gui.environments.launchers import opening

    return opening.open_in_editor(editor, environment, folder, folders, reporter)


def open_terminal(environment: Environment, folders: Folders, reporter: Reporter) -> Opened:
    """Open a terminal in which this environment is active."""
    from aienv_gui.environments.launchers import opening

    return opening.open_terminal(environment, folders, reporter)


def serve_jupyter(
    environment: Environment, others: tuple[Environment, ...], root: Path, folders: Folders, reporter: Reporter
) -> None:
    """Run JupyterLab until it is cancelled; `launchers.jupyter.Address` comes as a partial result."""
    from aienv_gui.environments.launchers import jupyter

    jupyter.serve(environment, others, root, folders, reporter)
