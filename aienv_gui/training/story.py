"""The story of a run: its events, attempt after attempt, folded into one state and one pair of curves.

A `Story` belongs to one thread; the `Run` values it makes are frozen and may go to any other. Points are kept in arrays
that grow at their end: a `Run` holds views of what was there when it was made, so that making one costs microseconds.
"""

from __future__ import annotations

import bisect
import errno
import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from aienv_gui.core.errors import Problem
from aienv_gui.engine.protocol import LOG, PROCESS, Event, EventReader
from aienv_gui.training import problems
from aienv_gui.training.load_record import LoadRecord
from aienv_gui.training.records import (
    Answer,
    Array,
    Checkpoint,
    Course,
    Curve,
    Evaluation,
    FirstStep,
    FoundBatch,
    FoundRate,
    Load,
    LoadCurve,
    Mistake,
    Recipe,
    Run,
    RunState,
    Start,
    Waited,
)
from aienv_gui.training.trend import trend

_LOG_TAIL_BYTES = 4000
_SETTLED_STEPS = 20  # of an attempt, before an older engine's range is believed
_USEFUL_RANGE = 3.0  # "2 to 20 minutes" helps nobody
_SHORT_S = 30.0  # ... but at the end any range is near enough
_WAITING_OVER = 30  # reports of progress, about a second of training each
_WAITING_LEAST = 5  # ... before their mean is believed
_CURVE = ("seconds", "step", "loss", "accuracy")
_TRENDS = ("loss_trend", "accuracy_trend")
_LOAD = tuple(one.name for one in fields(LoadCurve))


class Rows:
    """A table that grows at its end. Views of it stay valid and unchanged whatever is appended or cut later."""

    def __init__(self, width: int) -> None:
        self._data = np.empty((width, 256))
        self._count = 0

    def append(self, rows: Array) -> None:
        """Add columns of values, shape (width, n)."""
        needed = self._count + rows.shape[1]
        if needed > self._data.shape[1]:
            data = np.empty((self._data.shape[0], max(needed, 2 * self._data.shape[1])))
            data[:, : self._count] = self._data[:, : self._count]
            self._data = data
        self._data[:, self._count : needed] = rows
        self._count = needed

    def cut(self, count: int) -> None:
        """Keep the first `count` only; what was handed out before keeps its values."""
        if count < self._count:
            self._data = self._data.copy()
            self._count = count

    def column(self, index: int) -> Array:
        return self._data[index, : self._count]

    def views(self) -> list[Array]:
        return [self._data[i, : self._count] for i in range(self._data.shape[0])]


