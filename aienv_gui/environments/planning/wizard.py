"""The steps and branches of making a new environment, without any window.

A `Wizard` knows where it stands, what has been said so far (`Draft`) and what is still missing; the window draws it.
What has to be looked up on the disk first (`Offer`, a file's `Request`, the plan) is handed to it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments import accelerators
from aienv_gui.environments.discovery.interpreters import BaseInterpreter, base_interpreters
from aienv_gui.environments.files.python_specs import offered, suits
from aienv_gui.environments.planning import recipes
from aienv_gui.environments.planning.speeds import Speeds
from aienv_gui.environments.records import Engine, Environment, Plan, Remark, Request, Sources, Unfinished, Verdict
from aienv_gui.environments.uv import python_builds

# A line of 40 Mbit/s and an ordinary disk, for the estimate before anything is measured.
_DOWNLOAD_BYTES_S: Final = 5e6
_INSTALL_BYTES_S: Final = 80e6
_START_S: Final = 3.0

_ACCELERATED: Final = re.compile(
    r"(torch|torchvision|torchaudio|pytorch|tensorflow(-cpu)?|jax|keras)\b(?![-.\w])", re.I
)


class Step(StrEnum):
    """The steps, in their order."""

    PURPOSE = "purpose"
    OPTIONS = "options"
    PLAN = "plan"
    BUILD = "build"
    VALIDATE = "validate"


STEPS: Final = tuple(Step)


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be chosen on this machine."""

    templates: tuple[recipes.Template, ...]
    interpreters: tuple[BaseInterpreter, ...]
    builds: tuple[accelerators.Choice, ...]  # for the graphics cards, the CPU's first
    advised: accelerators.Choice  # the build that suits the driver and the cards
    downloads: tuple[str, ...] = ()  # Python versions that are not here and can be brought here


def make_offer(
    driver_version: str,
    gpus: tuple[accelerators.NvidiaCard, ...],
    sources: Sources,
    folders: Folders,
    reporter: Reporter,
    others: tuple[accelerators.OtherCard, ...] = (),
) -> Offer:
    """Look up what can be chosen: templates, Pythons here and elsewhere, the builds for the cards. Asks no network."""
    reporter.checkpoint()
    here = base_interpreters(folders.pythons)
    return Offer(
        recipes.templates(),
        here,
        accelerators.choices(others),
        accelerators.choose(driver_version, gpus, others),
        _downloads({base.minor for base in here}, sources, folders, reporter),
    )


def _downloads(here: set[str], sources: Sources, folders: Folders, reporter: Reporter) -> tuple[str, ...]:
    if sources.offline or not here:  # one is needed to plan with
        return ()
    try:
        builds = python_builds.offered(sources, folders, reporter)
    except Problem:
        return ()  # what is here can be used all the same
    return tuple(build.minor for build in builds if build.minor not in here)


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been said so far. Either `template` or `file` is set; `asked` is what the file asks for."""

    template: str = ""
    file: Path | None = None
    asked: Request | None = None
    remarks: tuple[Remark, ...] = ()  # on the lines of the file that are not followed as they stand
    name: str = ""
    engine: Engine = Engine.UV
    python: str = ""
    accelerator: str = accelerators.CPU
    extra: str = ""  # as typed

    @property
    def extra_packages(self) -> tuple[str, ...]:
        return split_packages(self.extra)


def split_packages(text: str) -> tuple[str, ...]:
    """The packages in a line typed by hand: between commas, spaces or lines; ``numpy>=1,<2`` is one."""
    parts = re.split(r"[,，、;；\s]+(?=[A-Za-z_])", text.strip().strip(",，、;；"))
    return tuple(part.strip() for part in parts if part.strip())


def request_of(draft: Draft, offer: Offer) -> Request:
    """What a draft asks for. Reads the draft's file again; raises `Problem` for a file or package that is no good."""
    extra = draft.extra_packages
    if draft.file is None:
        template = next(t for t in offer.templates if t.id == draft.template)
        return recipes.request_of_template(
            template,
            name=draft.name,
            engine=draft.engine,
            python=draft.python,
            accelerator=draft.accelerator,
            extra=extra,
        )
    recipes.check_extra(extra, Engine.UV if draft.engine is Engine.UV else Engine.CONDA)
    request = recipes.request_of_file(draft.file, name=draft.name, engine=draft.engine, python=draft.python)
    if request.lock:
        return request
    return replace(request, accelerator=draft.accelerator, requirements=request.requirements + extra)


def check_name(name: str, folders: Folders, reporter: Reporter) -> None:
    """Raise `Problem` where a new environment cannot be called `name`. Reads the disk."""
    reporter.checkpoint()
    recipes.check_name(name, folders)
    if (folders.staging / recipes.free_folder_name(name, folders)).is_dir():  # a new build would take its place
        raise Problem(
            tr("This name cannot be used."),
            cause=tr("There is an interrupted build of this name."),
            cure=tr("Go on with it or discard it first, on the page Environments; or choose another name."),
            code="bad_name",
        )


