"""The contract of long work: a plain function that is handed one `Reporter`.

The function knows no thread and no widget. It says what it does through the reporter and asks it whether to go on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.wording import Text


class JobState(StrEnum):
    """The states of every job; the last three are final and exactly one of them is reached."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Reporter(Protocol):
    """What a long function is handed. Every method is cheap and may be called from the function's own thread only."""

    def status(self, text: Text) -> None:
        """Say what is being done now, in one line."""

    def progress(self, done: float, total: float | None) -> None:
        """Say how much is done, in any unit; `total` is None where it is not known."""

    def partial(self, result: object) -> None:
        """Hand over a partial result: an immutable value the receiver understands."""

    def log(self, line: str) -> None:
        """Add one line to the log."""

    @property
    def cancelled(self) -> bool:
        """Whether the user asked to stop."""

    def checkpoint(self) -> None:
        """Raise `Cancelled` where the user asked to stop. Call it wherever the state is whole."""


class Silent:
    """A reporter that says nothing and is never cancelled; the base of the others."""

    def status(self, text: Text) -> None:
        pass

    def progress(self, done: float, total: float | None) -> None:
        pass

    def partial(self, result: object) -> None:
        pass

    def log(self, line: str) -> None:
        pass

    @property
    def cancelled(self) -> bool:
        return False

    def checkpoint(self) -> None:
        if self.cancelled:
            raise Cancelled