class _Clock:
    """Turns times since the epoch into the run's own time, which stands still between attempts."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._offsets: list[float] = []
        self.last = 0.0

    def begin(self, time: float) -> None:
        """A new attempt began at `time`."""
        self._offsets.append(self.seconds(self.last) if self._starts else 0.0)
        self._starts.append(time)
        self.last = max(self.last, time)

    def seconds(self, time: float) -> float:
        index = max(0, bisect.bisect_right(self._starts, time) - 1)
        if not self._starts:
            return 0.0
        found = max(0.0, self._offsets[index] + time - self._starts[index])
        # What was noticed between two attempts belongs to the end of the first.
        return min([found, *self._offsets[index + 1 : index + 2]])

    @property
    def attempts(self) -> tuple[tuple[float, float], ...]:
        """When each attempt began, and when it was last heard of: seconds since the epoch."""
        lengths = [later - offset for offset, later in itertools.pairwise((*self._offsets, self.seconds(self.last)))]
        return tuple((start, start + length) for start, length in zip(self._starts, lengths, strict=True))

    @property
    def began(self) -> float:
        """When the newest attempt began; infinite before the first."""
        return self._starts[-1] if self._starts else math.inf


class Story:
    """Folds a run's events as they come. `update` reads what is new; `run` is the state of that moment."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._folder = folder
        self._events = EventReader(folder)
        self._loads = LoadRecord(folder)
        self._clock = _Clock()
        self._training = Rows(len(_CURVE) + len(_TRENDS))
        self._validation = Rows(len(_CURVE))
        self._load = Rows(len(_LOAD))
        self._launched = False  # an attempt was announced and has not said STARTED
        self._spoken = False  # the attempt's engine has said anything
        self._begun = False  # the attempt has said STARTED
        self._paused = False
        self._waiting: list[float] = []  # the share that went by until batches were there, as last reported
        self._reports = 0  # of such shares in this attempt, each about a second of training ...
        self._waited = 0.0  # ... and their sum
        self._careful = False  # the engine knows itself how far its range is to be believed
        self._before_step: FirstStep | None = None  # ... which is still to come; its seconds: when it all began
        self._log_start = 0  # where the attempt's lines begin in the log
        self._end: RunState | None = None
        self._end_problem: Problem | None = None
        self._run = Run(folder=folder, recipe=recipe, state=RunState.CREATED)
        self._handlers: dict[str, Callable[[Mapping[str, Any]], None]] = {
            Event.LAUNCHED: self._on_launched,
            Event.STARTED: self._on_started,
            Event.PHASE: self._on_phase,
            Event.METRICS: self._on_metrics,
            Event.PROGRESS: self._on_progress,
            Event.VALIDATION: self._on_validation,
            Event.CHECKPOINT: self._on_checkpoint,
            Event.PAUSED: self._on_paused,
            Event.RESUMED: self._on_resumed,
            Event.ANSWER: self._on_answer,
            Event.WARNING: self._on_warning,
            Event.RATE_FOUND: self._on_rate_found,
            Event.BATCH_FOUND: self._on_batch_found,
            Event.RESCUED: self._on_rescued,
            Event.EVALUATED: self._on_evaluated,
            Event.MODEL: self._on_model,
            Event.FINISHED: self._on_finished,
            Event.FAILED: self._on_failed,
        }

    def update(self, *, alive: bool, brief: bool = False) -> bool:
        """Read what is new, and say whether anything changed. `alive`: whether the engine's process ran just before.

        `brief`: all but the training's curve, many times as fast. Raises OSError where the folder cannot be read.
        """
        changed = False
        for event in self._events.read(brief=brief):
            self._fold(event)
            changed = True
        if not alive and not self._folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._folder))
        state = self._state(alive)
        if state is not self._run.state or (state.went_wrong and self._run.failure is None):
            self._run = replace(self._run, state=state, failure=self._failure(state))
            changed = True
        loads = self._loads.read()
        if loads:
            self._load.append(self._rows_of(loads))
        return changed or bool(loads)

    @property
    def length(self) -> int:
        """Bytes of events that were read."""
        return self._events.offset

    @property
    def run(self) -> Run:
        """The run now. Cheap: the curves are views."""
        return replace(
            self._run,
            attempts=self._clock.attempts,
            training=Curve(*self._training.views()),
            validation=Curve(*self._validation.views()),
            load=LoadCurve(*self._load.views()),
        )

    def record(self, load: Load) -> None:
        """Keep how busy the machine is, beside the run. Raises OSError where the folder cannot be written.

        A moment before the newest attempt is left out: nothing was trained then.
        """
        if load.time >= self._clock.began:
            share = self._run.waiting_share
            self._loads.append(replace(load, waiting=None if share is None else 100 * share))

    def _state(self, alive: bool) -> RunState:
        if self._end is not None:
            return self._end
        if not alive:
            told = self._clock.began < math.inf
            return RunState.INTERRUPTED if told or (self._folder / PROCESS).exists() else RunState.CREATED
        if not self._begun:
            return RunState.STARTING
        return RunState.PAUSED if self._paused else RunState.TRAINING

    def _failure(self, state: RunState) -> Problem | None:
        if state is RunState.FAILED:
            return self._end_problem
        if state is RunState.INTERRUPTED:
            tail = log_tail(self._folder, self._log_start)
            return problems.interrupted(tail) if self._spoken else problems.engine_silent(tail, self._folder / LOG)
        return None

    def _rows_of(self, loads: Sequence[Load]) -> Array:
        return np.array(
            [[self._clock.seconds(load.time), *(_number(getattr(load, k)) for k in _LOAD[1:])] for load in loads]
        ).T

    # Events, one method each.

    def _fold(self, event: Mapping[str, Any]) -> None:
        kind = str(event["event"])
        handler = self._handlers.get(kind)
        if handler is None:
            return  # an engine newer than we are says something we do not know
        time = float(event.get("time", self._clock.last))
        if kind == Event.LAUNCHED or (kind == Event.STARTED and not self._launched):
            self._begin(time)
        self._clock.last = max(self._clock.last, time)
        self._spoken = kind != Event.LAUNCHED
        handler(event)
        self._run = replace(self._run, seconds=self._clock.seconds(self._clock.last))

    def _begin(self, time: float) -> None:
        self._clock.begin(time)
        self._spoken = self._begun = self._paused = False
        self._end = self._end_problem = None
        self._waiting, self._reports, self._waited = [], 0, 0.0
        # Warnings are of their attempt: the next one says again what still holds.
        self._run = replace(
            self._run,
            phase="",
            seconds_left=None,
            examples_per_second=None,
            waiting_share=None,
            waiting_before=None,
            waited=None,
            first_step=None,
            failure=None,
            warnings=(),
        )

    def _on_launched(self, event: Mapping[str, Any]) -> None:
        self._launched = True
        self._log_start = int(event.get("log") or 0)

    def _on_rescued(self, event: Mapping[str, Any]) -> None:
        step = int(event["step"])
        self._go_back(step)
        text = problems.rescue_of(event)
        self._run = replace(self._run, step=step, warnings=(*self._run.warnings, text))

    def _go_back(self, step: int) -> None:
        """What was told of later steps is superseded by what comes now."""
        for rows in (self._training, self._validation):
            rows.cut(int(np.searchsorted(rows.column(1), step, side="right")))
        self._run = replace(self._run, checkpoints=tuple(c for c in self._run.checkpoints if c.step <= step))

    def _on_started(self, event: Mapping[str, Any]) -> None:
        self._launched, self._begun = False, True
        step = int(event["step"])
        self._go_back(step)
        data = event.get("data", {})
        start = Start(
            attempt=int(event.get("attempt", 1)),
            step=step,
            device=str(event.get("device", "")),
            device_name=str(event.get("device_name", "")),
            threads=int(event.get("threads") or 0),
            epochs=int(event.get("epochs", 0)),
            total_steps=int(event.get("total_steps", 0)),
            parameters=int(event.get("parameters", 0)),
            classes=tuple(data.get("classes", ())),
            counts=data.get("counts", {}),
            versions=event.get("versions", {}),
            pid=event.get("pid"),
            target=str(data.get("target", "")),
            predicts=str(data.get("predicts", "classes")),
            checkpoint_bytes=int(event.get("checkpoint_bytes", 0)),
            checkpoint_seconds=event.get("checkpoint_seconds"),
        )
        self._run = replace(
            self._run,
            start=start,
            step=step,
            total_steps=start.total_steps,
            evaluation=None,
        )
        took = event.get("took")
        self._careful = took is not None
        self._before_step = None
        if took is not None:
            started, read = float(took["start"]), float(took["data"])
            # Whoever started the engine said so before its process began; without a word from there, the engine knows.
            began = min(self._clock.began, float(event["time"]) - sum(map(float, took.values())))
            self._before_step = FirstStep(began, started, read, float(took.get("batch", 0.0)))

    def _on_phase(self, event: Mapping[str, Any]) -> None:
        self._run = replace(
            self._run,
            phase=str(event["name"]),
            phase_done=int(event.get("done") or 0),
            phase_total=int(event.get("total") or 0),
        )

    def _on_metrics(self, event: Mapping[str, Any]) -> None:
        columns = event["columns"]
        times = [self._clock.seconds(float(time)) for time in columns["time"]]
        rows = np.array([times, columns["step"], columns["loss"], columns["accuracy"]], dtype=np.float64)
        if rows.shape[1]:
            if self._before_step is not None:
                since = float(columns["time"][0]) - self._before_step.seconds
                self._run = replace(self._run, first_step=replace(self._before_step, seconds=since))
                self._before_step = None
            self._training.append(np.vstack([rows, *(self._trend(index, rows[index]) for index in (2, 3))]))
            self._run = replace(self._run, step=int(rows[1, -1]), epoch=int(columns["epoch"][-1]))

    def _trend(self, index: int, new: Array) -> Array:
        """The trend at the `new` values of a column: found here, in the background, and once."""
        before = self._training.column(index)
        return trend(before, new, len(before))

    def _on_progress(self, event: Mapping[str, Any]) -> None:
        step = int(event.get("step", self._run.step))
        self._run = replace(
            self._run,
            step=step,
            epoch=int(event.get("epoch", self._run.epoch)),
            total_steps=int(event.get("total_steps", self._run.total_steps)),
            examples_per_second=event.get("examples_per_second"),
            seconds_left=self._seconds_left(event, step),
        )
        if (share := event.get("waiting_share")) is not None:
            self._waiting = [*self._waiting[1 - 2 * _WAITING_OVER :], float(share)]
            self._reports, self._waited = self._reports + 1, self._waited + float(share)
            waited = Waited(self._waited / self._reports, float(self._reports))
            self._run = replace(self._run, waited=waited)
            means = _means(self._waiting)
            if means:
                self._run = replace(self._run, waiting_share=means[-1], waiting_before=max(means))

    def _seconds_left(self, event: Mapping[str, Any], step: int) -> tuple[float, float] | None:
        """The engine's estimate, once it says something. The first steps are slow, by which older ones were misled."""
        low, high = event.get("seconds_left"), event.get("seconds_left_high")
        begun = self._run.start.step if self._run.start is not None else 0
        if low is None or (step - begun < _SETTLED_STEPS and not self._careful):
            return None
        least, most = float(low), float(low if high is None else high)
        return (least, most) if most <= _USEFUL_RANGE * max(least, 1.0) or most < _SHORT_S else None

    def _on_validation(self, event: Mapping[str, Any]) -> None:
        seconds = self._clock.seconds(float(event["time"]))
        point = np.array([[seconds], [event["step"]], [event["loss"]], [event["accuracy"]]], dtype=np.float64)
        # Said again by an attempt that goes on from a checkpoint saved during this validation.
        self._validation.cut(int(np.searchsorted(self._validation.column(1), point[1, 0], side="left")))
        self._validation.append(point)

    def _on_checkpoint(self, event: Mapping[str, Any]) -> None:
        checkpoint = Checkpoint(
            seconds=self._clock.seconds(float(event["time"])),
            step=int(event["step"]),
            epoch=int(event.get("epoch", 0)),
            file=self._folder / str(event["file"]),
            bytes=int(event["bytes"]),
            reason=str(event.get("reason", "")),
            command=event.get("command"),
        )
        self._run = replace(self._run, checkpoints=(*self._run.checkpoints, checkpoint))

    def _on_paused(self, event: Mapping[str, Any]) -> None:
        self._paused, self._before_step = True, None  # how long the user waited says nothing
        self._run = replace(self._run, pause_reason=str(event.get("reason", "asked")), seconds_left=None)

    def _on_resumed(self, _event: Mapping[str, Any]) -> None:
        self._paused = False
        self._run = replace(self._run, pause_reason="")

    def _on_answer(self, event: Mapping[str, Any]) -> None:
        answer = Answer(str(event.get("command")), bool(event.get("ok")), str(event.get("reason") or ""))
        self._run = replace(self._run, answers=(*self._run.answers, answer))

    def _on_warning(self, event: Mapping[str, Any]) -> None:
        text = problems.warning_of(str(event.get("code")), event.get("values", {}))
        if text not in self._run.warnings:
            self._run = replace(self._run, warnings=(*self._run.warnings, text))

    def _on_rate_found(self, event: Mapping[str, Any]) -> None:
        found = FoundRate(float(event["learning_rate"]), int(event["steps"]), float(event["seconds"]))
        self._run = replace(self._run, found_rate=found)
        if self._before_step is not None:
            self._before_step = replace(self._before_step, rate=found.seconds)

    def _on_batch_found(self, event: Mapping[str, Any]) -> None:
        size, rate, speeds = int(event["batch_size"]), event["learning_rate"], dict(event["tried"])
        found = FoundBatch(size, rate and float(rate), float(speeds.get(size, 0)), len(speeds), float(event["seconds"]))
        self._run = replace(self._run, found_batch=found)

    def _on_evaluated(self, event: Mapping[str, Any]) -> None:
        if event.get("split", "test") != "test":
            return
        self._run = replace(self._run, evaluation=evaluation_of(event))

    def _on_model(self, event: Mapping[str, Any]) -> None:
        self._run = replace(self._run, model=self._folder / str(event["folder"]))

    def _on_finished(self, event: Mapping[str, Any]) -> None:
        self._end = RunState.COMPLETED if event.get("outcome") == "completed" else RunState.STOPPED
        self._run = replace(self._run, seconds_left=None, phase="")

    def _on_failed(self, event: Mapping[str, Any]) -> None:
        self._end = RunState.FAILED
        self._end_problem = problems.problem_of(
            str(event.get("code")), event.get("values", {}), str(event.get("traceback") or "")
        )
        self._run = replace(self._run, seconds_left=None, phase="")


