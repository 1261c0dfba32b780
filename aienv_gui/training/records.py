"""What the training part speaks of: recipes, curves, checkpoints, the state of a run. Frozen data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text
from aienv_gui.engine.protocol import Code

# The recipe and the pictures decide these: the same again gives the same end.
_FOR_GOOD = frozenset(
    {
        *(Code.NOT_A_NUMBER, Code.NO_CHECKPOINT, Code.BAD_RECIPE, Code.BAD_START, Code.NO_DEVICE, Code.DATA_CHANGED),
        *(Code.NO_FOLDER, Code.EMPTY_FOLDER, Code.ONE_CLASS, Code.FEW_PICTURES, Code.BROKEN_PICTURES),
        *(Code.NO_FILE, Code.NOT_A_TABLE, Code.BAD_ROW, Code.RAGGED_ROW, Code.EMPTY_TABLE, Code.FEW_ROWS),
        *(Code.NO_INPUTS, Code.BAD_TARGET, Code.NO_TEXTS, Code.SHORT_TEXT, Code.NO_NAMED_PICTURES),
        *(Code.NO_SERIES, Code.BAD_TIME, Code.SHORT_SERIES),
    }
)

Array = npt.NDArray[np.float64]
# Tasks.
PICTURES, TABLE, TEXTS, WRITING = "image_classification", "tabular", "text_classification", "language_model"
SERIES = "forecasting"
PRETRAINED = "hugging_face"  # the architecture that begins with a model that others have trained
NUMBER = "number"  # what is predicted, where it is no class


def pictures_base(folder: Path, *, table: bool) -> Path:
    """What the names of pictures count from: their folder, or that of the table's file."""
    return folder.parent if table else folder


def _nothing() -> Array:
    return np.empty(0)


