"""Reporters for tests: one that keeps everything, one that is cancelled at a moment."""

from __future__ import annotations

from collections.abc import Callable

from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import Text


class Keeping(Silent):
    """Keeps what it is told. `cancel_when` is asked at each look at `cancelled`."""

    def __init__(self, cancel_when: Callable[[Keeping], bool] = lambda _: False) -> None:
        self.statuses: list[str] = []
        self.amounts: list[tuple[float, float | None]] = []
        self.partials: list[object] = []
        self.lines: list[str] = []
        self._cancel_when = cancel_when

    def status(self, text: Text) -> None:
        self.statuses.append(str(text))

    def progress(self, done: float, total: float | None) -> None:
        self.amounts.append((done, total))

    def partial(self, result: object) -> None:
        self.partials.append(result)

    def log(self, line: str) -> None:
        self.lines.append(line)

    @property
    def cancelled(self) -> bool:
        return self._cancel_when(self)
