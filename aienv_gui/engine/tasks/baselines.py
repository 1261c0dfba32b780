"""What simple methods reach on the same rows, for honesty: scikit-learn's, where the environment has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from .task import Baseline

_ROWS = 10_000  # to fit on, at most: beyond, a method would keep a stop waiting


def classifiers(
    features: Tensor, labels: Tensor, splits: dict[str, Tensor], between: Callable[[], None]
) -> list[Baseline]:
    """A linear and a gradient-boosted model: the share of test rows that each has right."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        return []
    methods = {
        "linear": LogisticRegression(max_iter=300),
        "boosted": HistGradientBoostingClassifier(random_state=0),
    }
    return _scores(methods, features, labels, splits, between)


def regressors(
    features: Tensor, truth: Tensor, splits: dict[str, Tensor], between: Callable[[], None]
) -> list[Baseline]:
    """A linear and a gradient-boosted model: the share of the test rows' variance that each explains."""
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.linear_model import Ridge
    except ImportError:
        return []
    methods = {"linear": Ridge(), "boosted": HistGradientBoostingRegressor(random_state=0)}
    return _scores(methods, features, truth, splits, between)


def _scores(
    methods: dict[str, Any], features: Tensor, truth: Tensor, splits: dict[str, Tensor], between: Callable[[], None]
) -> list[Baseline]:
    training = splits["train"]
    training = training[:: max(1, -(-len(training) // _ROWS))]
    test = splits["test"]
    result: list[Baseline] = []
    for name, method in methods.items():
        between()
        method.fit(features[training].numpy(), truth[training].numpy())
        score = float(method.score(features[test].numpy(), truth[test].numpy()))
        result.append({"name": name, "accuracy": max(score, 0.0)})
    return result