class RunState(StrEnum):
    """Where a run stands. The last four are ends; a run can go on from `STOPPED`, `FAILED` and `INTERRUPTED`."""

    CREATED = "created"  # never started
    STARTING = "starting"  # the engine's process runs and has not begun to train
    TRAINING = "training"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # the engine's process is gone without a word: killed, power cut, restart

    @property
    def live(self) -> bool:
        """Whether the engine's process is running."""
        return self in (RunState.STARTING, RunState.TRAINING, RunState.PAUSED)

    @property
    def went_wrong(self) -> bool:
        return self in (RunState.FAILED, RunState.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the user asked for; ``recipe.json`` of a run. `id` and `created` are given by `run_store.create`."""

    name: str
    folder: Path  # of the pictures; of a table, also one that names pictures, its file
    preset: str
    architecture: str
    settings: Mapping[str, Any]  # optimiser, learning_rate, batch_size, epochs, seed and what else the preset has
    options: Mapping[str, Any] = field(default_factory=dict)  # of the architecture
    skip: tuple[str, ...] = ()  # broken pictures the user agreed to leave out
    sample: str = ""  # the sample's id, where it is one
    task: str = PICTURES
    start_from: Path | None = None  # weights learnt before, with which it begins: a model's folder or a file
    files: str = ""  # the column of a table that names pictures
    text: str = ""  # the column of a table that holds texts
    target: str = ""  # the column of a table to predict
    predicts: str = ""  # what it is taken for: classes or number
    leave_out: tuple[str, ...] = ()  # columns of a table that are not learnt from
    time: str | None = None  # the column that orders the rows of a series; empty: as they stand; None: guessed
    window: int = 0  # rows of a series that are looked back at, and that are forecast; 0: the engine chooses
    horizon: int = 0
    environment_prefix: Path = Path()
    environment_python: Path = Path()
    environment_name: str = ""
    device: str = "auto"
    threads: int | None = None
    id: str = ""
    created: float = 0.0

    @property
    def base(self) -> Path:
        """What the names of examples count from."""
        return pictures_base(self.folder, table=bool(self.files))

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "created": self.created,
            "task": self.task,
            "data": {"folder": str(self.folder), "sample": self.sample, **self._choices()},
            "preset": self.preset,
            "model": {"architecture": self.architecture, "options": dict(self.options), **self._start()},
            "settings": dict(self.settings),
            "environment": {
                "prefix": str(self.environment_prefix),
                "python": str(self.environment_python),
                "name": self.environment_name,
            },
            "device": self.device,
            "threads": self.threads,
        }

    def _start(self) -> dict[str, Any]:
        return {"start_from": str(self.start_from)} if self.start_from else {}

    def _choices(self) -> dict[str, Any]:
        """What was chosen about the data, as their kind has it."""
        if self.task == TABLE:
            return {"target": self.target, "predicts": self.predicts, "leave_out": list(self.leave_out)}
        if self.task == SERIES:
            chosen = {"target": self.target, "window": self.window, "horizon": self.horizon}
            time = {} if self.time is None else {"time": self.time}
            return {**chosen, **time, "leave_out": list(self.leave_out)}
        if self.task == TEXTS:
            return {"text": self.text, "target": self.target}
        columns = {"files": self.files, "target": self.target} if self.files else {}
        return {"skip": list(self.skip), **columns}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_json`. Raises KeyError or TypeError where something is missing."""
        environment = data["environment"]
        return Recipe(
            id=data["id"],
            name=data["name"],
            created=float(data["created"]),
            task=data["task"],
            folder=Path(data["data"]["folder"]),
            sample=data["data"].get("sample", ""),
            skip=tuple(data["data"].get("skip", ())),
            files=data["data"].get("files", ""),
            text=data["data"].get("text", ""),
            target=data["data"].get("target", ""),
            predicts=data["data"].get("predicts", ""),
            leave_out=tuple(data["data"].get("leave_out", ())),
            time=data["data"].get("time"),
            window=int(data["data"].get("window", 0)),
            horizon=int(data["data"].get("horizon", 0)),
            preset=data["preset"],
            architecture=data["model"]["architecture"],
            options=data["model"].get("options", {}),
            start_from=Path(data["model"]["start_from"]) if data["model"].get("start_from") else None,
            settings=data["settings"],
            environment_prefix=Path(environment["prefix"]),
            environment_python=Path(environment["python"]),
            environment_name=environment["name"],
            device=data.get("device", "auto"),
            threads=data.get("threads"),
        )


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of the list of runs."""

    folder: Path
    name: str
    task: str
    state: RunState
    created: float  # seconds since the epoch
    seconds: float  # spent in all attempts
    best_accuracy: float | None = None  # on the validation pictures
    test_accuracy: float | None = None
    numbers: bool = False  # a number is predicted: accuracy is the share of the differences that is explained
    step: int = 0
    total_steps: int = 0
    model: Path | None = None  # the finished model's folder
    python: Path = Path()  # the interpreter that trains it
    damaged: Text | None = None  # why the run cannot be read, where it cannot
    attempts: tuple[tuple[float, float], ...] = ()  # when it was worked on: from, to, in seconds since the epoch


@dataclass(frozen=True, slots=True)
class Curve:
    """Loss and accuracy over steps. `seconds` counts the run's own time: the gaps between attempts are left out.

    The trends are what the noise of single steps hides; the validation, which has few points, has none.
    """

    seconds: Array = field(default_factory=_nothing)
    step: Array = field(default_factory=_nothing)
    loss: Array = field(default_factory=_nothing)
    accuracy: Array = field(default_factory=_nothing)
    loss_trend: Array = field(default_factory=_nothing)
    accuracy_trend: Array = field(default_factory=_nothing)

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the machine was at one moment, in percent; None where it is not known. The GPU is the run's own."""

    time: float  # seconds since the epoch
    cpu: float | None = None
    memory: float | None = None
    gpu: float | None = None
    gpu_memory: float | None = None
    gpu_celsius: float | None = None
    gpu_watts: float | None = None
    waiting: float | None = None  # the share of the training's time that went by until its data were there


@dataclass(frozen=True, slots=True)
class LoadCurve:
    """`Load` on the run's own time axis; NaN where it is not known."""

    seconds: Array = field(default_factory=_nothing)
    cpu: Array = field(default_factory=_nothing)
    memory: Array = field(default_factory=_nothing)
    gpu: Array = field(default_factory=_nothing)
    gpu_memory: Array = field(default_factory=_nothing)
    gpu_celsius: Array = field(default_factory=_nothing)
    gpu_watts: Array = field(default_factory=_nothing)
    waiting: Array = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved state of a run."""

    seconds: float  # on the run's own time axis
    step: int
    epoch: int
    file: Path
    bytes: int
    reason: str  # epoch, best, time, manual, stop, pause, end
    command: str | None  # the id of the command it answers


@dataclass(frozen=True, slots=True)
class Answer:
    """The engine's answer to a command that has no event of its own."""

    command: str
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test example that was taken for another class, or whose number is far off."""

    path: str  # relative to the data's folder (`Recipe.base`); of a table "file:line"
    truth: str
    answer: str
    probability: float | None = None  # how sure the model was; of a number it is not told


@dataclass(frozen=True, slots=True)
class Course:
    """The test part of a series, and forecasts of it one after another; NaN where nobody knows the truth."""

    begin: str
    end: str
    truth: tuple[float, ...]
    answers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the model does on the examples it never saw. Rows of `confusion` are the truth, columns the answers.

    Where a number is predicted there are `pairs` of truth and answer in place of classes, and `accuracy` is the share
    of the differences between them that is explained.
    """

    loss: float
    accuracy: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    mistakes: tuple[Mistake, ...]
    baselines: Mapping[str, float] = field(default_factory=dict)  # guessing, linear, boosted: what each reaches
    mean_error: float | None = None  # in the units of the number
    perplexity: float | None = None  # of a language model: among how many tokens it is undecided
    bits_per_character: float | None = None  # of a language model: the same, whatever its tokens are
    characters: int = 0  # of a language model of word pieces: those of all its examples
    examples: int = 0  # of a language model tokens: characters or word pieces
    pairs: tuple[tuple[float, float], ...] = ()
    horizon: int = 0  # of a series: how far ahead each forecast reaches
    course: Course | None = None
    reach_share: float = 0.0  # of a series: which share of the values was to be within reach; 0: that was not told
    within_reach: float = 0.0  # and which share was
    tested: tuple[int, ...] = field(init=False)  # test examples of each class
    answered: tuple[int, ...] = field(init=False)  # how often each class was the answer

    def __post_init__(self) -> None:
        """Summed here, in the background, and once: a thousand classes make a million cells."""
        object.__setattr__(self, "tested", tuple(sum(row) for row in self.confusion))
        object.__setattr__(self, "answered", tuple(sum(column) for column in zip(*self.confusion, strict=True)))


@dataclass(frozen=True, slots=True)
class Start:
    """What the engine said when it began: one an attempt."""

    attempt: int
    step: int  # it went on from here
    device: str
    device_name: str
    threads: int
    epochs: int
    total_steps: int
    parameters: int
    classes: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]  # split -> class -> examples
    versions: Mapping[str, str]
    pid: int | None = None
    target: str = ""  # the column of a table that is predicted
    predicts: str = "classes"
    checkpoint_bytes: int = 0  # of each, about; 0: an older engine did not tell
    checkpoint_seconds: float | None = None  # about, to write each; None: it was not told, or none can be written

    @property
    def numbers(self) -> bool:
        """Whether a number is predicted, and accuracy means the share of the differences that is explained."""
        return self.predicts == NUMBER


