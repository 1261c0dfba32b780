"""What came out of a test, in words: how good, compared with what, and where it was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aienv_gui.core.wording import Text, percent, shortened, tr, tr_count, verbatim
from aienv_gui.training.records import Evaluation, Mistake

_LISTED = 6


def headline(accuracy: float, *, numbers: bool) -> Text:
    """The result in one figure."""
    share = percent(accuracy, digits=1)
    return tr("{percent} explained", percent=share) if numbers else tr("{percent} right", percent=share)


def meaning(result: Evaluation, target: str) -> Text:
    """What the figure is a share of."""
    if result.mean_error is not None and result.horizon:
        words = _explained_ahead(result, target)
        if not result.reach_share:
            return words
        return tr(
            "{result}; {within} of the values lay within the range around their forecasts, which is made for {share}",
            result=words,
            within=percent(result.within_reach),
            share=percent(result.reach_share),
        )
    if result.mean_error is not None:
        return tr_count(
            "of the differences of “{target}” in one test row, which the training never saw; on average the answer is "
            "off by {error}",
            "of the differences of “{target}” between {count} test rows, which the training never saw; on average the "
            "answer is off by {error}",
            result.examples,
            target=shortened(target),
            error=f"{result.mean_error:.4g}",
        )
    if result.perplexity is not None:
        among = f"{result.perplexity:.1f}"
        bits = f"{result.bits_per_character or 0.0:.2f}"
        if result.characters:
            return tr_count(
                "of the next word pieces in one that the training never saw; {bits} bits per character",
                "of {count:,} word pieces that it had never seen, each from those before it; on average it wavers "
                "between {perplexity} pieces (perplexity): {bits} bits per character, the fewer the better",
                result.examples,
                perplexity=among,
                bits=bits,
            )
        return tr_count(
            "of the next characters in one that the training never saw; {bits} bits per character",
            "of {count:,} characters that it had never seen, each from those before it; on average it wavers between "
            "{perplexity} characters (perplexity): {bits} bits per character, the fewer the better",
            result.examples,
            perplexity=among,
            bits=bits,
        )
    total = sum(map(sum, result.confusion))
    right = sum(row[index] for index, row in enumerate(result.confusion))
    return tr_count(
        "{right} of one test example, which the training never saw",
        "{right} of {count} test examples, which the training never saw",
        total,
        right=right,
    )


def _explained_ahead(result: Evaluation, target: str) -> Text:
    return tr_count(
        "of the ups and downs of “{target}” in the newest part, which the training never saw: one row ahead; on "
        "average the forecast is off by {error}",
        "of the ups and downs of “{target}” in the newest part, which the training never saw: up to {count} rows "
        "ahead; on average the forecast is off by {error}",
        result.horizon,
        target=shortened(target),
        error=f"{result.mean_error or 0.0:.4g}",
    )


def compared(baselines: Mapping[str, float]) -> Text | None:
    """What simple methods reach on the same examples; None where none was tried."""
    parts = [
        tr("{method} {share}", method=words, share=percent(baselines[name], digits=1))
        for name, words in _METHODS.items()
        if name in baselines
    ]
    if not parts:
        return None
    names = {f"part{index}": part for index, part in enumerate(parts)}
    return tr("For comparison: {methods}", methods=Text(", ".join(f"{{{name}}}" for name in names), names))


def method_words(name: str) -> Text:
    """A simple method, within a sentence."""
    return _METHODS.get(name, verbatim(name))


def mistakes_in_rows(mistakes: Sequence[Mistake]) -> Text:
    """The worst answers on rows or texts, a line each."""
    named = {f"line{index}": _mistake(mistake) for index, mistake in enumerate(mistakes[:_LISTED])}
    return Text("\n".join(f"{{{name}}}" for name in named), named)


def _mistake(mistake: Mistake) -> Text:
    truth, answer = shortened(mistake.truth), shortened(mistake.answer)
    line = _place(mistake.path)
    if mistake.probability is None:
        return tr("{place}: {truth}, and the answer was {answer}", place=line, truth=truth, answer=answer)
    return tr(
        "{place}: “{truth}” was taken for “{answer}” ({sure} sure)",
        place=line,
        truth=truth,
        answer=answer,
        sure=percent(mistake.probability),
    )


def _place(path: str) -> Text:
    """Where an example stands: a line of a table, or a file."""
    line = path.rpartition(":")[2]
    return tr("Line {line}", line=line) if line.isdecimal() else verbatim(path)


_METHODS = {
    "guessing": tr("always the most frequent answer"),
    "pairs": tr("what most often follows the last character"),
    "piece_pairs": tr("what most often follows the last piece"),
    "last": tr("the last value again"),
    "season": tr("the same as one season ago"),
    "linear": tr("a linear model"),
    "boosted": tr("gradient boosting"),
}
