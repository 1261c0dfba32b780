"""Examines an environment: a verdict for each check, with what was found and, where something is wrong, its cure.

The checks, by their stable names: ``interpreter``, ``integrity`` (files against the packages' records), ``agreement``
(packages against each other), ``surroundings`` (what leaks in from outside), ``imports``, ``accelerator`` (does the
framework see the graphics card), ``computation`` (is a small one right), ``libraries`` (do the numeric ones agree).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, reason
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, duration, tr, tr_count, verbatim
from aienv_gui.environments.discovery import read_environment
from aienv_gui.environments.health import conda_integrity, integrity
from aienv_gui.environments.health.agreement import DisagreementKind, disagreements
from aienv_gui.environments.health.modules import modules_to_import
from aienv_gui.environments.health.probe_run import LIMIT_S, Fate, Step, probe
from aienv_gui.environments.health.verdict_words import (
    accelerator_verdict,
    failure_words,
    import_words,
    nvidia_presence,
    rebuild,
)
from aienv_gui.environments.manifest import Manifest, lost_packages, read_manifest, write_health
from aienv_gui.environments.records import Environment, Maker, Verdict, VerdictState

TITLES: Final = {
    "interpreter": tr("The interpreter runs"),
    "integrity": tr("All files are there and whole"),
    "agreement": tr("The packages agree with each other"),
    "surroundings": tr("Nothing from outside gets in"),
    "imports": tr("The packages can be imported"),
    "accelerator": tr("The framework sees the graphics card"),
    "computation": tr("A small computation is right"),
    "libraries": tr("The numeric libraries agree"),
}
_FRAMEWORKS: Final = ("torch", "tensorflow")
_OLDEST: Final = (3, 7)  # what the probe is written for


def validate(environment: Environment, folders: Folders, reporter: Reporter) -> tuple[Verdict, ...]:
    """Examine an environment and keep the verdicts, dated, for the list. Each also goes to `reporter.partial`.

    Runs the environment's own interpreter, for a second to a minute; its packages' code is run by their import.
    What is wrong with the environment is a verdict, never raised. Raises `Cancelled`, and `Problem` where the
    verdicts cannot be kept (full disk).
    """
    # Looked at anew: packages may have come or gone since the list was made.
    environment = read_environment(environment.prefix, environment.maker)
    verdicts = _Examination(environment, reporter).run()
    if environment.prefix.is_dir():
        write_health(environment.prefix, verdicts, folders, environment.packages)
    return verdicts


class _Examination:
    """One validation."""

    def __init__(self, environment: Environment, reporter: Reporter) -> None:
        self._environment = environment
        self._reporter = reporter
        self._verdicts: list[Verdict] = []
        self._began = time.monotonic()
        self._ours = environment.maker is Maker.AIENV

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
            for check in ("agreement", "surroundings", "imports", "accelerator", "computation", "libraries"):
                self._say(check, VerdictState.SKIPPED, tr("Not checked, because the interpreter does not run."))
        else:
            self._check_agreement(interpreter)
            self._check_surroundings()
            self._check_work()
        return tuple(self._verdicts)

    def _say(self, check: str, state: VerdictState, detail: Text | None = None, cure: Text | None = None) -> None:
        seconds = time.monotonic() - self._began
        verdict = Verdict(check, TITLES[check], state, detail, cure, seconds=round(seconds, 3))
        self._verdicts.append(verdict)
        self._reporter.partial(verdict)
        self._reporter.progress(len(self._verdicts), len(TITLES))
        self._reporter.checkpoint()
        self._began = time.monotonic()

    def _check_interpreter(self) -> Step | None:
        """Start the interpreter; its answer, or None where it does not run."""
        self._reporter.status(tr("Starting the interpreter"))
        environment = self._environment
        try:
            steps = probe(environment.python, environment.prefix, ["interpreter"], self._reporter, ours=self._ours)
        except OSError as error:
            words = environment.broken or reason(error)
            self._say("interpreter", VerdictState.FAILED, words, rebuild(environment))
            return None
        step = steps["interpreter"]
        if step.fate is Fate.ANSWERED and step.ok:
            version = step.answer["markers"]["python_full_version"]
            self._say("interpreter", VerdictState.PASSED, tr("Python {version}", version=version))
            return step
        if step.fate is Fate.TIMED_OUT:
            self._say(
                "interpreter",
                VerdictState.FAILED,
                tr("It did not get going within {limit}.", limit=duration(LIMIT_S)),
                tr("A package may run code at every start (a .pth file). {rebuild}", rebuild=rebuild(environment)),
            )
            return None
        self._say("interpreter", VerdictState.FAILED, *failure_words(step, rebuild(environment)))
        return None

    def _check_files(self) -> None:
        self._reporter.status(tr("Checking every file"))
        prefix = self._environment.prefix
        conda = (prefix / "conda-meta").is_dir()
        check = conda_integrity.verify if conda else integrity.verify
        faults = [fault.text for fault in check(prefix, checkpoint=self._reporter.checkpoint)]
        manifest = _manifest(prefix)
        if manifest is not None:  # the look above goes by what the packages say themselves: one that is gone is silent
            lost = lost_packages(manifest, self._environment.packages)
            faults[:0] = [
                tr(
                    "{package} {version} was installed by AIEnv and is missing.",
                    package=file.package,
                    version=file.version,
                )
                for file in lost
            ]
        if not faults:
            if not prefix.is_dir():
                self._say("integrity", VerdictState.FAILED, tr("Its folder is gone."), rebuild(self._environment))
            else:
                self._say("integrity", VerdictState.PASSED)
            return
        self._say("integrity", VerdictState.FAILED, _and_more(faults), rebuild(self._environment))

    def _check_agreement(self, interpreter: Step) -> None:
        self._reporter.status(tr("Comparing the packages"))
        path = [Path(entry) for entry in interpreter.answer["path"]]
        markers = interpreter.answer["markers"]
        found = disagreements(self._environment.prefix, path, markers, self._reporter.checkpoint)
        if not found:
            detail = tr_count("{count} package", "{count} packages", len(self._environment.packages))
            self._say("agreement", VerdictState.PASSED, detail)
            return
        missing = all(one.kind is DisagreementKind.MISSING for one in found)
        cure = (
            tr("Install what is missing. {rebuild}", rebuild=rebuild(self._environment))
            if missing
            else rebuild(self._environment)
        )
        # A system's own Python is put together by its distribution, which counts in packages of its own.
        state = VerdictState.WARNING if self._environment.maker is Maker.SYSTEM else VerdictState.FAILED
        self._say("agreement", state, _and_more([one.text for one in found]), cure)

    def _check_surroundings(self) -> None:
        """What is no fault of the environment but gets in its way."""
        environment = self._environment
        stale = environment.version_of("pynvml")
        leaking = [name for name in ("PYTHONPATH", "PYTHONHOME") if os.environ.get(name)]
        if environment.version_of("nvidia-ml-py3") or (stale and int(stale.split(".")[0]) < 12):
            name = "nvidia-ml-py3" if environment.version_of("nvidia-ml-py3") else f"pynvml {stale}"
            self._say(
                "surroundings",
                VerdictState.WARNING,
                tr("{package} is old and hides the driver's current interface (nvidia-ml-py).", package=name),
                tr("Make the environment anew without it; nvidia-ml-py takes its place."),
            )
        elif _builds_differ(environment):
            self._say(
                "surroundings",
                VerdictState.WARNING,
                tr("torchvision is another build than PyTorch and may not work with it."),
                tr("Install both from the same source."),
            )
        elif leaking:
            self._say(
                "surroundings",
                VerdictState.WARNING,
                tr(
                    "{variable} is set on this computer: it puts other packages into every Python.", variable=leaking[0]
                ),
                tr("AIEnv leaves it out. For work outside AIEnv, remove it from the system's settings."),
            )
        else:
            self._say("surroundings", VerdictState.PASSED)

    def _check_work(self) -> None:
        """Imports, graphics card, computations: one process, in which each library is loaded once."""
        environment = self._environment
        manifest = _manifest(environment.prefix)
        modules = modules_to_import(environment, manifest.request if manifest is not None else None)
        present = [name for name in (*_FRAMEWORKS, "numpy") if name in modules]
        steps = [f"import:{module}" for module in modules]
        groups: list[tuple[list[str], Callable[[Sequence[Step]], None]]] = [(list(steps), self._judge_imports)]
        accelerator = [f"accelerator:{name}" for name in present if name in _FRAMEWORKS]
        computation = [f"computation:{name}" for name in present]
        libraries = [f"agree:numpy-{name}" for name in present if name in _FRAMEWORKS and "numpy" in present]
        groups.append((accelerator, self._judge_accelerator))
        groups.append((computation, self._judge_computation))
        groups.append((libraries, self._judge_libraries))
        steps += [*accelerator, *computation, *libraries]
        done: dict[str, Step] = {}

        def judge() -> None:
            while groups and all(name in done for name in groups[0][0]):
                names, verdict = groups.pop(0)
                verdict([done[name] for name in names])

        def collect(step: Step) -> None:
            done[step.name] = step
            judge()

        self._reporter.status(tr("Importing and calculating"))
        judge()
        if steps:
            probe(environment.python, environment.prefix, steps, self._reporter, collect, ours=self._ours)

    def _judge_imports(self, steps: Sequence[Step]) -> None:
        failed = [step for step in steps if not step.ok]
        if not steps:
            self._say("imports", VerdictState.SKIPPED, tr("There is nothing in it to import."))
        elif not failed:
            names = ", ".join(f"{step.name[7:]} {step.get('version')}".strip() for step in steps)
            self._say("imports", VerdictState.PASSED, verbatim(names))
        else:
            words = [import_words(step, self._environment) for step in failed]
            self._say("imports", VerdictState.FAILED, _and_more([detail for detail, _ in words]), words[0][1])

    def _judge_accelerator(self, steps: Sequence[Step]) -> None:
        self._say("accelerator", *accelerator_verdict(steps, nvidia_presence()))

    def _judge_computation(self, steps: Sequence[Step]) -> None:
        tried = [step for step in steps if _was_tried(step)]
        wrong = [step for step in tried if not step.ok]
        if not tried:
            words = tr("Not checked, because its libraries could not be imported.")
            nothing = tr("It holds no library that is known to calculate.")
            self._say("computation", VerdictState.SKIPPED, words if steps else nothing)
        elif not wrong:
            names = ", ".join(step.name.partition(":")[2] for step in tried)
            self._say("computation", VerdictState.PASSED, tr("On the processor with {libraries}.", libraries=names))
        else:
            self._say("computation", VerdictState.FAILED, *_computation_words(wrong[0], self._environment))

    def _judge_libraries(self, steps: Sequence[Step]) -> None:
        tried = [step for step in steps if _was_tried(step)]
        wrong = [step for step in tried if not step.ok]
        if not tried:
            words = tr("Not checked, because its libraries could not be imported.")
            nothing = tr("It holds fewer than two numeric libraries.")
            self._say("libraries", VerdictState.SKIPPED, words if steps else nothing)
        elif not wrong:
            names = ["numpy", *(step.name.rpartition("-")[2] for step in tried)]
            self._say("libraries", VerdictState.PASSED, verbatim(", ".join(names)))
        else:
            self._say("libraries", VerdictState.FAILED, *_computation_words(wrong[0], self._environment))


def _was_tried(step: Step) -> bool:
    return step.fate is not Fate.NOT_TRIED and not step.answer.get("skipped")


def _computation_words(step: Step, environment: Environment) -> tuple[Text, Text]:
    library = step.name.partition(":")[2]
    if step.fate is Fate.ANSWERED and not step.get("error"):
        return tr("{library} calculates wrongly.", library=library), rebuild(environment)
    reason, cure = failure_words(step, rebuild(environment))
    return tr("{library} fails: {reason}", library=library, reason=reason), cure


def _and_more(words: Sequence[Text]) -> Text:
    """The first of several findings and how many more there are."""
    if len(words) == 1:
        return words[0]
    return tr_count("{first} (and {count} more)", "{first} (and {count} more)", len(words) - 1, first=words[0])


def _builds_differ(environment: Environment) -> bool:
    """Whether torchvision was built for another PyTorch: ``+cpu`` beside none."""
    builds = [environment.version_of(name) for name in ("torch", "torchvision")]
    return None not in builds and len({str(version).partition("+")[2] for version in builds}) > 1


def _manifest(prefix: Path) -> Manifest | None:
    try:
        return read_manifest(prefix)
    except (Problem, KeyError, TypeError, ValueError, OSError):
        return None  # `read_environment` says that it is damaged
