"""Brings a snapshot of the hardware into the window once a second, sampled in a thread of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.hardware.day_record import DayWriter
from aienv_gui.hardware.history import History
from aienv_gui.hardware.limits import Verdict, Work, assess
from aienv_gui.hardware.maker_watch import Patience
from aienv_gui.hardware.readings import Snapshot
from aienv_gui.hardware.sampler import Sampler

_STOP_MS = 8000


class _Worker(QObject):
    """Lives in the feed's thread; so does its timer."""

    sampled = Signal(object)  # Snapshot
    record_changed = Signal(object)  # Problem that keeps the day from being written, None where that works again

    def __init__(self, sampler: Sampler, record: DayWriter | None, interval_ms: int) -> None:
        super().__init__()
        self._sampler = sampler
        self._record = record
        self._record_problem: Problem | None = None
        self._interval_ms = interval_ms
        self._timer: QTimer | None = None

    @Slot()
    def begin(self) -> None:
        self._sampler.start()
        if self._record is not None:
            self._record.start()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.sample)
        self._timer.start(self._interval_ms)
        self.sample()

    @Slot()
    def sample(self) -> None:
        snapshot = self._sampler.sample()
        self.sampled.emit(snapshot)
        if self._record is not None:
            self._record.add(snapshot)
            if self._record.problem != self._record_problem:
                self._record_problem = self._record.problem
                self.record_changed.emit(self._record_problem)

    @Slot()
    def end(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.deleteLater()
            self._timer = None
        if self._record is not None:
            self._record.stop()
        self._sampler.stop()
        self.thread().quit()


class HardwareFeed(QObject):
    """The newest snapshot, the last ten minutes, what limits the machine, a signal for each look. GUI thread only.

    `data_folder` decides whose disk is the first one shown; `environment` is for the driver's process (tests).
    `day_file` is where the last day is kept, if anywhere.
    """

    sampled = Signal(object)  # Snapshot
    record_changed = Signal()  # `record_problem` did
    _ending = Signal()

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        data_folder: Path | None = None,
        day_file: Path | None = None,
        interval_s: float = 1.0,
        environment: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(parent)
        self.latest: Snapshot | None = None
        self.history = History()
        self.work: tuple[Work, ...] = ()  # the trainings that run; whoever follows them keeps it up to date
        self.verdicts: tuple[Verdict, ...] = ()  # what limits the machine, as of `latest`
        self.record_problem: Problem | None = None  # why the day cannot be written
        self.day_file = day_file
        self._data_folder = data_folder or Folders.of_user().data
        self._interval_s = interval_s
        self._environment = environment
        self._patience = patience
        self._thread: QThread | None = None
        self._worker: _Worker | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None

    def start(self) -> None:
        """Begin to sample; the first snapshot comes after about 0.2 s. Does nothing while it runs."""
        if self._thread is not None:
            return
        sampler = Sampler(
            self._data_folder, interval_s=self._interval_s, environment=self._environment, patience=self._patience
        )
        self._thread = QThread()
        self._thread.setObjectName("hardware")
        record = DayWriter(self.day_file) if self.day_file is not None else None
        self._worker = _Worker(sampler, record, max(50, round(self._interval_s * 1000)))
        self._worker.moveToThread(self._thread)
        self._thread.started.connect(self._worker.begin)
        self._ending.connect(self._worker.end)
        self._worker.sampled.connect(self._on_sampled, Qt.ConnectionType.QueuedConnection)
        self._worker.record_changed.connect(self._on_record_changed, Qt.ConnectionType.QueuedConnection)
        self._thread.start()

    def stop(self) -> bool:
        """End the sampling and its process. Blocks for milliseconds, at worst 2 s with a driver that hangs.

        False where the thread did not end in eight seconds (a disk that does not answer): it still runs, and may be
        ended with the process only.
        """
        if self._thread is None:
            return True
        self._ending.emit()
        if not self._thread.wait(_STOP_MS):
            return False
        self._thread = self._worker = None
        return True

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        if self.sender() is not None and self.sender() is not self._worker:
            return  # of a run that was stopped meanwhile
        self.latest = snapshot
        self.history.append(snapshot)
        self.verdicts = assess(snapshot, self.history, self.work)
        self.sampled.emit(snapshot)

    @Slot(object)
    def _on_record_changed(self, problem: Problem | None) -> None:
        self.record_problem = problem
        self.record_changed.emit()
