"""What a kind of work is to the engine. A new kind is two modules here, and one line in each of the two tables below.

- Its *reader* looks at data and needs no PyTorch: `Reader`.
- Its *learner* turns the data into batches, loss and judgement: a module like `Learner`, whose `load` gives a `Task`.

The loop knows of the data only what `Task` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from ..recipe import Recipe, Settings

SPLITS = ("train", "validation", "test")
Progress = Callable[[int, int], None]
Batch = tuple["Tensor", "Tensor"]
Baseline = dict[str, Any]  # name: guessing | last | season | linear | boosted ...; accuracy

LOOK_AT_PRETRAINED = "pretrained"  # no work of its own: a look at what some work begins with
_READERS = {
    "image_classification": "pictures",
    "tabular": "tables",
    "text_classification": "texts",
    "language_model": "running_text",
    "forecasting": "series",
    LOOK_AT_PRETRAINED: "pretrained_folder",
}
_LEARNERS = {
    "image_classification": "image_classification",
    "tabular": "tabular",
    "text_classification": "text_classification",
    "language_model": "language_model",
    "forecasting": "forecasting",
}
PRETRAINED = "hugging_face"  # the architecture that starts from a folder of a model that others have trained
_PRETRAINED_LEARNERS = {"text_classification": "fine_tuning"}
DEFAULT = "image_classification"  # of errands that name none


@dataclass(frozen=True)
class Result:
    """What a network makes of one split. `more` is what the kind of work tells beside the two numbers.

    `accuracy` is the task's score: the share that is right, or of numbers the share of their variance explained.
    """

    split: str
    loss: float
    accuracy: float
    more: dict[str, Any] = field(default_factory=dict)

    def beside(self, **more: Any) -> Result:
        return replace(self, more={**self.more, **more})

    def as_dict(self) -> dict[str, Any]:
        return {"split": self.split, "loss": self.loss, "accuracy": self.accuracy, **self.more}


class Task(Protocol):
    """The data of a run, and what learning from them means. Examples are known by their numbers, from 0."""

    @property
    def splits(self) -> dict[str, Tensor]:
        """Train, validation and test: the numbers of their examples."""

    @property
    def fingerprint(self) -> str:
        """Tells whether the data are the same."""

    @property
    def remarks(self) -> list[dict[str, Any]]:
        """What is odd about the data: codes and values."""

    def described(self) -> dict[str, Any]:
        """What the start of a run tells of the data."""

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        """A fresh network for these data. Raises ValueError, KeyError or TypeError for what cannot be built."""

    def batch(self, chosen: Tensor, settings: Settings, seed: int) -> Batch:
        """The examples `chosen` in memory, varied as the settings ask, and their truth. `seed` decides all chance."""

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, float]:
        """The mean loss of a batch on the network's device, to learn from; and its score, from which none is learnt."""

    def judge(
        self, network: nn.Module, split: str, device: torch.device, size: int, between: Callable[[], None]
    ) -> Result:
        """Judge by a split, in batches of `size`; `between` is called before each and may raise to give up."""

    def baselines(self, between: Callable[[], None]) -> list[Baseline]:
        """What guessing and simple methods reach on the test split; `between` as above."""

    def names(self, chosen: Tensor) -> tuple[str, ...]:
        """What the user calls these examples."""

    def is_good(self, accuracy: float, loss: float) -> bool:
        """Whether a state that was judged so is worth to go back to."""

    def card(self, network: nn.Module) -> dict[str, Any]:
        """Of the card of the finished `network` what tells how data become its input, and its output answers."""


@runtime_checkable
class WithFiles(Protocol):
    """A task whose finished models need more than weights, card and source."""

    def files(self, network: nn.Module) -> dict[str, bytes]:
        """The names of these files, and what is in them."""


@runtime_checkable
class Compared(Protocol):
    """A `Task` whose baselines take their time."""

    @property
    def comparing(self) -> tuple[float, float]:
        """How long they take, at least and at most, over the time in which PyTorch was loaded."""


@runtime_checkable
class Staged(Protocol):
    """A `Task` in which not every epoch goes the same way."""

    def begin_epoch(self, network: nn.Module, epoch: int, settings: Settings) -> None:
        """Prepare the network for an epoch, from 0; by nothing else than the epoch, so that a run goes on exactly."""


def begin_epoch(data: Task, network: nn.Module, epoch: int, settings: Settings) -> None:
    """Have the network ready to learn in an epoch, from 0: as always, or as its task wants it."""
    network.train()
    if isinstance(data, Staged):
        data.begin_epoch(network, epoch, settings)


class Learner(Protocol):
    """A module that learns one kind of work."""

    @property
    def networks(self) -> ModuleType:
        """The family of its networks, with ``of_card(card)``: the module whose copy lies beside each model."""

    def load(self, recipe: Recipe, progress: Progress) -> tuple[Task, dict[str, Any]]:
        """Read the data of `recipe`; returns them and the network's options, every "auto" decided.

        Raises `Failure` for data that cannot be trained on.
        """

    def predict(
        self, network: nn.Module, card: dict[str, Any], request: dict[str, Any], progress: Progress
    ) -> list[dict[str, Any]]:
        """What a finished model answers, one result for each thing asked about; `card` has its ``folder`` too."""


class Reader(Protocol):
    """A module that looks at one kind of data."""

    def inspect(self, request: dict[str, Any], options: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """The answer to an ``inspect`` errand; `options` are those of the model asked about."""


def learner(task: str, architecture: str = "") -> Learner:
    """What learns it with this architecture, some by a library of their own. Raises ValueError for no such task."""
    if architecture == PRETRAINED and task in _PRETRAINED_LEARNERS:
        return cast("Learner", _module(_PRETRAINED_LEARNERS, task))
    return cast("Learner", _module(_LEARNERS, task))


def reader(task: str) -> Reader:
    """Raises ValueError for a task that is not known."""
    return cast("Reader", _module(_READERS, task))


def _module(modules: dict[str, str], task: str) -> ModuleType:
    if task not in modules:
        raise ValueError(f"task {task!r} is not known")
    return import_module(f".{modules[task]}", __package__)
