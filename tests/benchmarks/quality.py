"""`quality`: what each preset reaches on the data it is for, beside the best of the simple methods.

Each run trains every preset, with another seed: another split of the data (of a series, which is split by its time,
the same), other weights and another order of the examples. Trained on are the samples that ship, and the digits of
scikit-learn (1,797 of 8 x 8 points), as pictures and as a table. `--only` names some of them: a preset, a kind of data,
or both (``table_balanced``, ``digits``).

Of each there is the mean share of the test examples that are right (of a series: of the variance that is explained),
the worst of the runs, the mean of the best simple method on the same test examples, the median seconds from the start
of the process to its end, the most of these (as a share) that the loop stood still for checkpoints, and the share of
the reports of the time left in whose range the truth was.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from sklearn.datasets import load_digits

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.engine.protocol import Event
from aienv_gui.training import run_store, samples
from aienv_gui.training.presets import Preset, presets
from aienv_gui.training.records import PICTURES, PRETRAINED, SERIES, TABLE, TEXTS, WRITING, Recipe
from tests.benchmarks import harness
from tests.engine import engine_runs

_SAMPLES: Final = {
    samples.DIGITS: (PICTURES,),
    samples.TUMOURS: (TABLE,),
    samples.DEFINITIONS: (TEXTS, WRITING),
    samples.REVIEWS: (TEXTS,),
    samples.CARBON_DIOXIDE: (SERIES,),
}
_AS_PICTURES, _AS_TABLE = "scikit_pictures", "scikit_table"
_OF_SCIKIT: Final = {_AS_PICTURES: (PICTURES,), _AS_TABLE: (TABLE,)}


@dataclass(frozen=True)
class Pair:
    """A preset and the data that it learns from."""

    data: str
    preset: Preset

    @property
    def name(self) -> str:
        return f"{self.data}/{self.preset.id}"


def pairs(only: Sequence[str]) -> Iterator[Pair]:
    """All, or those named; without presets that begin with a model which the user must have."""
    for data, tasks in {**_SAMPLES, **_OF_SCIKIT}.items():
        for preset in presets():
            wanted = not only or {data, preset.id} & {*only}
            if preset.task in tasks and preset.architecture != PRETRAINED and wanted:
                yield Pair(data, preset)


def place_of(data: str, folders: Folders) -> Path:
    """Where it is, written there if it is not yet."""
    if data in _SAMPLES:
        return samples.unpack(data, folders, Silent())
    place = folders.data / data
    return _write_pictures(place) if data == _AS_PICTURES else _write_table(place)


def _write_pictures(folder: Path) -> Path:
    if not folder.exists():
        digits = load_digits()
        for number, (points, truth) in enumerate(zip(digits.images, digits.target, strict=True)):
            (folder / str(truth)).mkdir(parents=True, exist_ok=True)
            Image.fromarray((points * 255 / 16).round().astype("uint8")).save(folder / str(truth) / f"{number:04}.png")
    return folder


def _write_table(folder: Path) -> Path:
    path = folder / "digits.csv"
    if not path.exists():
        folder.mkdir(parents=True)
        digits = load_digits()
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow([*digits.feature_names, "digit"])
            table.writerows([*row, f"digit {truth}"] for row, truth in zip(digits.data, digits.target, strict=True))
    return path


def train(pair: Pair, seed: int, folders: Folders) -> harness.Run:
    """One training by the engine, as the window starts it."""
    preset = pair.preset
    recipe = Recipe(
        name=pair.name,
        folder=place_of(pair.data, folders),
        preset=preset.id,
        architecture=preset.architecture,
        settings={**preset.settings, "seed": seed},
        options=preset.options,
        task=preset.task,
        environment_prefix=Path(sys.prefix),
        environment_python=Path(sys.executable),
        device="cpu",
    )
    run = run_store.create(recipe, folders)
    began = time.monotonic()
    code = engine_runs.start(run).wait()
    seconds = time.monotonic() - began
    events = engine_runs.events(run)
    told = {event["event"]: event for event in events}
    if code:
        sys.exit(f"{pair.name} ended with code {code}: {told.get(Event.FAILED)}")
    judged = told[Event.EVALUATED]
    return {
        "accuracy": judged["accuracy"],
        "simple": {one["name"]: one["accuracy"] for one in judged["baselines"]},
        "seconds": seconds,
        "held_up": told[Event.FINISHED]["held_up"] / seconds,
        "foreseen": _foreseen(events),
        "bits": judged.get("bits_per_character"),
    }


def _foreseen(events: Sequence[engine_runs.Event]) -> float | None:
    """Of a finished training's reports of the time left, the share whose range held what it turned out to be.

    None where it was over before the first of them.
    """
    end = events[-1]["time"]
    reports = [event for event in events if event["event"] == Event.PROGRESS]
    right = [one["seconds_left"] <= end - one["time"] <= one["seconds_left_high"] for one in reports]
    return statistics.mean(right) if right else None


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    figures: harness.Figures = {}
    for name in runs[0]:
        found = [run[name] for run in runs]
        figures[name] = {
            "accuracy": round(statistics.mean(one["accuracy"] for one in found), 4),
            "worst": round(min(one["accuracy"] for one in found), 4),
            "simple": _mean(_best_of([one["simple"] for one in found])),
            "seconds": round(statistics.median(one["seconds"] for one in found), 1),
            "held_up": round(max(one["held_up"] for one in found), 5),
            "foreseen": _mean([one["foreseen"] for one in found]),
            "bits": _mean([one["bits"] for one in found]),
        }
    return figures


def _best_of(methods: Sequence[Mapping[str, float]]) -> list[float | None]:
    """What the best of the simple methods reached in each run; of those that were compared in all of them."""
    everywhere = set(methods[0]).intersection(*methods)
    return [max((accuracies[name] for name in everywhere), default=None) for accuracies in methods]


def _mean(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return round(statistics.mean(told), 4) if told else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench quality")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--runs", type=int, default=harness.LEAST_RUNS, help="how many seeds")
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME", help="presets or data")
    options = parser.parse_args()
    unknown = {*options.only} - {word for pair in pairs(()) for word in (pair.data, pair.preset.id)}
    if unknown:
        parser.error(f"neither data nor a preset: {', '.join(sorted(unknown))}")
    runs: list[harness.Run] = []
    with tempfile.TemporaryDirectory(prefix="aienv-bench-", ignore_cleanup_errors=True) as home:
        folders = Folders.under(Path(home))
        for seed in range(options.runs):
            runs.append({pair.name: train(pair, seed, folders) for pair in pairs(options.only)})
            told = {name: round(one["accuracy"], 4) for name, one in runs[-1].items()}
            print(f"seed {seed}: {told}", flush=True)
    harness.report("quality", figures_of(runs), runs, options.json)


if __name__ == "__main__":
    main()
