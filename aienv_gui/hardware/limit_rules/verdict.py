"""What a rule is told and what it answers: the trainings that run, and a verdict with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.hardware.readings import Gpu, Maker

T = TypeVar("T")

_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Work:
    """A training that runs now, as its own record tells."""

    name: str
    device: str  # "cpu", "cuda:0", "cuda:GPU-<uuid>", "mps"; "" or "auto": not known yet
    paused: bool = False
    phase: str = ""  # loading, training, validating, testing, saving
    waiting_share: float | None = None  # of its time, for the next batch: 0 to 1, over the last half minute
    pid: int | None = None
    waiting_before: float | None = None  # the most that `waiting_share` was within the half minute before
    device_chosen: bool = False  # the user asked for this device by name
    run: str = ""  # tells it from others of the same name

    @property
    def key(self) -> str:
        return self.run or self.name


def can_be_read(gpu: Gpu) -> bool:
    """Whether a card tells how it is used."""
    return gpu.usable and not gpu.asleep


def card_of(work: Work, gpus: Sequence[Gpu]) -> Gpu | None:
    """The card of all `gpus` that a training runs on.

    By its process; else by what its device is called; None where neither tells, or the card does not answer.
    """
    if work.device in ("", "auto", "cpu"):
        return None
    seen = [gpu for gpu in gpus if can_be_read(gpu)]
    for gpu in seen:
        if work.pid is not None and any(process.pid == work.pid for process in gpu.processes):
            return gpu
    kind, _, name = work.device.partition(":")
    makers = (Maker.APPLE,) if kind == "mps" else (Maker.NVIDIA, Maker.AMD)  # PyTorch calls AMD's cuda as well
    cards = [gpu for gpu in gpus if gpu.maker in makers]
    if name and not name.isdecimal():
        return next((gpu for gpu in seen if gpu.uuid == name), None)
    number = int(name or 0)
    found = cards[number] if number < len(cards) and len({gpu.maker for gpu in cards}) == 1 else None
    return next((gpu for gpu in seen if gpu is found), None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something that limits the machine now, what to try, and the readings that show it. `key` is a stable name.

    "good" says that nothing is to be done. `concerns` holds the keys of the trainings that it is about, `cards` the
    UUIDs of the cards.
    """

    key: str
    level: Literal["good", "warn", "bad"]
    what: Text
    cure: Text
    evidence: tuple[Text, ...] = ()
    concerns: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()


def which(some: Sequence[Gpu], gpus: Sequence[Gpu]) -> Text:
    """Some of the cards: without a number where there is only one, by name where makers count them apart."""
    if len(gpus) == 1:
        return tr("GPU")
    if len(some) == len(gpus) > 2:
        return tr("All {count} GPUs", count=len(gpus))
    if len({gpu.maker for gpu in gpus}) > 1:
        return verbatim(", ".join(gpu.name or gpu.bus or gpu.uuid for gpu in some))
    return tr("GPU {index}", index=", ".join(str(gpu.index) for gpu in some))


def of_card(fact: Text, gpu: Gpu, gpus: Sequence[Gpu]) -> Text:
    """A fact about one card, which is named where there are others."""
    return fact if len(gpus) == 1 else tr("{gpu}: {fact}", gpu=which([gpu], gpus), fact=fact)


def first_few(cards: Sequence[T]) -> Sequence[T]:
    """Those whose numbers are shown: a list of sixteen would be read by nobody."""
    return cards[:_SHOWN]


def keys(work: Iterable[Work]) -> tuple[str, ...]:
    return tuple(one.key for one in work)
