"""Runs the probe (``engine/probe.py``) in an environment's own interpreter and survives what happens to it there."""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.processes import Outcome, clean_environment, run
from aienv_gui.core.tasks import Reporter

PROBE: Final = Path(__file__).resolve().parents[2] / "engine" / "probe.py"
LIMIT_S: Final = 10.0  # for a step of an ordinary library
HEAVY_LIMIT_S: Final = 60.0  # for one of a framework: PyTorch's first import reads a gigabyte
_HEAVY: Final = {
    "jax",
    "keras",
    "onnxruntime",
    "sklearn",
    "tensorflow",
    "torch",
    "torchaudio",
    "torchvision",
    "transformers",
}
_WORDS: Final = 40  # lines kept of what libraries write to standard error in a step
_DEATHS: Final = 5  # after that many the rest is not tried


class Fate(StrEnum):
    """How a step ended."""

    ANSWERED = "answered"  # by itself; `Step.ok` says how
    CRASHED = "crashed"  # the system killed the interpreter in it
    ENDED = "ended"  # the interpreter ended in it, by itself
    TIMED_OUT = "timed_out"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class Step:
    """One step's answer. `words` is what libraries wrote to standard error in it: its last lines."""

    name: str
    fate: Fate
    ok: bool = False
    seconds: float = 0.0
    answer: Mapping[str, Any] = field(default_factory=dict)
    signal: str = ""
    words: str = ""

    def get(self, key: str) -> str:
        """A text of the answer, or an empty one."""
        return str(self.answer.get(key) or "")


def limit_of(step: str) -> float:
    """Seconds a step may take."""
    return HEAVY_LIMIT_S if _HEAVY & set(step.replace(":", " ").replace("-", " ").split()) else LIMIT_S


def probe(
    python: Path,
    prefix: Path,
    steps: Sequence[str],
    reporter: Reporter,
    on_step: Callable[[Step], None] = lambda _: None,
    *,
    ours: bool = True,
) -> dict[str, Step]:
    """Do `steps` in an interpreter and return their answers; `on_step` gets each as it comes, in this thread.

    A step that kills the interpreter or outlasts its limit is told as such, and the steps after it are done in a new
    one. An environment that is not `ours` gets no compiled files written into it. Raises OSError where the interpreter
    cannot be started, and `Cancelled`.
    """
    results: dict[str, Step] = {}
    left = list(steps)
    deaths = 0
    while left and deaths < _DEATHS:
        attempt = _Attempt(python, prefix, left, reporter, on_step, ours)
        attempt.run()
        results.update(attempt.done)
        left = [step for step in left if step not in results]
        for name, step in attempt.done.items():
            if name.startswith("import:") and step.fate is not Fate.ANSWERED:
                for vain in [other for other in left if _needs(other, name[7:])]:
                    left.remove(vain)
                    results[vain] = Step(vain, Fate.NOT_TRIED)
                    on_step(results[vain])
        deaths += 1 if attempt.died else 0
    for vain in left:
        results[vain] = Step(vain, Fate.NOT_TRIED)
        on_step(results[vain])
    return results


def _needs(step: str, module: str) -> bool:
    """Whether a step calculates with a module."""
    kind, _, subject = step.partition(":")
    return kind != "import" and module in subject.split("-")


class _Attempt:
    """One process of the probe."""

    def __init__(
        self,
        python: Path,
        prefix: Path,
        steps: Sequence[str],
        reporter: Reporter,
        on_step: Callable[[Step], None],
        ours: bool,
    ) -> None:
        flags = ("-I",) if ours else ("-I", "-B")
        self._command: list[str | Path] = [python, *flags, PROBE, json.dumps({"steps": list(steps), "lifeline": True})]
        self._prefix = prefix
        self._reporter = reporter
        self._on_step = on_step
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._current = steps[0]
        self._began = time.monotonic()
        self._late = False
        self._said: list[str] = []  # in the current step
        self.done: dict[str, Step] = {}
        self.died = False

    def run(self) -> None:
        """Run it to its end, whatever that is. Raises OSError and `Cancelled`."""
        with tempfile.TemporaryDirectory(prefix="aienv-probe-", ignore_cleanup_errors=True) as folder:
            outcome = run(
                self._command,
                timeout_s=3600,  # each step has its own limit
                environment=clean_environment(_search_path(self._prefix)),
                folder=Path(folder),
                on_line=self._lines.put,
                cancelled=self._poll,
                lifeline=True,
            )
        if outcome.cancelled and not self._late:
            raise Cancelled
        self._read()
        if self._current:
            self.died = True
            self._finish(self._death(outcome))

    def _death(self, outcome: Outcome) -> Step:
        words = _last(self._said)
        seconds = time.monotonic() - self._began
        if self._late:
            return Step(self._current, Fate.TIMED_OUT, seconds=seconds, words=words)
        fate = Fate.CRASHED if outcome.crashed else Fate.ENDED
        return Step(self._current, fate, seconds=seconds, signal=outcome.signal_name, words=words)

    def _poll(self) -> bool:
        """Called 20 times a second while the process runs; says whether to end it."""
        self._read()
        self._late = bool(self._current) and time.monotonic() - self._began > limit_of(self._current)
        return self._late or self._reporter.cancelled

    def _read(self) -> None:
        texts: list[str] = []
        while not self._lines.empty():
            texts.append(self._lines.get())
        lines = [_line(text) for text in texts]
        for index, line in enumerate(lines):
            if line is None:
                self._said.append(texts[index])
            elif line["event"] == "begin":
                self._current, self._began = line["step"], time.monotonic()
                self._said.clear()
            else:
                # The two streams come through two threads: what stands behind the answer was said before it.
                after = index + 1
                while after < len(lines) and lines[after] is None:
                    after += 1
                words = _last([*self._said, *texts[index + 1 : after]])
                self._current = ""
                self._finish(Step(line["step"], Fate.ANSWERED, bool(line["ok"]), line["seconds"], line, words=words))

    def _finish(self, step: Step) -> None:
        self.done[step.name] = step
        self._on_step(step)


def _line(text: str) -> dict[str, Any] | None:
    """A line of the probe's; None for the words of another on standard error."""
    try:
        line = json.loads(text)
        return line if {"step", "event"} <= line.keys() else None
    except (ValueError, AttributeError):
        return None


def _last(said: Sequence[str]) -> str:
    return "\n".join(said[-_WORDS:])


def _search_path(prefix: Path) -> dict[str, str]:
    """What a conda environment's libraries need on Windows, where they are found through PATH only."""
    if sys.platform == "win32" and (prefix / "conda-meta").is_dir():
        parts = ("", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts")
        return {"PATH": os.pathsep.join([*(str(prefix / part) for part in parts), os.environ.get("PATH", "")])}
    return {}
