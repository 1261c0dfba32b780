"""What the curves say, in one sentence, where something is off; silent where the evidence is thin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aienv_gui.core.wording import Text, percent, shortened, tr, tr_count
from aienv_gui.training.picture_problems import names_of
from aienv_gui.training.records import TABLE, TEXTS, Run, RunState

_EPOCHS_FOR_JUDGEMENT = 3
_CHANCE = 1.5  # times as good as guessing still counts as guessing
_RISEN = 1.15  # validation loss over its best, to call it rising
_RISEN_BY = 0.05  # ... and by how much at least: from 0.002 to 0.003 is nothing
_FALLEN_BY = 0.01  # validation accuracy under its best, which counts as well
_GAP = 0.6  # training loss under this share of the validation loss, to call it learnt by heart
_EXPLODED = 1.5
_IGNORED = 3  # test pictures of a class that is never answered, to say so
_PERFECT = 0.999  # of the validation pictures after one epoch is perhaps too good to be true ...
_PERFECT_OF = 50  # ... where there are so many of them at least
_SWINGS = 8  # epochs whose validation losses are looked at together ...
_TURNS = 0.6  # ... that turn between rising and falling in this share of them at least ...
_SWING = 0.15  # ... by this share of the loss
_FALLING = 0.9  # validation loss over that of a quarter of the epochs before, to call it still falling
_CREEPS = 6  # epochs whose training losses fall ...
_CREEPING = 0.75  # ... to no less than this share of the first ...
_STEADY = 0.5  # ... from their second third to the last as from the first to the second, or in this share of it
_STILL = 5  # epochs without a better one, and a third of those so far, to advise an end


def advice(run: Run) -> Text | None:
    """A sentence about a run that is off, with what to do; None while all is well or nothing can be said yet."""
    if run.state is RunState.PAUSED and run.pause_reason == "disk_full":
        return tr("The disk is full: the training waits. Free some space, then resume; nothing is lost.")
    if run.state is RunState.PAUSED and run.pause_reason == "write_failed":
        return tr("A checkpoint could not be written: the training waits. Check the disk, then resume.")
    return (
        _exploding(run)
        or _not_learning(run)
        or _overfitting(run)
        or _leaking(run)
        or _swinging(run)
        or _creeping(run)
        or _better_stop(run)
        or _unfinished(run)
        or _classes_ignored(run)
    )


def _exploding(run: Run) -> Text | None:
    loss = run.training.loss
    if len(loss) < 40:
        return None
    first, last = float(np.mean(loss[:20])), float(np.mean(loss[-20:]))
    if math.isfinite(last) and last <= max(first, 0.1) * _EXPLODED:
        return None
    return tr("The loss grows instead of falling: the learning rate is probably too high. Try one ten times smaller.")


def _not_learning(run: Run) -> Text | None:
    if run.start is None or len(run.validation) < _EPOCHS_FOR_JUDGEMENT or len(run.start.classes) < 2:
        return None
    best = run.best_accuracy
    guessing = 1 / len(run.start.classes)
    if best is None or best > min(guessing * _CHANCE, (1 + guessing) / 2):
        return None
    loss = run.training.loss
    tenth = max(1, len(loss) // 10)
    if float(np.mean(loss[-tenth:])) < 0.97 * float(np.mean(loss[:tenth])):
        return None  # slow, but it learns
    return tr(
        "After {count} epochs the model is no better than guessing: it does not learn. Try another learning rate or the"
        " preset “Balanced”, and check that the examples are really in their classes.",
        count=len(run.validation),
    )


def _overfitting(run: Run) -> Text | None:
    loss = run.validation.loss
    if len(loss) < _EPOCHS_FOR_JUDGEMENT + 2 or run.start is None:
        return None
    best = int(np.nanargmin(loss)) if np.isfinite(loss).any() else len(loss) - 1
    if len(loss) - 1 - best < _EPOCHS_FOR_JUDGEMENT or not np.all(loss[-2:] > _RISEN * loss[best]):
        return None
    accuracy = run.validation.accuracy
    fallen = float(np.nanmax(accuracy) - np.nanmax(accuracy[-2:])) if np.isfinite(accuracy[-2:]).any() else 0.0
    if float(np.min(loss[-2:])) - float(loss[best]) < _RISEN_BY and fallen < _FALLEN_BY:
        return None
    recent = run.training.loss[run.training.step > run.validation.step[-2]]
    if recent.size == 0 or float(np.mean(recent)) > _GAP * float(loss[-1]):
        return None
    return tr(
        "Since epoch {epoch} the model learns the training examples by heart (overfitting): the validation loss rises. "
        "The best state is kept as a checkpoint; more examples or fewer epochs help.",
        epoch=best + 1,
    )


def _leaking(run: Run) -> Text | None:
    """Right about (nearly) all that it never saw, from its very first epoch on."""
    accuracy, start = run.validation.accuracy, run.start
    count = sum(start.counts.get("validation", {}).values()) if start is not None else 0
    if start is None or not start.classes or len(accuracy) < 1:
        return None
    if count < _PERFECT_OF or not float(accuracy[0]) >= _PERFECT:
        return None
    if run.recipe.task == TEXTS:
        return tr(
            "After its first epoch the model was right about {share} of {count} texts that it had never seen. Where "
            "that is too good to be true, look for words that give their class away, such as its own name.",
            share=percent(float(accuracy[0]), digits=1),
            count=count,
        )
    if run.recipe.task == TABLE:
        return tr(
            "After its first epoch the model was right about {share} of {count} rows that it had never seen. Where "
            "that is too good to be true, look for a column that follows from “{target}”, and leave it out.",
            share=percent(float(accuracy[0]), digits=1),
            count=count,
            target=shortened(start.target),
        )
    return tr(
        "After its first epoch the model was right about {share} of {count} pictures that it had never seen. Where "
        "that is too good to be true, look for what gives their class away, and take it out: copies of a picture, a "
        "mark or a border that only one class has.",
        share=percent(float(accuracy[0]), digits=1),
        count=count,
    )


def _better_stop(run: Run) -> Text | None:
    """Only at a constant learning rate: a one-cycle training gets better at its very end."""
    loss, accuracy = run.validation.loss, run.validation.accuracy
    if not run.state.live or run.recipe.settings.get("schedule") != "constant":
        return None
    known = np.flatnonzero(np.isfinite(loss) & np.isfinite(accuracy))
    if not known.size:
        return None
    kept = max(known, key=lambda epoch: (accuracy[epoch], -loss[epoch]))  # the engine keeps the best by this order
    still = len(loss) - 1 - max(int(np.nanargmin(loss)), int(kept))
    if still < max(_STILL, len(loss) / 3):
        return None
    return tr_count(
        "For one epoch it has got no better; the best was epoch {epoch}. You can stop: that state is the result. "
        "A new training with a smaller learning rate may come further.",
        "For {count} epochs it has got no better; the best was epoch {epoch}. You can stop: that state is the result. "
        "A new training with a smaller learning rate may come further.",
        still,
        epoch=int(kept) + 1,
    )


def _swinging(run: Run) -> Text | None:
    """Up and down with every epoch, and lower on the whole no more: each step goes too far."""
    loss = run.validation.loss[-_SWINGS:]
    if len(loss) < _SWINGS or not np.isfinite(loss).all() or run.recipe.settings.get("schedule") != "constant":
        return None
    steps = np.diff(loss)
    turns = float(np.mean(steps[1:] * steps[:-1] < 0))
    swing, middle = float(np.median(np.abs(steps))), float(np.median(loss))
    lower = float(np.mean(loss[_SWINGS // 2 :])) < _FALLING * float(np.mean(loss[: _SWINGS // 2]))
    if turns < _TURNS or swing < max(_SWING * middle, _RISEN_BY) or lower:
        return None
    return tr(
        "The validation loss swings by {swing} from one epoch to the next, around {middle}, and falls no more: the "
        "learning rate is probably too high. Try one three times smaller.",
        swing=f"{swing:.2g}",
        middle=f"{middle:.2g}",
    )


def _creeping(run: Run) -> Text | None:
    """Lower and lower, by little, and hardly slower than at first: steps could be longer."""
    if run.recipe.settings.get("schedule") != "constant":
        return None
    loss = _by_epoch(run)
    if len(loss) < _CREEPS or not np.isfinite(loss).all():
        return None
    first, middle, last = (float(np.mean(third)) for third in np.array_split(loss, 3))
    steady = middle - last >= _STEADY * (first - middle) > 0
    if not steady or not _CREEPING * loss[0] < loss[-1] < 0.99 * loss[0]:
        return None
    return tr(
        "The loss falls steadily, but slowly: in {count} epochs from {before} to {after}. The learning rate is "
        "probably too low. Try one three to ten times larger.",
        count=len(loss),
        before=f"{float(loss[0]):.3g}",
        after=f"{float(loss[-1]):.3g}",
    )


def _by_epoch(run: Run) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The mean training loss of each epoch that was judged."""
    ends = np.searchsorted(run.training.step, run.validation.step, side="right")
    starts = np.concatenate([[0], ends[:-1]])
    if not len(ends) or (starts >= ends).any():
        return np.empty(0)
    means: np.ndarray[tuple[int], np.dtype[np.float64]] = np.add.reduceat(run.training.loss[: ends[-1]], starts) / (
        ends - starts
    )
    return means


