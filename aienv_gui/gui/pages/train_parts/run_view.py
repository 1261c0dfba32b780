"""One run: what it does now, its curves, its result, and what can be done with it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, duration, percent, size, tr, tr_count, verbatim
from aienv_gui.engine.protocol import AUTO
from aienv_gui.gui import package_wishes, run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.train_parts.run_controls import RunControls
from aienv_gui.gui.pages.train_parts.run_plots import RunPlots
from aienv_gui.gui.pages.train_parts.run_result import RunResult
from aienv_gui.gui.pages.train_parts.run_table import BADGES
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.confirm import confirm
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say
from aienv_gui.training import run_store
from aienv_gui.training.diagnosis import advice
from aienv_gui.training.presets import words_of
from aienv_gui.training.records import FirstStep, Run, RunState
from aienv_gui.training.supervisor import STATES, status_of

_REFRESH_MS = 300  # numbers move three times a second: smooth enough to read, and cheap beside a training
_ADVISED_EVERY = 50  # steps: reading a long curve takes longer than drawing a number


class RunView(QWidget):
    renamed = Signal(object)  # str: the name of the run that is shown
    deleted = Signal()
    anew_asked = Signal(object)  # Recipe: of a new training like the one that is shown

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self.folder: Path | None = None
        self.run: Run | None = None
        self._fresh: Run | None = None  # came since the last refresh
        self._reading: Job | None = None
        self._advice_for: tuple[object, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.problem = ProblemView(services, self)
        self.problem.action.connect(self._on_action)
        head = Card(parent=self)
        self._fill_head(head)
        self.result = RunResult(services, self)
        self.result.use.connect(self._on_use)
        self.result.hide()
        curves = Card(parent=self)
        self.plots = RunPlots(services, curves)
        curves.body.addWidget(self.plots)
        self._settings = Label(role="caption", parent=self)
        for widget in (head, self.problem, self.result, curves, self._settings):
            column.addWidget(widget)
        column.addStretch(1)
        self._refresh = QTimer(self)
        self._refresh.setSingleShot(True)
        self._refresh.setInterval(_REFRESH_MS)
        self._refresh.timeout.connect(self._show)
        services.runs.updated.connect(self._on_updated)
        services.runs.changed.connect(self._on_runs)
        services.hardware.sampled.connect(self._on_sampled)

    def _fill_head(self, head: Card) -> None:
        self.badge = StateBadge(head)
        self.status = Label(role="strong", parent=head)
        line = QHBoxLayout()
        line.setSpacing(12)
        line.addWidget(self.badge)
        line.addWidget(self.status, 1)
        head.body.addLayout(line)
        self.bar = QProgressBar(head)
        self.bar.setTextVisible(False)
        say(self.bar, "setAccessibleName", tr("Progress of the training"))
        head.body.addWidget(self.bar)
        self.facts = Label(role="muted", parent=head)
        head.body.addWidget(self.facts)
        self.controls = RunControls(self._services, head)
        self.controls.failed.connect(self._on_failed)
        self.controls.delete_asked.connect(self._on_delete)
        self.controls.anew_asked.connect(self._on_anew)
        head.body.addWidget(self.controls)
        self.advice = Label(role="warn", parent=head)
        self.advice.hide()
        head.body.addWidget(self.advice)
        self.machine = Label(role="muted", parent=head)
        self.machine.hide()
        head.body.addWidget(self.machine)

    def open(self, folder: Path) -> None:
        """Show the run of a folder, live where it is running."""
        if folder == self.folder and self.run is not None:
            self._look()
            return
        self.folder, self.run, self._fresh = folder, None, None
        self._advice_for = ()
        self.problem.clear()
        self.controls.forget()
        self.controls.hide()
        self.plots.clear()
        self.result.hide()
        self.advice.hide()
        self.machine.hide()
        self.facts.say("")
        self._settings.say("")
        self.badge.set_state("neutral", tr("Reading"))
        self.status.say("")
        self.bar.setRange(0, 0)
        self._look()

    def _look(self) -> None:
        """Take the followed state, or read the folder in the background."""
        assert self.folder is not None
        live = self._services.runs.latest(self.folder)
        if live is not None:
            self._take(live)
        elif self._reading is None:
            self._reading = self._services.jobs.start(tr("Read the training"), run_work.read, self.folder, quiet=True)
            self._reading.succeeded.connect(self._on_read)
            self._reading.failed.connect(self._on_read_failed)
            self._reading.finished.connect(self._on_read_finished)

    @Slot(object)
    def _on_read(self, run: Run) -> None:
        if run.folder == self.folder and self._services.runs.latest(run.folder) is None:
            self._take(run)

    @Slot(object)
    def _on_read_failed(self, problem: Problem) -> None:
        self.run = None
        self.bar.setRange(0, 1)
        self.badge.set_state("bad", tr("Damaged"))
        self.status.say("")
        self.controls.hide()
        self._on_failed(problem)

    @Slot()
    def _on_read_finished(self) -> None:
        job, self._reading = self._reading, None
        # Another run was opened while this one was read.
        if job is not None and self.folder is not None and self.run is None and self.problem.problem is None:
            self._look()

    @Slot(object)
    def _on_updated(self, run: Run) -> None:
        if run.folder == self.folder:
            self._take(run)

    @Slot()
    def _on_runs(self) -> None:
        """The list changed: a run that nobody follows may have another state now."""
        if self.folder is None or self.run is None:
            return
        summary = self._services.runs.get(self.folder)
        if summary is None or summary.state is not self.run.state:
            self._look()  # its folder may be gone: said by the look

    def _take(self, run: Run) -> None:
        """Show a new state soon; what comes faster than the eye is shown once."""
        self._fresh = run
        changed = self.run is None or self.run.state is not run.state
        if changed:
            self._refresh.stop()
            self._show()
        elif not self._refresh.isActive():
            self._refresh.start()

    @Slot()
    def _show(self) -> None:
        if not self.isVisible():
            return  # until it is: nobody sees it now, and a training on this computer needs the time
        run, self._fresh = self._fresh, None
        if run is None or run.folder != self.folder:
            return
        first = self.run is None
        anew = self.run is not None and self.run.state is not run.state
        self.run = run
        if first:
            self.renamed.emit(run.recipe.name)
            self.controls.show()
        self.badge.set_state(BADGES[run.state], STATES[run.state])
        self.status.say(_sentence(run))
        self.facts.say(_facts(run))
        self._settings.say(_settings(run))
        if run.state is RunState.STARTING and not run.total_steps:
            self.bar.setRange(0, run.phase_total)
            self.bar.setValue(run.phase_done)
        else:
            self.bar.setRange(0, max(1, run.total_steps))
            self.bar.setValue(run.step)
        self.bar.setVisible(run.state is not RunState.COMPLETED)
        self.controls.show_run(run)
        self.plots.show_run(run)
        self.result.show_run(run)
        if first or anew:
            if run.failure is not None:
                environment = package_wishes.environment_of(self._services, run.recipe.environment_python)
                self.problem.show_problem(package_wishes.fitting(run.failure, environment))
            elif not (run.state is RunState.PAUSED and run.pause_reason != "asked"):
                self.problem.clear()  # it paused by itself: what is told now may be the reason
        self._say_what_limits()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()
        self._say_what_limits()

    @Slot(object)
    def _on_sampled(self, _snapshot: object) -> None:
        if self.isVisible():
            self._say_what_limits()

    def _say_what_limits(self) -> None:
        """What its curves say, and the worst that the machine does to this training.

        That all is well is said only where there is no advice either, and that it waits for its data only once.
        """
        run, key = self.run, self.folder.name if self.folder is not None else ""
        working = run is not None and run.state in (RunState.STARTING, RunState.TRAINING)
        found = [verdict for verdict in self._services.hardware.verdicts if working and key in verdict.concerns]
        first = found[0] if found else None
        if run is not None:
            self._advise(run, waiting_told=first is not None and first.key.startswith("waiting_"))
        if first is None or (first.level == "good" and not self.advice.isHidden()):
            self.machine.hide()
            return
        good = first.level == "good"
        self.machine.set_role("muted" if good else "warn")
        self.machine.say(first.what if good else tr("{what} {cure}", what=first.what, cure=first.cure))
        facts = _joined(list(first.evidence), "; ")
        say(self.machine, "setToolTip", facts)
        say(self.machine, "setAccessibleDescription", facts)
        self.machine.show()

    def _advise(self, run: Run, *, waiting_told: bool) -> None:
        about = (
            waiting_told,
            len(run.training) // _ADVISED_EVERY,
            len(run.validation),
            run.warnings,
            run.evaluation,
            run.state,
        )
        if about == self._advice_for:
            return
        self._advice_for = about
        lines = list(run.warnings)
        if run.state is not RunState.FAILED and (sentence := advice(run, waiting_told=waiting_told)) is not None:
            lines.append(sentence)
        self.advice.setVisible(bool(lines))
        if lines:
            self.advice.say(_joined(lines, "\n"))

    # What the user asks.

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self.problem.show_problem(problem)

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry":
            self.problem.clear()
            self._look()
        elif action.name == package_wishes.ADD and self.run is not None:
            environment = package_wishes.environment_of(self._services, self.run.recipe.environment_python)
            if environment is not None:
                package_wishes.ask(self._services, environment, (action.argument,), "train")

    @Slot()
    def _on_use(self) -> None:
        if self.run is not None and self.run.model is not None:
            self._services.navigator.open("models", self.run.model)

    @Slot()
    def _on_anew(self) -> None:
        if self.run is not None:
            self.anew_asked.emit(self.run.recipe)

    @Slot()
    def _on_delete(self) -> None:
        if self.run is None:
            return
        confirm(
            self,
            tr("Delete this training?"),
            tr(
                "“{name}” goes with its curves, checkpoints and model. Copies of the model that you kept stay.",
                name=self.run.recipe.name,
            ),
            tr("Delete"),
            True,
            on_yes=self._delete,
        )

    def _delete(self) -> None:
        if self.folder is None:
            return
        services = self._services
        job = services.jobs.start(
            tr("Delete the training"), run_store.delete, self.folder, services.folders, quiet=True
        )
        job.succeeded.connect(self._on_deleted)
        job.failed.connect(self._on_failed)

    @Slot(object)
    def _on_deleted(self, _result: object) -> None:
        self.folder = self.run = None
        self._services.runs.refresh()
        self.deleted.emit()


def _sentence(run: Run) -> Text:
    if run.state is RunState.COMPLETED:
        return tr("Trained in {time}", time=duration(run.seconds))
    if run.state is RunState.STOPPED:
        return _stopped(run)
    if run.state is RunState.PAUSED:
        return tr("Waiting at step {step} of {total}", step=run.step, total=run.total_steps)
    if run.state in (RunState.FAILED, RunState.INTERRUPTED):
        if not run.checkpoints:
            return tr("Ended before the first checkpoint")
        if run.saved_step is None:
            return tr("Ended at step {step}; none of its checkpoints can be used", step=run.step)
        return tr("Ended at step {step}; the last checkpoint is of step {saved}", step=run.step, saved=run.saved_step)
    if run.state is RunState.TRAINING and run.seconds_left and run.phase == "training":
        return tr(
            "Epoch {epoch} of {epochs}, {left} left",
            epoch=max(1, run.epoch),
            epochs=run.epochs,
            left=_range(*run.seconds_left),
        )
    return status_of(run)


def _stopped(run: Run) -> Text:
    """Where it stopped and what of it is kept: the last steps may have found a full disk."""
    if run.saved_step is None:
        return tr("Stopped at step {step} of {total}; nothing could be saved", step=run.step, total=run.total_steps)
    if run.saved_step < run.step:
        return tr(
            "Stopped at step {step} of {total}; the work up to step {saved} is kept",
            step=run.step,
            total=run.total_steps,
            saved=run.saved_step,
        )
    return tr("Stopped at step {step} of {total}; the work is kept", step=run.step, total=run.total_steps)


def _facts(run: Run) -> Text:
    facts = []
    if run.total_steps:
        if not run.state.live:
            facts.append(tr("Epoch {epoch} of {epochs}", epoch=max(1, run.epoch), epochs=run.epochs))
        facts.append(tr("step {step} of {total}", step=f"{run.step:,}", total=f"{run.total_steps:,}"))
    if run.state is RunState.TRAINING and run.examples_per_second:
        facts.append(tr("{count} examples a second", count=f"{run.examples_per_second:,.0f}"))
    if run.best_accuracy is not None:
        best = percent(run.best_accuracy, digits=1)
        numbers = run.start is not None and run.start.numbers
        facts.append(
            tr("at best {share} explained in the validation", share=best)
            if numbers
            else tr("best validation accuracy {accuracy}", accuracy=best)
        )
    if run.start is not None:
        on_cpu = run.start.device in ("", "cpu")
        facts.append(tr("on the CPU") if on_cpu else tr("on {device}", device=run.start.device_name))
    return _joined(facts, " · ")


def _range(low: float, high: float) -> Text:
    if high < 1.25 * low or str(duration(low)) == str(duration(high)):  # "37 to 38 seconds" is no range
        return duration(high)
    if high < 90:
        return tr("{low} to {high} seconds", low=round(low), high=round(high))
    if high < 90 * 60:
        return tr("{low} to {high} minutes", low=max(1, round(low / 60)), high=round(high / 60))
    return tr("{least} to {most}", least=duration(low), most=duration(high))


def _settings(run: Run) -> Text:
    recipe, settings = run.recipe, run.recipe.settings
    title, architecture = words_of(recipe.preset, recipe.architecture)
    facts = [
        title,
        architecture,
        _rate(run),
        _batch_size(run),
        tr_count("one epoch", "{count} epochs", int(settings.get("epochs", 0))),
        tr("seed {value}", value=settings.get("seed", 0)),
        tr("data from {folder}", folder=recipe.folder),
    ]
    if patience := int(settings.get("patience", 0)):
        facts.append(
            tr_count("ends after an epoch that is no better", "ends after {count} epochs that are no better", patience)
        )
    if minutes := float(settings.get("minutes", 0)):
        facts.append(tr("at most {time}", time=duration(60 * minutes)))
    if settings.get("precision", "float32") != "float32":
        facts.append(tr("in short numbers (bfloat16)"))
    if average := int(settings.get("average", 0)):
        facts.append(tr("weights averaged over about {count} steps", count=average))
    if (parts := int(settings.get("parts", 1))) > 1:
        facts.append(tr("batches in {count} parts", count=parts))
    if (processes := int(settings.get("processes", 1))) > 1:
        facts.append(tr("shared by {count} processes", count=processes))
    if run.start is not None and run.start.checkpoint_bytes:
        facts.append(_checkpoints(run.start.checkpoint_bytes, run.start.checkpoint_seconds))
    if run.start is not None:
        exact = run.start.device in ("", "cpu") or bool(settings.get("exact", False))
        facts.append(
            tr("exact: interrupted and continued, it ends the same to the last digit")
            if exact
            else tr("close: interrupted and continued, its last digits may differ, as sums on a GPU do")
        )
    if run.first_step is not None:
        facts.append(_first_step(run.first_step))
    if recipe.environment_name:
        facts.append(tr("in the environment {name}", name=recipe.environment_name))
    return _joined(facts, " · ")


def _rate(run: Run) -> Text:
    rate, found = run.recipe.settings.get("learning_rate", 0), run.found_rate
    if rate != AUTO:
        if run.found_batch is not None and run.found_batch.rate:
            rate = run.found_batch.rate
        return tr("learning rate {value}", value=f"{rate:g}")
    if found is None:
        return tr("learning rate found by trying")
    return tr(
        "learning rate {value} (found by trying {steps} of them, in {time})",
        value=f"{found.rate:g}",
        steps=found.steps,
        time=duration(found.seconds),
    )


def _batch_size(run: Run) -> Text:
    size, found = run.recipe.settings.get("batch_size", "?"), run.found_batch
    if size != AUTO:
        return tr("batch size {value}", value=size)
    if found is None:
        return tr("batch size found by trying")
    if found.tried < 2:
        return tr("batch size {value} (more would be too many for these data or this computer)", value=found.size)
    return tr(
        "batch size {value} (found by trying {count} of them, in {time}: {speed} examples a second)",
        value=found.size,
        count=found.tried,
        time=duration(found.seconds),
        speed=f"{found.speed:,.0f}",
    )


def _checkpoints(count: int, seconds: float | None) -> Text:
    """What each will take of the disk and of time, in which the training goes on."""
    if seconds is None:
        return tr("checkpoints of about {size}", size=size(count))
    return tr(
        "checkpoints of about {size}, each written in about {seconds} s while the training goes on",
        size=size(count),
        seconds=f"{max(seconds, 0.01):.2g}" if seconds < 10 else f"{seconds:.0f}",
    )


def _first_step(first: FirstStep) -> Text:
    """How long it took until something was learnt, and what took it."""
    parts = [tr("Python and PyTorch {seconds} s", seconds=f"{first.start:.1f}")]
    parts.append(tr("data {seconds} s", seconds=f"{first.data:.1f}"))
    if first.batch:
        parts.append(tr("finding a batch size {seconds} s", seconds=f"{first.batch:.1f}"))
    if first.rate:
        parts.append(tr("finding a learning rate {seconds} s", seconds=f"{first.rate:.1f}"))
    return tr("first step after {seconds} s ({parts})", seconds=f"{first.seconds:.1f}", parts=_joined(parts, ", "))


def _joined(texts: list[Text], separator: str) -> Text:
    """Several texts in one, still translatable."""
    if not texts:
        return verbatim("")
    names = {f"part{index}": text for index, text in enumerate(texts)}
    return Text(separator.join(f"{{{name}}}" for name in names), names)