@dataclass(frozen=True, slots=True)
class FoundRate:
    """A learning rate that was found by trying, and what that took."""

    rate: float
    steps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FoundBatch:
    """A batch size that was found by trying, the learning rate that goes with it, and what that took."""

    size: int
    rate: float | None  # None: it is still to be found
    speed: float  # examples a second, while it was tried
    tried: int  # sizes
    seconds: float


@dataclass(frozen=True, slots=True)
class FirstStep:
    """When the first step of an attempt was done: seconds since it was started, and what took the most of them."""

    seconds: float
    start: float  # of Python and PyTorch
    data: float  # to read them
    batch: float = 0.0  # to find a batch size
    rate: float = 0.0  # to find a learning rate


@dataclass(frozen=True, slots=True)
class Waited:
    """How much of an attempt's time in steps went by until the next batch was there."""

    share: float  # 0 to 1
    seconds: float  # about: of time in steps, of which it is the share


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its folder tells it at one moment. Its arrays may be shared with later moments: read only."""

    folder: Path
    recipe: Recipe
    state: RunState
    phase: str = ""  # loading, training, validating, testing, saving
    phase_done: int = 0  # of `phase_total`, while pictures are loaded
    phase_total: int = 0
    seconds: float = 0.0  # on the run's own time axis
    attempts: tuple[tuple[float, float], ...] = ()  # when it was worked on: from, to, in seconds since the epoch
    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    examples_per_second: float | None = None
    seconds_left: tuple[float, float] | None = None  # at least, at most
    waiting_share: float | None = None  # of the last half minute in steps, for the next batch: 0 to 1
    waiting_before: float | None = None  # the most that this was within the half minute before
    waited: Waited | None = None  # of the newest attempt
    start: Start | None = None
    first_step: FirstStep | None = None  # of the newest attempt; None: an older engine, or it was paused before
    training: Curve = field(default_factory=Curve)
    validation: Curve = field(default_factory=Curve)
    load: LoadCurve = field(default_factory=LoadCurve)
    checkpoints: tuple[Checkpoint, ...] = ()
    answers: tuple[Answer, ...] = ()
    warnings: tuple[Text, ...] = ()
    found_rate: FoundRate | None = None
    found_batch: FoundBatch | None = None
    pause_reason: str = ""  # asked, disk_full, write_failed
    evaluation: Evaluation | None = None
    model: Path | None = None
    failure: Problem | None = None  # what ended the run, where it failed or was interrupted

    @property
    def best_accuracy(self) -> float | None:
        """The best accuracy on the validation pictures so far."""
        known = self.validation.accuracy[np.isfinite(self.validation.accuracy)]
        return float(known.max()) if known.size else None

    @property
    def epochs(self) -> int:
        """How many times all pictures are to be seen."""
        return self.start.epochs if self.start else int(self.recipe.settings.get("epochs", 0))

    @property
    def can_continue(self) -> bool:
        """Whether there is something left to do and no process does it."""
        return not self.state.live and self.state is not RunState.COMPLETED

    @property
    def needs_anew(self) -> bool:
        """Whether continuing would most likely end as before, so that a new training is the way on."""
        return self.can_continue and self.failure is not None and self.failure.code in _FOR_GOOD

    @property
    def saved_step(self) -> int | None:
        """The step from which it would go on; None where it would begin again, or cannot."""
        usable = self.failure is None or self.failure.code != Code.NO_CHECKPOINT
        return max((checkpoint.step for checkpoint in self.checkpoints), default=None) if usable else None

    def checkpoint_of(self, command: str) -> Checkpoint | None:
        """The checkpoint that answers a command."""
        return next((c for c in reversed(self.checkpoints) if c.command == command), None)

    def answer_to(self, command: str) -> Answer | None:
        return next((a for a in reversed(self.answers) if a.command == command), None)
