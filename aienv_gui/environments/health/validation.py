"""Examines an environment: a verdict for each check, with what was found and, where something is wrong, its cure.

The checks, by their stable names: ``interpreter``, ``integrity`` (files against the packages' records), ``agreement``
(packages against each other), ``runtimes`` (do the libraries that calculate in threads conflict),
``surroundings`` (what leaks in from outside), ``imports``, ``accelerator`` (a small training on each graphics card,
held against the processor's), ``computation`` (the same on the processor), ``libraries`` (do the numeric ones agree).
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, reason
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, duration, tr, tr_count
from aienv_gui.environments import accelerators
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.health.accelerator_words import Presence, nvidia_presence
from aienv_gui.environments.health.agreement import Disagreement, DisagreementKind, disagreements
from aienv_gui.environments.health.damage import faults_of
from aienv_gui.environments.health.integrity import BY_DESIGN, HARMLESS
from aienv_gui.environments.health.leaks import leaks
from aienv_gui.environments.health.modules import modules_to_import
from aienv_gui.environments.health.probe_run import LIMIT_S, Fate, Step, probe
from aienv_gui.environments.health.repairs import Judgement, Repairs, and_more, joined
from aienv_gui.environments.health.runtimes import Clash, clashes, runtimes
from aienv_gui.environments.health.verdict_words import failure_words
from aienv_gui.environments.health.work import Group, groups
from aienv_gui.environments.manifest import Manifest, lost_packages, read_manifest, write_health
from aienv_gui.environments.records import Environment, Machine, Maker, Verdict, VerdictState

TITLES: Final = {
    "interpreter": tr("The interpreter runs"),
    "integrity": tr("All files are there and whole"),
    "agreement": tr("The packages agree with each other"),
    "runtimes": tr("The calculation libraries do not conflict"),
    "surroundings": tr("Nothing from outside gets in"),
    "imports": tr("The packages can be imported"),
    "accelerator": tr("A small training on the graphics card is right"),
    "computation": tr("A small training on the processor is right"),
    "libraries": tr("The numeric libraries agree"),
}
_UNREADABLE: Final = (Problem, KeyError, TypeError, ValueError, OSError)
_BYTES_WEIGHT: Final = 20  # reading every byte takes as long as so many of the other checks
_OF_DISTRIBUTIONS: Final = (Maker.SYSTEM, Maker.HOMEBREW, Maker.UV_PYTHON)
_OLDEST: Final = (3, 7)  # what the probe is written for


def validate(
    environment: Environment,
    folders: Folders,
    reporter: Reporter,
    *,
    machine: Machine | None = None,
    every_byte: bool = False,
) -> tuple[Verdict, ...]:
    """Examine an environment and keep the verdicts, dated, for the list. Each also goes to `reporter.partial`.

    Runs the environment's own interpreter, for a second to a minute; its packages' code is run by their import.
    `machine` is the driver and the cards where they are known: they are kept with the verdicts, and the right build is
    told from them. With `every_byte` the contents of all files are read too, some seconds a gigabyte.
    What is wrong with the environment is a verdict, never raised. Raises `Cancelled`, and `Problem` where the
    verdicts cannot be kept (full disk).
    """
    # Looked at anew: packages may have come or gone since the list was made.
    environment = read_environment(environment.prefix, environment.maker)
    examination = _Examination(environment, reporter, machine, every_byte)
    verdicts = examination.run()
    if machine is not None:
        machine = replace(machine, system=platform.platform(terse=True), probe=examination.probe_version)
    if environment.prefix.is_dir():
        write_health(environment.prefix, verdicts, folders, environment.packages, machine)
    return verdicts


class _Examination:
    """One validation."""

    def __init__(self, environment: Environment, reporter: Reporter, machine: Machine | None, every_byte: bool) -> None:
        self._environment = environment
        self._reporter = reporter
        self._every_byte = every_byte
        # A driver that has told of its cards knows better than the system's files, which a container may not show.
        told = machine is not None and bool(machine.cards)
        self._nvidia = Presence(card=True, driver=True) if told else nvidia_presence()
        self._manifest = _manifest(environment.prefix)
        self._repairs = Repairs(
            environment, self._manifest.request.accelerator if self._manifest is not None else "", _advised(machine)
        )
        self._verdicts: list[Verdict] = []
        self._began = time.monotonic()
        self._ours = environment.maker is Maker.AIENV
        self.probe_version = 0

    def run(self) -> tuple[Verdict, ...]:
        version = self._environment.python_version
        if version and tuple(int(number) for number in version.split(".")[:2]) < _OLDEST:
            for check in TITLES:
                words = tr("Python {version} is too old for AIEnv's checks.", version=version)
                self._say(check, VerdictState.SKIPPED, words)
            return tuple(self._verdicts)
        interpreter = self._check_interpreter()
        self._check_files()
        if interpreter is None:
            for check in list(TITLES)[2:]:
                self._say(check, VerdictState.SKIPPED, tr("Not checked, because the interpreter does not run."))
        else:
            self.probe_version = interpreter.answer.get("probe", 0)
            self._check_agreement(interpreter)
            self._check_runtimes()
            self._check_surroundings()
            self._check_work()
        return tuple(self._verdicts)

    def _say(self, check: str, state: VerdictState, detail: Text | None = None, cure: Text | None = None) -> None:
        self._take(check, Judgement(state, detail, cure))

    def _take(self, check: str, judged: Judgement) -> None:
        seconds = round(time.monotonic() - self._began, 3)
        verdict = Verdict(check, TITLES[check], judged.state, judged.detail, judged.cure, judged.actions, seconds)
        self._verdicts.append(verdict)
        self._reporter.partial(verdict)
        self._tell_progress(0.0)
        self._reporter.checkpoint()
        self._began = time.monotonic()

    def _tell_progress(self, share: float) -> None:
        """How far it is, with this share of the files read."""
        weight = _BYTES_WEIGHT if self._every_byte else 0
        read = share if len(self._verdicts) < 2 else 1.0
        self._reporter.progress(len(self._verdicts) + weight * read, len(TITLES) + weight)

    def _fail(self, check: str, detail: Text, cure: Text) -> None:
        """A failure that installing everything again mends."""
        self._take(check, Judgement(VerdictState.FAILED, detail, cure, self._repairs.again))

    def _check_interpreter(self) -> Step | None:
        """Start the interpreter; its answer, or None where it does not run."""
        self._reporter.status(tr("Starting the interpreter"))
        environment = self._environment
        try:
            steps = probe(environment.python, environment.prefix, ["interpreter"], self._reporter, ours=self._ours)
        except OSError as error:
            words = environment.broken or reason(error)
            self._fail("interpreter", words, self._repairs.again_words)
            return None
        step = steps["interpreter"]
        if step.fate is Fate.ANSWERED and step.ok:
            version = step.answer["markers"]["python_full_version"]
            self._say("interpreter", VerdictState.PASSED, tr("Python {version}", version=version))
            return step
        if step.fate is Fate.TIMED_OUT:
            self._fail(
                "interpreter",
                tr("It did not get going within {limit}.", limit=duration(LIMIT_S)),
                tr("A package may run code at every start (a .pth file). {rebuild}", rebuild=self._repairs.again_words),
            )
            return None
        self._fail("interpreter", *failure_words(step, self._repairs.again_words))
        return None

    def _check_files(self) -> None:
        self._reporter.status(tr("Checking every byte") if self._every_byte else tr("Checking every file"))
        prefix = self._environment.prefix
        if not prefix.is_dir():
            self._say("integrity", VerdictState.FAILED, tr("Its folder is gone."), self._repairs.again_words)
            return
        faults = faults_of(
            prefix,
            hashes=self._every_byte,
            checkpoint=self._reporter.checkpoint,
            progress=lambda done, total: self._tell_progress(done / max(total, 1.0)),
        )
        lost = self._lost()
        faults = tuple(sorted(faults, key=lambda fault: (fault.kind in HARMLESS, fault.kind in BY_DESIGN)))
        words = [*lost, *(fault.text for fault in faults)]
        if not words:
            detail = tr("Every byte was read.") if self._every_byte else None
            self._say("integrity", VerdictState.PASSED, detail)
        elif lost or any(fault.kind not in HARMLESS | BY_DESIGN for fault in faults):
            self._fail("integrity", and_more(words), self._repairs.again_words)
        elif faults[0].kind in BY_DESIGN:  # installing both again would not help
            pair = sorted({canonicalize_name(faults[0].package), canonicalize_name(faults[0].other)})
            cure = tr("Keep one of the two: they put different files into the same place.")
            actions = tuple(action for package in pair for action in self._repairs.remove(package))
            judged = Judgement(VerdictState.WARNING, and_more(words), cure, tuple(dict.fromkeys(actions)))
            self._take("integrity", judged)
        else:
            cure = self._repairs.again_words
            self._take("integrity", Judgement(VerdictState.WARNING, and_more(words), cure, self._repairs.again))

    def _lost(self) -> list[Text]:
        """Packages that are gone with their own records, which no look at these can tell."""
        if self._manifest is None:
            return []
        return [
            tr(
                "{package} {version} was installed by AIEnv and is missing.",
                package=file.package,
                version=file.version,
            )
            for file in lost_packages(self._manifest, self._environment.packages)
        ]

    def _check_agreement(self, interpreter: Step) -> None:
        self._reporter.status(tr("Comparing the packages"))
        path = [Path(entry) for entry in interpreter.answer["path"]]
        markers = interpreter.answer["markers"]
        found = disagreements(self._environment.prefix, path, markers, self._reporter.checkpoint)
        if not found:
            detail = tr_count("{count} package", "{count} packages", len(self._environment.packages))
            self._say("agreement", VerdictState.PASSED, detail)
            return
        # Such a Python is put together by its distribution, which counts in packages of its own.
        state = VerdictState.WARNING if self._environment.maker in _OF_DISTRIBUTIONS else VerdictState.FAILED
        words = and_more([one.text for one in found])
        missing = _missing(found)
        if missing:
            cure = tr("Install what is missing. {rebuild}", rebuild=self._repairs.again_words)
            actions = self._repairs.add(missing) + (self._repairs.again if self._repairs.possible else ())
            self._take("agreement", Judgement(state, words, cure, actions))
        else:
            self._take("agreement", Judgement(state, words, self._repairs.again_words, self._repairs.again))

    def _check_runtimes(self) -> None:
        """Libraries that calculate in threads: two in one process may crash it."""
        found = runtimes(self._environment.prefix)
        clashing = clashes(found)
        if not found:
            self._say("runtimes", VerdictState.SKIPPED, tr("It holds no library that calculates in threads."))
        elif not clashing:
            brought: dict[str, list[str]] = {}
            for one in found:
                brought.setdefault(one.family.value, []).append(one.package)
            names = "; ".join(f"{family}: {', '.join(packages)}" for family, packages in brought.items())
            self._say("runtimes", VerdictState.PASSED, tr("{libraries}.", libraries=names))
        else:
            self._take("runtimes", _clash_judgement(clashing[0], self._repairs))

    def _check_surroundings(self) -> None:
        """What is no fault of the environment but gets in its way: all of it, for each has a cure of its own."""
        environment = self._environment
        words: list[Text] = []
        cures: list[Text] = []
        actions = self._repairs.again[:0]
        old = _hiding_the_driver(environment)
        if old:
            words.append(tr("{package} is old and hides the driver's current interface (nvidia-ml-py).", package=old))
            cures.append(tr("Remove it; nvidia-ml-py takes its place."))
            actions += self._repairs.remove(old.split()[0])
        if _builds_differ(environment):
            words.append(tr("torchvision is another build than PyTorch and may not work with it."))
            cures.append(tr("Install both from the same source."))
            actions += self._repairs.same_build
        for what, cure in leaks(environment, os.environ, Path.home()):
            words.append(what)
            cures.append(cure)
        if words:
            judged = Judgement(VerdictState.WARNING, joined(words), joined(list(dict.fromkeys(cures))), actions)
            self._take("surroundings", judged)
        else:
            self._say("surroundings", VerdictState.PASSED)

    def _check_work(self) -> None:
        """Imports, graphics card, computations: one process, in which each library is loaded once."""
        environment = self._environment
        modules = modules_to_import(environment, self._manifest.request if self._manifest is not None else None)
        waiting: list[Group] = list(groups(modules, self._nvidia, self._repairs))
        steps = [step for group in waiting for step in group.steps]
        done: dict[str, Step] = {}

        def collect(step: Step) -> None:
            done[step.name] = step
            judge()

        def judge() -> None:
            while waiting and all(name in done for name in waiting[0].steps):
                group = waiting.pop(0)
                self._take(group.check, group.judge([done[name] for name in group.steps]))

        self._reporter.status(tr("Importing and calculating"))
        judge()
        if steps:
            probe(environment.python, environment.prefix, steps, self._reporter, collect, ours=self._ours)


def _missing(found: Sequence[Disagreement]) -> list[str]:
    """What is missing, by name, where that is all that is wrong."""
    if any(one.kind is not DisagreementKind.MISSING for one in found):
        return []
    return sorted({one.name for one in found})


def _clash_judgement(clash: Clash, repairs: Repairs) -> Judgement:
    words = tr(
        "{first} brings {one}, {second} brings {other}: both in one program may crash it or make it stand still.",
        first=clash.first.package,
        one=clash.first.family.value,
        second=clash.second.package,
        other=clash.second.family.value,
    )
    if clash.removable:
        cure = tr("Remove {package}; the other takes its place.", package=clash.removable)
        return Judgement(VerdictState.WARNING, words, cure, repairs.remove(clash.removable))
    return Judgement(VerdictState.WARNING, words, tr("Use the two packages in environments of their own."))


def _hiding_the_driver(environment: Environment) -> str:
    """A package that brings an old module pynvml, with its version where that matters."""
    stale = environment.version_of("pynvml")
    if environment.version_of("nvidia-ml-py3"):
        return "nvidia-ml-py3"
    return f"pynvml {stale}" if stale and int(stale.split(".")[0]) < 12 else ""


def _builds_differ(environment: Environment) -> bool:
    """Whether torchvision was built for another PyTorch: ``+cpu`` beside none."""
    builds = [environment.version_of(name) for name in ("torch", "torchvision")]
    return None not in builds and len({str(version).partition("+")[2] for version in builds}) > 1


def _advised(machine: Machine | None) -> accelerators.Choice | None:
    """The build that suits the cards of this computer."""
    if machine is None:
        return None
    return accelerators.choose(machine.driver_version, [(card.name, card.capability) for card in machine.cards])


def _manifest(prefix: Path) -> Manifest | None:
    try:
        return read_manifest(prefix)
    except _UNREADABLE:
        return None  # `read_environment` says that it is damaged
