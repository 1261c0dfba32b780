"""The runs as every page sees them: one list, looked up in the background; what is running is followed live."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Environment
from aienv_gui.gui import run_work
from aienv_gui.gui.hardware_feed import HardwareFeed
from aienv_gui.gui.jobs import Job, Jobs
from aienv_gui.hardware.limits import Work, card_of
from aienv_gui.hardware.readings import Gpu, Snapshot, Value
from aienv_gui.training import supervisor
from aienv_gui.training.problems import problem_of
from aienv_gui.training.records import Load, Recipe, Run, RunState, RunSummary


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which a run was worked on, in seconds since the epoch."""

    folder: Path
    name: str
    begin: float
    end: float


class RunList(QObject):
    """Lives in the GUI thread. Empty until the first `refresh` has ended (`loaded`); nothing here blocks.

    A training that runs, whoever started it and when, has a visible job that follows it. Cancelling that job stops the
    training in order; closing the window only ends the following.
    """

    changed = Signal()
    updated = Signal(object)  # Run: a followed run has got on
    failed = Signal(object)  # Problem: the last look failed and the list stays as it was, or a training does not stop

    def __init__(
        self, jobs: Jobs, folders: Folders, hardware: HardwareFeed | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._folders = folders
        self._hardware = hardware
        self._loads: dict[Path, run_work.LatestLoad] = {}  # for those who follow, in their threads
        self.items: tuple[RunSummary, ...] = ()
        self.loaded = False
        self._job: Job | None = None
        self._again = False
        self._followers: dict[Path, Job] = {}
        self._latest: dict[Path, Run] = {}
        self._stopping: dict[QObject, Path] = {}  # on its way to the engine: job -> run
        self._asked: dict[Path, str] = {}  # not answered yet: run -> id of the command
        if hardware is not None:
            hardware.sampled.connect(self._on_sampled)

    def get(self, folder: Path) -> RunSummary | None:
        """The summary of the run in `folder`, if it is in the list."""
        return next((item for item in self.items if item.folder == folder), None)

    def latest(self, folder: Path) -> Run | None:
        """The whole state of a run that is followed, or was until its end; None for the others."""
        return self._latest.get(folder)

    @property
    def live(self) -> tuple[Run, ...]:
        """The trainings that run now, as they were last told of."""
        return tuple(run for folder, run in self._latest.items() if folder in self._followers and run.state.live)

    def spans(self) -> list[Span]:
        """When trainings were worked on, as far as the list knows; those of a run that goes on end now."""
        now = time.time()
        found = []
        for item in self.items:
            run = self._latest.get(item.folder)
            attempts = run.attempts if run is not None else item.attempts
            live = item.folder in self._followers
            for place, (begin, end) in enumerate(attempts, 1):
                goes_on = live and place == len(attempts)
                found.append(Span(item.folder, item.name, begin, now if goes_on else end))
        return found

    def follower(self, folder: Path) -> Job | None:
        """The job that follows a run."""
        return self._followers.get(folder)

    @Slot()
    def refresh(self) -> None:
        """Look again, in the background. While a look is under way, one more follows it."""
        if self._job is not None:
            self._again = True
            return
        followed = {folder: run for folder, run in self._latest.items() if folder in self._followers and run.state.live}
        self._job = self._jobs.start(tr("Look for trainings"), run_work.look, self._folders, followed, quiet=True)
        self._job.succeeded.connect(self._on_found)
        self._job.failed.connect(self.failed)
        self._job.finished.connect(self._on_looked)

    def begin(self, recipe: Recipe) -> Job:
        """Start a new training; the job's result is the run's folder. It is followed from then on."""
        job = self._jobs.start(tr("Start {name}", name=recipe.name), run_work.begin, recipe, self._folders, quiet=True)
        job.finished.connect(self.refresh)
        return job

    def carry_on(self, folder: Path, environment: Environment | None = None, data: Path | None = None) -> Job:
        """Continue a training that was stopped or interrupted, perhaps elsewhere or with its data in another place.

        The result is its folder.
        """
        title = tr("Continue the training")
        job = self._jobs.start(title, run_work.carry_on, folder, environment, data, self._folders, quiet=True)
        job.finished.connect(self.refresh)
        return job

    def _follow(self, item: RunSummary) -> None:
        self._latest.pop(item.folder, None)
        self._asked.pop(item.folder, None)
        job = self._jobs.start(
            tr("Train {name}", name=item.name),
            supervisor.follow,
            item.folder,
            self._loads.setdefault(item.folder, run_work.LatestLoad()),
            on_cancel=partial(self._stop, item.folder),
        )
        self._followers[item.folder] = job
        job.partial.connect(self._on_run)
        job.finished.connect(self._on_followed)

    def _stop(self, folder: Path) -> None:
        job = self._jobs.start(tr("Stop the training"), run_work.stop, folder, quiet=True)
        self._stopping[job] = folder
        job.succeeded.connect(self._on_stop_asked)
        job.failed.connect(self._on_stop_failed)

    @Slot(object)
    def _on_stop_asked(self, command: str) -> None:
        folder = self._stopping.pop(self.sender())
        self._asked[folder] = command
        run = self._latest.get(folder)
        if run is not None:
            self._look_for_refusal(run)

    @Slot(object)
    def _on_stop_failed(self, problem: Problem) -> None:
        self._does_not_stop(self._stopping.pop(self.sender()), problem)

    def _look_for_refusal(self, run: Run) -> None:
        command = self._asked.get(run.folder)
        if command is None:
            return
        answer = run.answer_to(command)
        if answer is not None and not answer.ok:
            reason = answer.reason
        elif not command and run.state is RunState.PAUSED and run.pause_reason != "asked":
            reason = run.pause_reason  # asked by a signal, which the engine cannot answer
        else:
            return
        self._does_not_stop(run.folder, problem_of(reason, {"path": run.folder}))

    def _does_not_stop(self, folder: Path, problem: Problem) -> None:
        self._asked.pop(folder, None)
        follower = self._followers.get(folder)
        if follower is not None:
            follower.go_on()
        self.failed.emit(problem)

    @Slot(object)
    def _on_found(self, items: tuple[RunSummary, ...]) -> None:
        self.loaded = True
        same = items == self.items
        self.items = items
        for item in items:
            if item.state.live and item.folder not in self._followers:
                self._follow(item)
        known = {item.folder for item in items} | set(self._followers)
        for folder in set(self._latest) - known:
            del self._latest[folder]
        if not same:
            self.changed.emit()

    @Slot()
    def _on_looked(self) -> None:
        self._job = None
        if self._again:
            self._again = False
            self.refresh()

    @Slot(object)
    def _on_run(self, run: Run) -> None:
        before = self._latest.get(run.folder)
        self._latest[run.folder] = run
        self._tell_what_runs()
        self.updated.emit(run)
        self._look_for_refusal(run)
        if before is None or before.state is not run.state:
            self.refresh()

    @Slot()
    def _on_followed(self) -> None:
        job = self.sender()
        self._followers = {folder: other for folder, other in self._followers.items() if other is not job}
        self._loads = {folder: load for folder, load in self._loads.items() if folder in self._followers}
        self._tell_what_runs()
        self.refresh()

    def _tell_what_runs(self) -> None:
        """To the hardware, which says what holds the trainings back."""
        if self._hardware is not None:
            runs = (self._latest.get(folder) for folder in self._followers)
            self._hardware.work = tuple(work_of(run) for run in runs if run is not None and run.state.live)

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        for folder, load in self._loads.items():
            run = self._latest.get(folder)
            load.value = load_of(snapshot, card_of(work_of(run), snapshot.gpus) if run is not None else None)


def load_of(snapshot: Snapshot, gpu: Gpu | None) -> Load:
    """How busy the machine is for a training on a card, or on none."""
    host = snapshot.host
    load = Load(
        time=snapshot.time,
        cpu=host.cpu_percent,
        memory=100 * host.memory_used_bytes / host.memory_total_bytes if host.memory_total_bytes else None,
    )
    if gpu is None:
        return load
    return replace(
        load,
        gpu=gpu.utilisation_percent.number,
        gpu_memory=_share(gpu.memory_used_bytes, gpu.memory_total_bytes),
        gpu_celsius=gpu.temperature_celsius.number,
        gpu_watts=gpu.power_watts.number,
    )


def work_of(run: Run) -> Work:
    """A run as the rules on what limits the machine see it."""
    wanted, start = run.recipe.device, run.start
    device, pid = wanted, None
    if start is not None and run.state is not RunState.STARTING:  # else it is that of the attempt before
        # A card asked for by its UUID is the only one that the engine sees, and so the first.
        device = wanted if start.device.startswith("cuda") and wanted.startswith("cuda:") else start.device
        pid = start.pid
    return Work(
        name=run.recipe.name,
        device=device,
        paused=run.state is RunState.PAUSED,
        phase=run.phase,
        waiting_share=run.waiting_share,
        waiting_before=run.waiting_before,
        pid=pid,
        device_chosen=wanted != "auto",
        run=run.folder.name,
    )


def _share(part: Value, whole: Value) -> float | None:
    return 100 * part.number / whole.number if part.number is not None and whole.number else None
