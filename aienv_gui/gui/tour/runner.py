"""Runs a script of steps in the real window, without ever holding its event loop, and reports what truly happened.

A step is a generator that yields a `Wait` for whatever takes time; the runner looks at the condition between events. A
step succeeds by coming to its end; what it raises, or waits for in vain, is its failure, and ends the tour.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import write_atomic
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.gui.jobs import Job, Jobs

_TICK_MS = 20


class TourError(Exception):
    """A step did not reach what it should; the message is for the report."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on once `condition()` is true, at the latest after `timeout_s`; `what` is the failure's words.

    `trouble()` is asked meanwhile: a problem it returns ends the step at once.
    """

    what: str
    condition: Callable[[], object]
    timeout_s: float = 30.0
    trouble: Callable[[], Problem | str | None] = lambda: None


Steps = Generator[Wait, None, str]
"""A step's script; what it returns is the step's detail in the report."""


@dataclass(frozen=True, slots=True)
class StepReport:
    name: str
    ok: bool
    seconds: float
    detail: str


class TourRunner(QObject):
    """Runs steps one after the other and keeps ``report.json`` up to date; `finished` says whether all succeeded."""

    finished = Signal(bool)

    def __init__(
        self,
        jobs: Jobs,
        report: Path,
        steps: Sequence[tuple[str, Callable[[], Steps]]],
        facts: Callable[[], dict[str, Any]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._report = report
        self._left = list(steps)
        self._facts = facts
        self._done: list[StepReport] = []
        self._script: Steps | None = None
        self._wait: Wait | None = None
        self._began = self._waited = 0.0
        self._last_write: Job | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._advance)

    def start(self) -> None:
        self._timer.start()

    @property
    def reports(self) -> tuple[StepReport, ...]:
        return tuple(self._done)

    @Slot()
    def _advance(self) -> None:
        if self._script is None:
            if not self._left:
                self._finish()
                return
            self._began = time.monotonic()
            self._script = self._left[0][1]()
            self._wait = None
        try:
            if self._wait is not None and not self._is_over(self._wait):
                return
            self._wait = next(self._script)
            self._waited = time.monotonic()
        except StopIteration as end:
            self._end_step(True, str(end.value or ""))
        except TourError as failure:
            self._end_step(False, str(failure))
        except Exception as error:  # any error in a step is that step's result, and stands in the report
            self._end_step(False, f"{type(error).__name__}: {error}")

    def _is_over(self, wait: Wait) -> bool:
        trouble = wait.trouble()
        if trouble is not None:
            details = f"\n{trouble.details}" if isinstance(trouble, Problem) else ""
            raise TourError(f"{wait.what}: {trouble}{details}")
        if wait.condition():
            return True
        if time.monotonic() - self._waited > wait.timeout_s:
            raise TourError(f"{wait.what}: not within {wait.timeout_s:.0f} s")
        return False

    def _end_step(self, ok: bool, detail: str) -> None:
        name, _ = self._left.pop(0)
        seconds = round(time.monotonic() - self._began, 2)
        self._done.append(StepReport(name, ok, seconds, detail))
        self._script = self._wait = None
        if not ok:
            self._done += [StepReport(name, False, 0.0, "not reached") for name, _ in self._left]
            self._left.clear()
        self._write()

    def _write(self) -> None:
        ok = not self._left and all(step.ok for step in self._done)
        data = {"ok": ok, "steps": [asdict(step) for step in self._done], **self._facts()}
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        self._last_write = self._jobs.start(
            tr("Write the tour's report"), _write_report, self._report, text, quiet=True
        )

    def _finish(self) -> None:
        if self._last_write is not None and not self._last_write.state.final:
            return  # looked at again with the next tick
        self._timer.stop()
        written = self._last_write is not None and self._last_write.problem is None
        self.finished.emit(written and all(step.ok for step in self._done))


def _write_report(path: Path, text: str, _reporter: Reporter) -> None:
    write_atomic(path, text)