def estimated_seconds(plan: Plan, speeds: Speeds = Speeds()) -> float:  # noqa: B008 - frozen
    """How long a build takes, with the speeds of former builds where they were measured.

    Infinite where a package's own build decides.
    """
    if plan.request.engine is Engine.UV and any(not file.filename.endswith(".whl") for file in plan.files):
        return math.inf  # `duration` calls it an unknown time
    everything = sum(file.size_bytes or 0 for file in plan.files)
    fresh = sum(file.size_bytes or 0 for file in plan.files if not file.cached) / everything if everything else 1.0
    unpack = speeds.unpack or _INSTALL_BYTES_S
    link = max(speeds.link or unpack, unpack)
    installing = plan.installed_bytes * (fresh / unpack + (1 - fresh) / link)
    return _START_S + plan.download_bytes / (speeds.download or _DOWNLOAD_BYTES_S) + installing


class Wizard:
    """Where the making of one environment stands.

    The window calls `use_template`, `use_file` and `change` as the user chooses, `planned`, `building`, `built`,
    `stopped` and `validated` as the work goes, and `forward` and `back` where `can_go_forward` and `can_go_back` allow.
    """

    def __init__(self, offer: Offer, taken_names: tuple[str, ...] = ()) -> None:
        self.offer = offer
        self.step = Step.PURPOSE
        self.draft = Draft(accelerator=offer.advised.id)
        self.plan: Plan | None = None
        self.sources = Sources()  # what the plan was made from
        self.environment: Environment | None = None
        self.verdicts: tuple[Verdict, ...] | None = None
        self.unfinished: Unfinished | None = None
        self.busy = False  # planning, building or validating is under way
        self.name_fault: Problem | None = None
        self._name_checked = ""
        self._taken = {name.casefold() for name in taken_names}
        self._name_typed = False

    @staticmethod
    def of_unfinished(offer: Offer, unfinished: Unfinished) -> Wizard:
        """A wizard that goes on with an interrupted build: it opens at the fourth step and cannot go back."""
        wizard = Wizard(offer)
        request = unfinished.request
        wizard.draft = Draft(
            template=request.template,
            file=Path(request.source_file) if request.source_file else None,
            name=request.name,
            engine=request.engine,
            python=request.python,
            accelerator=request.accelerator,
        )
        wizard.unfinished = unfinished
        wizard.plan = unfinished.plan
        wizard.step = Step.BUILD
        return wizard

    @property
    def changes(self) -> bool:
        """Whether it goes on with the interrupted change of an environment, and makes none anew."""
        return self.unfinished is not None and self.unfinished.replacing is not None

    @property
    def may_offer_anew(self) -> bool:
        """Whether nothing has been planned yet, so that what is offered may change."""
        return self.unfinished is None and self.step in (Step.PURPOSE, Step.OPTIONS)

    def offer_anew(self, offer: Offer) -> None:
        """The cards were seen late: advise the build for them, and take it unless the user chose another."""
        followed = self.draft.accelerator == self.offer.advised.id
        self.offer = offer
        if followed:
            self._change(accelerator=offer.advised.id)

    # What the user says.

    def use_template(self, identity: str) -> None:
        """Choose a template; what was chosen before stays where it fits."""
        self._change(template=identity, file=None, asked=None, remarks=())
        self._settle(identity)

    def use_file(self, file: Path, asked: Request, remarks: tuple[Remark, ...] = ()) -> None:
        """Choose a file; `asked` is what it asks for, `remarks` what of it is not followed as it stands."""
        self._change(template="", file=file, asked=asked, remarks=remarks, engine=asked.engine)
        if asked.lock:
            self._change(extra="")
        self._settle(asked.name, python=asked.python)

    def change_name(self, name: str) -> None:
        """What the user typed; it must be checked (`name_checked`) before the wizard goes on."""
        self._name_typed = True
        self._change(name=name)

    def name_checked(self, name: str, fault: Problem | None) -> bool:
        """Take the answer of `check_name`; False where the name has changed since."""
        if name != self.draft.name:
            return False
        self._name_checked, self.name_fault = name, fault
        return True

    def change_engine(self, engine: Engine) -> None:
        self._change(engine=engine)
        self._fit_python(self.draft.python)

    def change_python(self, python: str) -> None:
        self._change(python=python)

    def change_accelerator(self, accelerator: str) -> None:
        self._change(accelerator=accelerator)

    def change_extra(self, text: str) -> None:
        self._change(extra=text)

    # What may be chosen.

    @property
    def template(self) -> recipes.Template | None:
        return next((t for t in self.offer.templates if t.id == self.draft.template), None)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines to choose from: an environment.yml is for conda only, a lock for the one it was made for."""
        asked = self.draft.asked
        if asked is not None and (asked.engine is Engine.CONDA or asked.lock):
            return (asked.engine,)
        return tuple(Engine)

    @property
    def locked(self) -> bool:
        """Whether the file names exact files, so that nothing can be added."""
        return self.draft.asked is not None and bool(self.draft.asked.lock)

    @property
    def pythons(self) -> tuple[str, ...]:
        """The Python versions to choose from, the newest first."""
        specs = self.draft.asked.python_specs if self.draft.asked is not None else ()
        if self.draft.engine is Engine.CONDA:
            found = set(offered(specs, recipes.default_python()))
        else:
            found = {base.minor for base in self.offer.interpreters if suits(base.version, specs)}
            found |= {version for version in self.offer.downloads if suits(version, specs)}
        template = self.template
        if template is not None:
            found = {version for version in found if template.suits(version)}
        return tuple(sorted(found, key=_numbers, reverse=True))

    @property
    def uses_accelerator(self) -> bool:
        """Whether the choice of an accelerator changes what would be installed."""
        if len(self.offer.builds) < 2 or self.locked:
            return False
        asked = self.draft.asked
        if self.template is not None:
            names: tuple[str, ...] = self.template.requirements(self.draft.engine, accelerators.CPU)
        elif asked is not None:
            names = asked.requirements + asked.pip_requirements
        else:
            names = ()
        return any(_ACCELERATED.match(name.rpartition("::")[2]) for name in names + self.draft.extra_packages)

    # How the work goes.

    def planned(self, plan: Plan, sources: Sources) -> None:
        """There is a plan, made from these sources."""
        self.plan, self.sources, self.busy = plan, sources, False

    def working(self) -> None:
        """Planning, building or validating has begun."""
        self.busy = True

    def stopped(self) -> None:
        """The work failed or was cancelled: the machine is as it was."""
        self.busy = False

    def built(self, environment: Environment) -> None:
        self.environment, self.busy = environment, False
        self.step = Step.VALIDATE

    def validated(self, verdicts: tuple[Verdict, ...]) -> None:
        self.verdicts, self.busy = verdicts, False

    # Where to go.

    @property
    def extra_fault(self) -> Problem | None:
        """What is wrong with the extra packages typed."""
        try:
            recipes.check_extra(self.draft.extra_packages, self.draft.engine)
        except Problem as problem:
            return problem
        return None

    @property
    def hindrance(self) -> Text | None:
        """What keeps the wizard from going forward, in words; None where nothing does, or work is under way."""
        draft = self.draft
        if self.step is Step.PURPOSE and not draft.template and draft.asked is None:
            return tr("Choose what the environment is for.")
        if self.step is Step.OPTIONS:
            if not draft.name.strip():
                return tr("Give the environment a name.")
            if not self.pythons and draft.asked is not None and draft.asked.python_specs:
                specs = ", ".join(draft.asked.python_specs)
                return tr(
                    "No Python version fits what the file asks for: {specs}. Install one that does, or change it.",
                    specs=specs,
                )
            if not self.pythons:
                return tr("No Python on this computer suits this template. Choose conda, which brings its own.")
        if self.step is Step.PLAN and self.plan is not None and not self.plan.fits:
            return tr("It does not fit on this disk.")
        return None

    @property
    def can_go_forward(self) -> bool:
        if self.busy or self.hindrance is not None:
            return False
        if self.step is Step.OPTIONS:
            checked = self._name_checked == self.draft.name and self.name_fault is None
            return checked and self.extra_fault is None and self.draft.python in self.pythons
        if self.step is Step.PLAN:
            return self.plan is not None
        if self.step is Step.BUILD:
            return self.environment is not None
        return True

    @property
    def can_go_back(self) -> bool:
        """Planning is given up by going back; a build is not."""
        if self.step is Step.OPTIONS or self.step is Step.PLAN:
            return True
        return self.step is Step.BUILD and not self.busy and self.environment is None and self.unfinished is None

    @property
    def finished(self) -> bool:
        """Whether there is an environment and nothing is under way."""
        return self.environment is not None and not self.busy

    def forward(self) -> Step:
        """Go to the next step. Call it only where `can_go_forward`."""
        assert self.can_go_forward
        assert self.step is not Step.VALIDATE
        self.step = STEPS[STEPS.index(self.step) + 1]
        return self.step

    def back(self) -> Step:
        """Go to the step before. Call it only where `can_go_back`."""
        assert self.can_go_back
        self.busy = False
        self.step = STEPS[STEPS.index(self.step) - 1]
        return self.step

    def _change(self, **changes: object) -> None:
        changed = replace(self.draft, **changes)  # type: ignore[arg-type]
        if changed != self.draft:
            self.draft = changed
            self.plan = None

    def _settle(self, name: str, python: str = "") -> None:
        """Fill in what follows from the purpose, unless the user chose it."""
        if not self._name_typed:
            self._change(name=self._free_name(name))
        self._fit_python(python or self.draft.python)

    def _fit_python(self, wanted: str) -> None:
        pythons = self.pythons
        for version in (wanted, recipes.default_python()):
            if version in pythons:
                self._change(python=version)
                return
        self._change(python=pythons[0] if pythons else "")

    def _free_name(self, name: str) -> str:
        if name.casefold() not in self._taken:
            return name
        number = 2
        while f"{name} {number}".casefold() in self._taken:
            number += 1
        return f"{name} {number}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