def _unfinished(run: Run) -> Text | None:
    """Ended while it still got better (underfitting). Only at a constant rate: one-cycle is made to end so."""
    loss = run.validation.loss
    last = max(2, len(loss) // 4)
    if run.state is not RunState.COMPLETED or run.recipe.settings.get("schedule") != "constant" or len(loss) <= last:
        return None
    before, after = float(loss[-last - 1]), float(loss[-1])
    if not after < _FALLING * before or after > float(np.nanmin(loss)):
        return None
    return tr(
        "It was still getting better when it ended (underfitting): in the last {count} epochs the validation loss fell "
        "from {before} to {after}. Train it for more epochs, or with a larger learning rate.",
        count=last,
        before=f"{before:.2g}",
        after=f"{after:.2g}",
    )


def _classes_ignored(run: Run) -> Text | None:
    result = run.evaluation
    if result is None:
        return None
    ignored = [
        f"{name} ({sum(row)})"
        for index, (name, row) in enumerate(zip(result.classes, result.confusion, strict=True))
        if not _is_answered(result.confusion, index) and sum(row) >= _IGNORED
    ]
    if not ignored:
        return None
    return tr_count(
        "In the test the model never answers with one of the classes (in brackets: its test examples): {names}. Give "
        "that class more examples, or train longer.",
        "In the test the model never answers with {count} of the classes (in brackets: their test examples): {names}. "
        "Give these classes more examples, or train longer.",
        len(ignored),
        names=names_of(ignored, len(ignored)),
    )


def _is_answered(confusion: Sequence[Sequence[int]], index: int) -> bool:
    """Looks at the right answers first: with a thousand classes the whole table has a million cells."""
    return confusion[index][index] > 0 or any(row[index] for row in confusion)
