"""Whether the machine is ready, for every page: judged with each snapshot, from facts that are looked up in a job."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments import accelerators
from aienv_gui.gui.hardware_feed import HardwareFeed
from aienv_gui.gui.jobs import Job, Jobs
from aienv_gui.hardware import system_facts
from aienv_gui.hardware.readiness import Readiness, judge
from aienv_gui.hardware.readings import DriverState, Snapshot
from aienv_gui.hardware.system_facts import SystemFacts


class ReadinessWatch(QObject):
    """Lives in the GUI thread. The system is looked at anew when the driver says something else than before."""

    changed = Signal()
    looked = Signal()  # a look that was asked for has ended

    def __init__(
        self, jobs: Jobs, hardware: HardwareFeed, parent: QObject | None = None, *, root: Path = Path("/")
    ) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._hardware = hardware
        self._root = root
        self._facts: SystemFacts | None = None
        self._said: tuple[object, ...] = ()  # by the driver, when the facts were looked up
        self._job: Job | None = None
        self.answer: Readiness | None = None  # None before the first snapshot
        hardware.sampled.connect(self._on_sampled)

    @property
    def looking(self) -> bool:
        return self._job is not None

    @Slot()
    def look_again(self) -> None:
        """Look at the system now; nothing where that is under way."""
        if self._job is None:
            self._job = self._jobs.start(tr("Look at the system"), _look, self._root, quiet=True)
            self._job.succeeded.connect(self._on_facts)
            self._job.finished.connect(self._on_looked)

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        nvidia = snapshot.nvidia
        said = (nvidia.state, nvidia.driver_version, nvidia.detail)
        if said != self._said and nvidia.state is not DriverState.STARTING:
            self._said = said
            self.look_again()
        self._judge(snapshot)

    def _judge(self, snapshot: Snapshot) -> None:
        answer = judge(snapshot, self._facts, accelerators.oldest_driver())
        if answer != self.answer:
            self.answer = answer
            self.changed.emit()

    @Slot(object)
    def _on_facts(self, facts: SystemFacts) -> None:
        self._facts = facts
        if self._hardware.latest is not None:
            self._judge(self._hardware.latest)

    @Slot()
    def _on_looked(self) -> None:
        self._job = None
        self.looked.emit()


def _look(root: Path, _reporter: Reporter) -> SystemFacts:
    return system_facts.look(root)