def evaluation_of(event: Mapping[str, Any]) -> Evaluation:
    """An EVALUATED event, or what a model's card keeps of it."""
    return Evaluation(
        loss=_number(event["loss"]),
        accuracy=_number(event["accuracy"]),
        classes=tuple(str(name) for name in event.get("classes", ())),
        confusion=tuple(tuple(int(n) for n in row) for row in event.get("confusion", ())),
        mistakes=tuple(mistake_of(entry) for entry in event.get("worst", ())),
        baselines={str(one["name"]): float(one["accuracy"]) for one in event.get("baselines", ())},
        mean_error=event.get("mean_error"),
        perplexity=event.get("perplexity"),
        bits_per_character=_bits(event),
        characters=int(event.get("characters", 0)),
        examples=int(event.get("examples", 0)),
        pairs=tuple((float(truth), float(answer)) for truth, answer in event.get("pairs", ())),
        horizon=int(event.get("horizon", 0)),
        course=_course(event.get("course")),
        reach_share=float(event.get("reach_share", 0.0)),
        within_reach=float(event.get("within_reach", 0.0)),
    )


def _bits(event: Mapping[str, Any]) -> float | None:
    """Bits per character; an older engine knew characters only, and told how many it wavered between."""
    told = event.get("bits_per_character")
    perplexity = event.get("perplexity")
    if told is None and perplexity is not None:
        told = math.log2(max(1.0, perplexity))
    return told


def _course(told: Mapping[str, Any] | None) -> Course | None:
    if told is None:
        return None
    truth, answers = (tuple(_number(value) for value in told[key]) for key in ("truth", "answers"))
    return Course(str(told["begin"]), str(told["end"]), truth, answers)


def mistake_of(entry: Mapping[str, Any]) -> Mistake:
    """One of the worst answers of an evaluation."""
    sure = entry.get("probability")
    path, truth, answer = (str(entry[key]) for key in ("path", "truth", "answer"))
    return Mistake(path, truth, answer, None if sure is None else float(sure))


def _means(shares: Sequence[float]) -> list[float]:
    """The mean of the newest `_WAITING_OVER` shares, last, and before it what it was at each report before."""
    ends = range(max(_WAITING_LEAST, len(shares) - _WAITING_OVER), len(shares) + 1)
    return [fmean(shares[max(0, end - _WAITING_OVER) : end]) for end in ends]


def log_tail(folder: Path, start: int = 0) -> str:
    """The last lines of the engine's own output; empty where there is none. `start`: what stands before is older."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(start, file.tell() - _LOG_TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
