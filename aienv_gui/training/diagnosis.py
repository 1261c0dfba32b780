"""What the curves say, in one sentence, where something is off; silent where the evidence is thin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aienv_gui.core.wording import Text, duration, percent, shortened, tr, tr_count
from aienv_gui.training.picture_problems import names_of
from aienv_gui.training.records import TABLE, TEXTS, WRITING, Run, RunState
from aienv_gui.training.result_words import method_words

_EPOCHS_FOR_JUDGEMENT = 3
_CHANCE = 0.05  # of what guessing leaves: so little above it still counts as guessing
_LEARNT = 0.03  # of the training loss: so much less, and beyond chance, shows that it learns after all
_FEW_STEPS = 20  # of which the mean loss is taken
_RISEN = 1.15  # validation loss over its best, to call it rising
_RISEN_BY = 0.15  # ... and by how much at least: a model that grows surer loses more by the few that it has wrong
_FALLEN_BY = 0.01  # validation accuracy under its best, which counts as well where it is beyond chance ...
_FALLEN_NUMBERS_BY = 0.1  # ... and so much less of the differences explained
_GAP = 0.6  # training loss under this share of the validation loss, to call it learnt by heart
_EXPLODED = 1.5  # times the loss of the first steps ...
_EXPLODED_AT_ONCE = 3.0  # ... or so many times that before the very first
_IGNORED = 3  # test pictures of a class that is never answered, to say so
_PERFECT = 0.999  # of the validation pictures after one epoch is perhaps too good to be true ...
_PERFECT_OF = 50  # ... where there are so many of them at least
_SWINGS = 8  # epochs whose validation losses are looked at together ...
_TURNS = 0.6  # ... that turn between rising and falling in this share of them at least ...
_SWING = 0.15  # ... by this share of the loss, and by how much at least
_SWING_BY = 0.05
_FALLING = 0.9  # validation loss over that of a quarter of the epochs before, to call it still falling
_CREEPS = 6  # epochs whose training losses fall ...
_CREEPING = 0.75  # ... to no less than this share of the first ...
_STEADY = 0.5  # ... from their second third to the last as from the first to the second, or in this share of it
_CLEARLY = 0.02  # below a simple method by so much, and beyond chance
_FLAT = 0.97  # of its loss in the middle third of a training is left in the last: it falls no more
_WAITED, _WAITED_S = 0.4, 30.0  # share of its time in steps, over so many seconds of them, to call it waiting
_STILL = 5  # epochs without a better one, and a third of those so far, to advise an end


def advice(run: Run, *, waiting_told: bool = False) -> Text | None:
    """A sentence about a run that is off, with what to do; None while all is well or nothing can be said yet.

    `waiting_told`: that it waits for its data is said elsewhere, as it is at this moment.
    """
    if run.state is RunState.PAUSED and run.pause_reason == "disk_full":
        return tr("The disk is full: the training waits. Free some space, then resume; nothing is lost.")
    if run.state is RunState.PAUSED and run.pause_reason == "write_failed":
        return tr("A checkpoint could not be written: the training waits. Check the disk, then resume.")
    for rule in RULES:
        if not (waiting_told and rule is _waiting) and (sentence := rule(run)) is not None:
            return sentence
    return None


def _exploding(run: Run) -> Text | None:
    """Above what it was at first, or far above what it was before the very first step: that may have done it."""
    loss = run.training.loss
    if len(loss) < 2 * _FEW_STEPS:
        return None
    first, last = float(np.mean(loss[:_FEW_STEPS])), float(np.mean(loss[-_FEW_STEPS:]))
    before = float(loss[0])
    if math.isfinite(last) and last <= max(_EXPLODED * first, 0.1) and last <= max(_EXPLODED_AT_ONCE * before, 0.1):
        return None
    return tr(
        "The loss grows instead of falling: it was {before} before the first step and is {after} now. The learning rate"
        " is probably too high. Try one ten times smaller.",
        before=f"{before:.3g}",
        after=f"{last:.3g}",
    )


def _not_learning(run: Run) -> Text | None:
    if run.start is None or len(run.validation) < _EPOCHS_FOR_JUDGEMENT:
        return None
    guessing, best = _guessing(run), run.best_accuracy
    if guessing is None or best is None or best > guessing.beaten:
        return None
    loss = run.training.loss
    tenth = max(1, len(loss) // 10)
    first, last = loss[:tenth], loss[-tenth:]
    fall, doubt = float(np.mean(first) - np.mean(last)), 2 * math.sqrt((np.var(first) + np.var(last)) / tenth)
    if fall > max(_LEARNT * float(np.mean(first)), doubt):
        return None  # slow, but it learns
    count, share = len(run.validation), percent(max(0.0, best), digits=1)
    if run.start.numbers:
        return tr(
            "After {count} epochs the model explains {share} of the differences in the validation, no more than an "
            "answer that is always the same: it does not learn. Try another learning rate, and check that the other "
            "columns have to do with “{target}”.",
            count=count,
            share=share,
            target=shortened(run.start.target),
        )
    if run.recipe.task == WRITING:
        return tr(
            "After {count} epochs the model has {share} of the next characters right, and always the most frequent one "
            "would be right about {guess}: it does not learn. Try another learning rate.",
            count=count,
            share=share,
            guess=percent(guessing.share, digits=1),
        )
    return tr(
        "After {count} epochs the model is right about {share} in the validation, and always the most frequent class "
        "would be about {guess}: it does not learn. Try another learning rate, and check that the examples are really "
        "in their classes.",
        count=count,
        share=share,
        guess=percent(guessing.share, digits=1),
    )


@dataclass(frozen=True, slots=True)
class _Guessing:
    """What an answer reaches that is always the same, and above what a model is better than that beyond chance."""

    share: float
    beaten: float


def _guessing(run: Run) -> _Guessing | None:
    assert run.start is not None
    if run.start.numbers:
        return _Guessing(0.0, _CHANCE)
    if len(run.start.classes) > 1:
        judged = _judged(run)
        share = max(run.start.counts["validation"].values()) / judged if judged else 1 / len(run.start.classes)
        return _better_than(share, judged)
    told = run.evaluation.baselines.get("guessing") if run.evaluation is not None else None
    return None if told is None else _better_than(told, run.evaluation.examples if run.evaluation else 0)


def _better_than(share: float, judged: int) -> _Guessing:
    """Of so many judged examples, the best of several epochs is by chance about two of its deviations above."""
    return _Guessing(share, share + max(_CHANCE * (1 - share), 2 * _deviation(judged, share)))


def _judged(run: Run) -> int:
    """How many examples the validation has; 0: not told."""
    return sum(run.start.counts.get("validation", {}).values()) if run.start is not None else 0


def _deviation(judged: int, share: float) -> float:
    """How far the share of right answers lies off by chance, among so many that were judged."""
    return math.sqrt(max(0.0, share * (1 - share)) / judged) if judged else 0.0


def _overfitting(run: Run) -> Text | None:
    loss = run.validation.loss
    if len(loss) < _EPOCHS_FOR_JUDGEMENT + 2 or run.start is None:
        return None
    best = int(np.nanargmin(loss)) if np.isfinite(loss).any() else len(loss) - 1
    if len(loss) - 1 - best < _EPOCHS_FOR_JUDGEMENT or not np.all(loss[-2:] > _RISEN * loss[best]):
        return None
    accuracy = run.validation.accuracy
    fallen = float(np.nanmax(accuracy) - np.nanmax(accuracy[-2:])) if np.isfinite(accuracy[-2:]).any() else 0.0
    chance = 2 * _deviation(_judged(run), float(np.nanmax(accuracy))) if fallen else 0.0
    if run.start.numbers:
        chance = _FALLEN_NUMBERS_BY
    if float(np.min(loss[-2:])) - float(loss[best]) < _RISEN_BY and fallen < max(_FALLEN_BY, chance):
        return None
    recent = run.training.loss[np.searchsorted(run.training.step, run.validation.step[-2], side="right") :]
    if recent.size == 0 or float(np.mean(recent)) > _GAP * float(loss[-1]):
        return None
    return tr(
        "Since epoch {epoch} the model learns the training examples by heart (overfitting): the validation loss rose "
        "from {before} to {after}, while that of the training is {training}. The best state is kept as a checkpoint; "
        "more examples or fewer epochs help.",
        epoch=best + 1,
        before=f"{float(loss[best]):.3g}",
        after=f"{float(loss[-1]):.3g}",
        training=f"{float(np.mean(recent)):.3g}",
    )


def _leaking(run: Run) -> Text | None:
    """Right about (nearly) all that it never saw, from its very first epoch on."""
    accuracy, start = run.validation.accuracy, run.start
    count = _judged(run)
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
    if turns < _TURNS or swing < max(_SWING * middle, _SWING_BY) or lower:
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


def _too_plain(run: Run) -> Text | None:
    """Worse than a simple method, also on what it was trained on, and at its end (underfitting)."""
    result, loss = run.evaluation, run.training.loss
    if run.state is not RunState.COMPLETED or result is None or len(run.validation) < _EPOCHS_FOR_JUDGEMENT:
        return None
    name, reached = max(result.baselines.items(), key=lambda one: one[1], default=("", 0.0))
    chance = 2 * _deviation(result.examples or sum(result.tested), reached)
    last_epoch = np.searchsorted(run.training.step, run.validation.step[-2], side="right")
    trained = float(np.mean(run.training.accuracy[last_epoch:])) if last_epoch < len(loss) else math.nan
    if name == "guessing" or not max(trained, result.accuracy) < reached - max(_CLEARLY, chance):
        return None
    _, middle, late = (float(np.mean(third)) for third in np.array_split(loss, 3))
    if not late > _FLAT * middle or _not_learning(run) is not None:
        return None
    return tr(
        "The model is too plain for these data (underfitting): it reaches {tested} in the test and {trained} on the "
        "training examples themselves, and its loss falls no more; {method} reaches {reached} in the test. Train a "
        "larger model, or one of another kind.",
        tested=percent(result.accuracy, digits=1),
        trained=percent(max(0.0, trained), digits=1),
        method=method_words(name),
        reached=percent(reached, digits=1),
    )


def _waiting(run: Run) -> Text | None:
    waited = run.waited
    if waited is None or waited.seconds < _WAITED_S or waited.share < _WAITED:
        return None
    return tr(
        "In {share} of its time in steps ({time}) it waited until the next batch was read and prepared. A larger batch "
        "size often helps; so does a faster disk, where the examples are read from it.",
        share=percent(waited.share),
        time=duration(waited.seconds),
    )


def _classes_ignored(run: Run) -> Text | None:
    result = run.evaluation
    if result is None:
        return None
    tested, answered = result.tested, result.answered
    ignored = [
        f"{name} ({tested[index]})"
        for index, name in enumerate(result.classes)
        if not answered[index] and tested[index] >= _IGNORED
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


# The first that has something to say is heard.
RULES: tuple[Callable[[Run], Text | None], ...] = (
    *(_exploding, _not_learning, _overfitting, _leaking, _swinging, _creeping),
    *(_better_stop, _unfinished, _too_plain, _classes_ignored, _waiting),
)
