"""The buttons of a run: what can be done in its state, and the engine's answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, size, tr
from aienv_gui.engine.protocol import Code
from aienv_gui.environments.records import Environment
from aienv_gui.gui import run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import ask_for_file, ask_for_folder
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.training.problems import problem_of
from aienv_gui.training.records import Checkpoint, Run, RunState

_DATA_LOST = frozenset({Code.NO_FOLDER, Code.NO_FILE})
_HARDER_MS = 3000  # how long a stop may take before it may be forced


class RunControls(QWidget):
    """`failed` carries a Problem. Every button answers within the page; nothing blocks."""

    failed = Signal(object)
    delete_asked = Signal()
    anew_asked = Signal()  # a new training with the settings of this run

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._run: Run | None = None
        self._job: Job | None = None  # a command under way
        self._sent: dict[QObject, str] = {}  # commands on their way to the engine: job -> verb
        self._asked: dict[str, str] = {}  # commands not answered yet: id -> verb
        self._saving = self._stopping = False
        self._warned = False  # the last answer was a refusal
        self._waiting: RunState | None = None  # pressed pause (or resume), not answered
        self._environments: tuple[Environment, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.pause = Button(tr("Pause"), icon="pause", parent=self)
        self.stop = Button(tr("Stop"), icon="stop", parent=self)
        self.save = Button(tr("Save checkpoint"), icon="save", parent=self)
        self.carry_on = Button(tr("Continue"), kind="primary", icon="play", parent=self)
        self.anew = Button(tr("New training with these settings"), kind="primary", icon="plus", parent=self)
        self.find_data = Button(tr("Find the data..."), icon="folder", parent=self)
        self.find_data.hint(tr("Where they are now; then the training continues with them."))
        self.place = QComboBox(self)
        say(self.place, "setAccessibleName", tr("Environment to continue in"))
        self.folder = Button(tr("Open folder"), kind="link", icon="folder", parent=self)
        self.delete = Button(tr("Delete"), kind="link", icon="trash", parent=self)
        self.pause.clicked.connect(self._on_pause)
        self.stop.clicked.connect(self._on_stop)
        self.save.clicked.connect(self._on_save)
        self.carry_on.clicked.connect(self._on_continue)
        self.anew.clicked.connect(self.anew_asked)
        self.find_data.clicked.connect(self._on_find_data)
        self.folder.clicked.connect(self._on_folder)
        self.delete.clicked.connect(self.delete_asked)
        for widget in (self.pause, self.stop, self.save, self.find_data, self.anew, self.carry_on, self.place):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.folder)
        row.addWidget(self.delete)
        column.addLayout(row)
        answer = QHBoxLayout()
        self.answer = Label(role="good", parent=self)
        self._show_saved = Button(tr("Show it"), kind="link", icon="folder", parent=self)
        self._show_saved.clicked.connect(self._on_show_saved)
        answer.addWidget(self.answer, 1)
        answer.addWidget(self._show_saved)
        column.addLayout(answer)
        self._saved_file: Path | None = None
        self._harder = QTimer(self)
        self._harder.setSingleShot(True)
        self._harder.setInterval(_HARDER_MS)
        self._harder.timeout.connect(self._offer_harder)
        services.environments.changed.connect(self._on_environments)
        self.forget()

    def forget(self) -> None:
        """Another run is shown."""
        self._run = self._job = self._waiting = self._saved_file = None
        self._saving = self._stopping = False
        self._sent.clear()
        self._asked.clear()
        self._harder.stop()
        self.answer.hide()
        self._show_saved.hide()

    def show_run(self, run: Run) -> None:
        before = self._run.state if self._run else None
        self._run = run
        if run.state is self._waiting or not run.state.live:
            self._waiting = None
        if not run.state.live or (before is not None and not before.live):
            self._stopping = False
            self._harder.stop()
        if before is not None and before.live and not run.state.live and self._warned:
            self.answer.hide()  # a refusal to stop, from a run that has ended since
        self._look_for_answers(run)
        self._refresh()

    def _refresh(self) -> None:
        run = self._run
        if run is None:
            return
        live = run.state.live
        works = run.state in (RunState.TRAINING, RunState.PAUSED)
        self.pause.setVisible(live)
        self.stop.setVisible(live)
        self.save.setVisible(live)
        self.pause.setEnabled(works and self._waiting is None and not self._stopping)
        if run.state is RunState.PAUSED:
            self.pause.say(tr("Resume") if self._waiting is None else tr("Resuming..."))
            self.pause.set_icon("play")
        else:
            self.pause.say(tr("Pause") if self._waiting is None else tr("Pausing..."))
            self.pause.set_icon("pause")
        self.save.setEnabled(works and not self._saving and not self._stopping)
        self.save.say(tr("Saving...") if self._saving else tr("Save checkpoint"))
        self.stop.setEnabled(not self._stopping)
        self.stop.say(tr("Stopping...") if self._stopping else tr("Stop"))
        self.stop.hint(tr("Saves a checkpoint and ends; the training can be continued later."))
        gone = self._gone(run)
        self.carry_on.setVisible(run.can_continue)
        code = run.failure.code if run.can_continue and run.failure is not None else ""
        lost = code in _DATA_LOST
        self.find_data.setVisible(lost or code == Code.DATA_CHANGED)
        self.find_data.set_kind("primary" if lost else "plain")
        self.anew.setVisible(run.needs_anew)
        self.anew.set_kind("plain" if lost else "primary")
        self.carry_on.set_kind("plain" if run.needs_anew else "primary")
        self.carry_on.setEnabled(self._job is None and (not gone or bool(self._environments)))
        self.place.setVisible(run.can_continue and gone and bool(self._environments))
        self.find_data.setEnabled(self.carry_on.isEnabled())
        self.delete.setVisible(not live)

    # The commands.

    @Slot()
    def _on_pause(self) -> None:
        assert self._run is not None
        paused = self._run.state is RunState.PAUSED
        self._waiting = RunState.TRAINING if paused else RunState.PAUSED
        if paused:
            self._send("resume", tr("Resume"), run_work.resume)
        else:
            self._send("pause", tr("Pause"), run_work.pause)

    @Slot()
    def _on_save(self) -> None:
        self.answer.hide()
        self._show_saved.hide()
        self._saving = True
        self._send("save", tr("Save checkpoint"), run_work.save)

    @Slot()
    def _on_stop(self) -> None:
        if self._stopping:
            self._send("kill", tr("Stop now"), run_work.stop_now)
            return
        self._stopping = True
        self._harder.start()
        self._send("stop", tr("Stop the training"), run_work.stop)

    @Slot()
    def _offer_harder(self) -> None:
        if self._stopping:
            self.stop.setEnabled(True)
            self.stop.say(tr("Stop now"))
            self.stop.hint(tr("Ends the process at once; what came after the last checkpoint is done again later."))

    def _send(self, verb: str, title: Text, function: Callable[..., Any]) -> None:
        assert self._run is not None
        job = self._services.jobs.start(title, function, self._run.folder, quiet=True)
        self._sent[job] = verb
        job.succeeded.connect(self._on_sent)
        job.failed.connect(self._on_failed)
        self._refresh()

    @Slot(object)
    def _on_sent(self, command: str) -> None:
        verb = self._sent.pop(self.sender(), "")
        if command and verb:
            self._asked[command] = verb
            if self._run is not None:
                self._look_for_answers(self._run)
                self._refresh()

    @Slot(object)
    def _on_failed(self, problem: object) -> None:
        if self._sent.pop(self.sender(), None) is None and self.sender() is not self._job:
            return  # asked of a run that is not shown any more
        self._saving = self._stopping = False
        self._waiting = None
        self._harder.stop()
        self._refresh()
        self.failed.emit(problem)

    @Slot()
    def _on_find_data(self) -> None:
        assert self._run is not None
        assert self._run.failure is not None
        title, code = tr("Find the data of this training"), self._run.failure.code
        # Of data that changed only their name tells what they are.
        if code == Code.NO_FILE or (code == Code.DATA_CHANGED and self._run.recipe.folder.suffix):
            ask_for_file(self, title, self.continue_with)
        else:
            ask_for_folder(self, title, self.continue_with)

    @Slot()
    def _on_continue(self) -> None:
        self._carry_on(None)

    @Slot(str)
    def continue_with(self, data: str) -> None:
        """Continue with the same data, which are in another place now."""
        if self._run is not None and self._run.can_continue:
            self._carry_on(Path(data))

    def _carry_on(self, data: Path | None) -> None:
        assert self._run is not None
        other = self._environments[self.place.currentIndex()] if self._gone(self._run) else None
        self._job = self._services.runs.carry_on(self._run.folder, other, data)
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_continued)
        self.answer.hide()
        self._show_saved.hide()
        self._refresh()

    @Slot()
    def _on_continued(self) -> None:
        if self.sender() is self._job:
            self._job = None
            self._refresh()

    @Slot()
    def _on_folder(self) -> None:
        assert self._run is not None
        self._services.presenter.open_folder(self._run.folder)

    @Slot()
    def _on_show_saved(self) -> None:
        if self._saved_file is not None:
            self._services.presenter.open_folder(self._saved_file.parent)

    # Answers.

    def _look_for_answers(self, run: Run) -> None:
        for command, verb in list(self._asked.items()):
            saved, answer = run.checkpoint_of(command), run.answer_to(command)
            if verb == "save" and saved is not None:
                self._saved(saved)
            elif answer is not None and not answer.ok:
                self._refused(verb, answer.reason)
            elif not run.state.live and verb == "save":
                self._refused(verb, "ended")
            elif answer is None and run.state.live:
                continue
            del self._asked[command]

    def _saved(self, checkpoint: Checkpoint) -> None:
        self._saving = self._warned = False
        self._saved_file = checkpoint.file
        self.answer.set_role("good")
        self.answer.say(tr("Saved: {size}, {path}", size=size(checkpoint.bytes), path=checkpoint.file))
        self.answer.show()
        self._show_saved.show()

    def _refused(self, verb: str, reason: str) -> None:
        if verb == "save":
            self._saving = False
        elif verb == "stop":
            self._stopping = False
            self._harder.stop()
        else:
            self._waiting = None
        self._warned = True
        self.answer.set_role("warn")
        if reason == "ended" and verb == "save":
            self.answer.say(tr("The checkpoint was not saved: the training has ended."))
        elif verb == "stop" and reason in (Code.DISK_FULL, Code.READ_ONLY, Code.WRITE_FAILED):
            self.answer.say(
                tr(
                    "Not stopped, since the last steps cannot be saved: {why} Stop again to end without them.",
                    why=_why(reason),
                )
            )
        else:
            self.answer.say(tr("That did not work: {why}", why=_why(reason)))
        self.answer.show()
        self._show_saved.hide()

    # Environments.

    def _gone(self, run: Run) -> bool:
        """Whether the run's environment is no longer on this computer."""
        environments = self._services.environments
        python = run.recipe.environment_python
        return environments.loaded and all(item.python != python for item in environments.items)

    @Slot()
    def _on_environments(self) -> None:
        able = tuple(item for item in self._services.environments.items if item.can_train)
        if able != self._environments:
            self._environments = able
            self.place.clear()
            for item in able:
                self.place.addItem(item.name)
        self._refresh()


def _why(reason: str) -> Text:
    problem = problem_of(reason, {})
    return tr("{title} {cure}", title=problem.title, cure=problem.cure)
