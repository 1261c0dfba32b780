"""What simple methods reach on the same examples, for honesty: scikit-learn's, where the environment has it.

Importing it and fitting take seconds in which nothing can be asked: they go on in a thread, so that a stop is heard.
"""

from __future__ import annotations

import importlib.util
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .task import Baseline

_ROWS = 10_000  # to fit on, at most: more would say little else
_AT_ONCE = 1_000  # windows whose answers are computed together: memory is not to depend on how long a series is
_RIDGE = 1e-4  # of inputs measured in their spreads
# What loading scikit-learn and fitting take, over the time in which PyTorch was loaded, which tells how fast this
# computer is now. Of tables that is without the trees, each of which takes its time for itself, for every column and
# for every cell (measured: 2 to 30 thousandths of a second for 400 rows of 30 columns to 10,000 of 100).
_TABLE_TAKES, _TEXT_TAKES = (0.2, 1.5), (0.5, 8.0)
_TREES = 100  # for a number or two classes; of more, so many for each
_TREE, _COLUMN, _CELL = 1e-3, 5e-5, 1e-8
_TREES_TAKE = (0.4, 2.5)  # over what that gives
_LOOK = 0.05  # seconds between two looks whether to give up


def comparing_texts() -> tuple[float, float]:
    """What that takes at least and at most, over the time in which PyTorch was loaded."""
    return _TEXT_TAKES if _is_there() else (0.0, 0.0)


def comparing_tables(features: Tensor, training: Tensor, classes: int) -> tuple[float, float]:
    """As `comparing_texts`, by the size of the table and by how many classes there are (of a number: 1)."""
    if not _is_there():
        return 0.0, 0.0
    rows, columns = len(_some(training)), features.shape[1]
    trees = _TREES * (classes if classes > 2 else 1)
    take = trees * (_TREE + _COLUMN * columns + _CELL * rows * columns)
    least, most = (fixed + share * take for fixed, share in zip(_TABLE_TAKES, _TREES_TAKE, strict=True))
    return least, most


def _is_there() -> bool:
    return importlib.util.find_spec("sklearn") is not None


def classifiers(
    features: Tensor, labels: Tensor, splits: dict[str, Tensor], between: Callable[[], None]
) -> list[Baseline]:
    """A linear and a gradient-boosted model: the share of test rows that each has right."""
    return _attended(lambda: _classifiers(features, labels, splits), between)


def _classifiers(features: Tensor, labels: Tensor, splits: dict[str, Tensor]) -> list[Baseline]:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        return []
    methods = {
        "linear": LogisticRegression(max_iter=300),
        "boosted": HistGradientBoostingClassifier(random_state=0),
    }
    return _scores(methods, features, labels, splits)


def text_classifier(
    texts: Sequence[str], labels: Tensor, splits: dict[str, Tensor], between: Callable[[], None]
) -> list[Baseline]:
    """A linear model of which words (and, for writing without spaces, neighbours) a text has."""
    return _attended(lambda: _text_classifier(texts, labels, splits), between)


def _text_classifier(texts: Sequence[str], labels: Tensor, splits: dict[str, Tensor]) -> list[Baseline]:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
    except ImportError:
        return []
    training = _some(splits["train"])
    words = r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+"
    method = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=words),
        LogisticRegression(max_iter=300, C=10.0),
    )
    method.fit([texts[place] for place in training.tolist()], labels[training].numpy())
    test = splits["test"]
    score = method.score([texts[place] for place in test.tolist()], labels[test].numpy())
    return [{"name": "linear", "accuracy": float(score)}]


def regressors(
    features: Tensor, truth: Tensor, splits: dict[str, Tensor], between: Callable[[], None]
) -> list[Baseline]:
    """A linear and a gradient-boosted model: the share of the test rows' variance that each explains."""
    return _attended(lambda: _regressors(features, truth, splits), between)


def _regressors(features: Tensor, truth: Tensor, splits: dict[str, Tensor]) -> list[Baseline]:
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.linear_model import Ridge
    except ImportError:
        return []
    methods = {"linear": Ridge(), "boosted": HistGradientBoostingRegressor(random_state=0)}
    return _scores(methods, features, truth, splits)


def forecasters(
    windows: Callable[[Tensor], tuple[Tensor, Tensor]],
    splits: dict[str, Tensor],
    score: Callable[[Tensor], float],
    between: Callable[[], None],
) -> list[Baseline]:
    """A linear model of all values that are looked back at, by least squares: the share of the variance it explains.

    `windows` gives (n, features) and the truth (n, horizon), both as distances from the last value; `score` judges such
    answers on the test.
    """
    return _attended(lambda: _forecasters(windows, splits, score), between)


def _forecasters(
    windows: Callable[[Tensor], tuple[Tensor, Tensor]], splits: dict[str, Tensor], score: Callable[[Tensor], float]
) -> list[Baseline]:
    inputs, truth = windows(_some(splits["train"]))
    inputs = _with_one(inputs)
    # A little of ridge, so that columns which say the same are no trouble.
    squares = inputs.T @ inputs + _RIDGE * len(inputs) * torch.eye(inputs.shape[1], dtype=inputs.dtype)
    weights = torch.linalg.solve(squares, inputs.T @ truth)
    answers = [_with_one(windows(part)[0]) @ weights for part in splits["test"].split(_AT_ONCE)]
    return [{"name": "linear", "accuracy": score(torch.cat(answers))}]


def _with_one(inputs: Tensor) -> Tensor:
    return torch.cat([inputs, torch.ones(len(inputs), 1, dtype=inputs.dtype)], dim=1)


def _attended(work: Callable[[], list[Baseline]], between: Callable[[], None]) -> list[Baseline]:
    """Do the work in a thread; what `between` raises meanwhile gives it up.

    A comparison that fails is left out: the training has done its own work, and is not to be lost for it.
    """
    done: list[Baseline] = []

    def run() -> None:
        try:
            done.extend(work())
        except Exception:
            traceback.print_exc()  # into the run's log

    thread = threading.Thread(target=run, name="baselines", daemon=True)  # given up, it ends with the process
    thread.start()
    while thread.is_alive():
        between()
        thread.join(_LOOK)
    return done


def _some(training: Tensor) -> Tensor:
    """Spread evenly over them."""
    return training[:: max(1, -(-len(training) // _ROWS))]


def _scores(methods: dict[str, Any], features: Tensor, truth: Tensor, splits: dict[str, Tensor]) -> list[Baseline]:
    training = _some(splits["train"])
    test = splits["test"]
    result: list[Baseline] = []
    for name, method in methods.items():
        method.fit(features[training].numpy(), truth[training].numpy())
        score = float(method.score(features[test].numpy(), truth[test].numpy()))
        result.append({"name": name, "accuracy": max(score, 0.0)})
    return result
