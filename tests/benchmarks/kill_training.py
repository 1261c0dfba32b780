"""`kill-training`: trainings killed at random moments and continued, beside the same training that was never stopped.

Each round starts a short training in the engine's own process, which saves every tenth of a second, and kills it
(SIGKILL) one to four times: while it starts, loads, trains, judges, writes a checkpoint, tests or writes the model. In
some rounds the newest checkpoint is damaged as well, where one before it is whole. Then it is continued to its end.

`lost` counts the rounds that went on from before the newest checkpoint that the engine had announced and nobody had
damaged, or that could not be continued. `exact` counts those whose losses of every step, validations, test, weights
after the last step and finished model are, bit for bit, those of the training that was never stopped. The seed repeats
what is chosen; how far the engine has got by then is up to the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Event
from tests.benchmarks import harness
from tests.engine import engine_runs
from tests.fakes.pictures import write_pictures
from tests.fakes.series import tides
from tests.fakes.tables import rows, write_table
from tests.fakes.texts import sentences, write_folder

Tensors = Mapping[str, tuple[str, bytes]]

_LOOK_S: Final = 0.001
_PATIENCE_S: Final = 120.0  # after which an attempt hangs
_MOST_KILLS: Final = 4
_DAMAGED_SHARE: Final = 0.35  # of the kills after which a checkpoint is damaged as well
_COMPLETE: Final = 4  # the engine's exit code where nothing is left to be done


@dataclass(frozen=True)
class Task:
    """A kind of data: how its examples are written into a folder, and what its recipe has of its own."""

    write: Callable[[Path], Path]
    recipe: Mapping[str, Any]


def _write_rows(folder: Path) -> Path:
    return write_table(folder / "fruit.csv", rows(240))


def _write_texts(folder: Path) -> Path:
    return write_folder(folder, sentences(240))


def _write_book(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "weather.txt"
    path.write_text("\n".join(text for text, _ in sentences(300)), encoding="utf-8")
    return path


def _write_series(folder: Path) -> Path:
    return write_table(folder / "tides.csv", tides(240))


def _recipe(task: str, architecture: str, epochs: int, **options: Any) -> dict[str, Any]:
    settings = {"epochs": epochs, "batch_size": 8, "shift": 0, "hide": 0.1 if task == "text_classification" else 0.0}
    return {"task": task, "model": {"architecture": architecture, "options": options}, "settings": settings}


# Each a second or two: some hundred steps.
TASKS: Final[Mapping[str, Task]] = {
    "pictures": Task(write_pictures, {"settings": {"epochs": 40}}),
    "tables": Task(_write_rows, _recipe("tabular", "dense", 25, widths=[16], dropout=0.1)),
    "texts": Task(_write_texts, _recipe("text_classification", "recurrent", 15, width=8, hidden=8)),
    "writing": Task(_write_book, _recipe("language_model", "gpt", 6, context=16, width=16, heads=2, layers=1)),
    "pieces": Task(
        _write_book,
        _recipe("language_model", "gpt", 12, tokens="bpe", vocabulary=300, context=16, width=16, heads=2, layers=1),
    ),
    "series": Task(_write_series, _recipe("forecasting", "series_recurrent", 8, hidden=8, dropout=0.1)),
}


class Attempt:
    """The engine at work on a run, seen from outside."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.phase = ""
        self.step = 0
        self.started: int | None = None  # the step that it goes on from, once it has said so
        self._reader = protocol.EventReader(run)
        for _ in self._reader.read():
            pass  # told by earlier attempts
        self.process = engine_runs.start(run)

    def until(self, reached: Callable[[Attempt], bool]) -> bool:
        """Wait for a moment; returns whether it came before the engine had ended by itself."""
        deadline = time.monotonic() + _PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read()
            if reached(self):
                return True
            time.sleep(_LOOK_S)
        return False

    def kill(self) -> int:
        """Returns the exit code: negative where the engine had not ended by itself."""
        self.process.kill()
        code = self.process.wait()
        self._read()
        return code

    def finish(self) -> int:
        """Let it work to its end; returns the exit code (negative: it hung and was killed)."""
        try:
            self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            print(f"{self.run.name} hangs", file=sys.stderr)
        return self.kill()

    @property
    def is_writing(self) -> bool:
        """Whether a checkpoint is half written, aside."""
        return any((self.run / protocol.CHECKPOINTS).glob("*.tmp"))

    def _read(self) -> None:
        for event in self._reader.read():
            if event["event"] == Event.PHASE:
                self.phase = event["name"]
            elif event["event"] == Event.STARTED:
                self.started = event["step"]
            elif event["event"] == Event.METRICS:
                self.step = event["columns"]["step"][-1]


def _trains(attempt: Attempt) -> bool:
    return attempt.phase == "training"


def _judges(attempt: Attempt) -> bool:
    return attempt.phase == "validating"


def _writes(attempt: Attempt) -> bool:
    return attempt.is_writing


def _at_once(attempt: Attempt) -> bool:
    return True


def _loads(attempt: Attempt) -> bool:
    return attempt.phase == "loading"


def _tests(attempt: Attempt) -> bool:
    return attempt.phase == "testing"


def _writes_the_model(attempt: Attempt) -> bool:
    return attempt.phase == "saving"


@dataclass(frozen=True)
class Moment:
    """When to kill: some time after it is `reached`, up to `share` of what it usually lasts."""

    reached: Callable[[Attempt], bool]
    weight: int  # how often it is chosen
    midway: bool = False  # there are many on the way
    share: float = 1.0


_MOMENTS: Final[Mapping[str, Moment]] = {
    "starting": Moment(_at_once, 1),
    "loading": Moment(_loads, 1),
    "training": Moment(_trains, 3, midway=True),
    "validating": Moment(_judges, 2, midway=True),
    # Most of the time goes by before and after the file is written, and it is seen only then.
    "checkpoint": Moment(_writes, 4, midway=True, share=0.1),
    "testing": Moment(_tests, 1),
    "saving": Moment(_writes_the_model, 1),
}


@dataclass(frozen=True)
class Outcome:
    """All that must be the same bit for bit."""

    losses: Mapping[int, tuple[float, float]]
    validations: Mapping[int, tuple[float, float]]
    test: Mapping[str, Any]
    last: Tensors  # after the last step
    model: Tensors  # after the best epoch

    def differing(self, other: Outcome) -> list[str]:
        return [name for name in vars(self) if getattr(self, name) != getattr(other, name)]


def outcome_of(run: Path) -> Outcome:
    """Of a run that is complete. Raises many kinds of errors (see `_differing`) where something of it is missing."""
    judged = engine_runs.events(run, Event.VALIDATION)
    newest = _index(run)[-1]["file"]
    state = torch.load(run / protocol.CHECKPOINTS / newest, weights_only=True)
    return Outcome(
        losses=engine_runs.curve(run),
        validations={event["step"]: (event["loss"], event["accuracy"]) for event in judged},
        test={**engine_runs.events(run, Event.EVALUATED)[-1], "time": None},
        last=_bits(state["network"]),
        model=_bits(load_file(run / protocol.MODEL / protocol.WEIGHTS)),
    )


def _bits(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    return {
        name: (f"{tensor.dtype} {tuple(tensor.shape)}", tensor.numpy().tobytes()) for name, tensor in tensors.items()
    }


def _index(run: Path) -> list[dict[str, Any]]:
    """The checkpoints as the engine's index has them, oldest first."""
    path = run / protocol.CHECKPOINTS / protocol.INDEX
    found: list[dict[str, Any]] = protocol.read_json(path)["checkpoints"] if path.exists() else []
    return found


def _is_whole(path: Path, entry: Mapping[str, Any]) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]


@dataclass
class Round:
    """A run that is killed, and what is seen of it."""

    run: Path
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    cut_short: int = 0  # checkpoints that were half written when the kill came
    faults: list[str] = field(default_factory=list)
    damaged: dict[str, int] = field(default_factory=dict)  # a file's name -> how many were announced until then
    damages: int = 0

    def kill(self, usual: Mapping[str, float], total: int) -> bool:
        """One attempt and its end; returns whether there is something to go on with."""
        owed = self.owed()
        names = [name for name, moment in _MOMENTS.items() if owed < total or not moment.midway]
        (name,) = self.chance.choices(names, [_MOMENTS[name].weight for name in names])
        moment = _MOMENTS[name]
        # Not always the first such moment, but one in the half of the way that comes next.
        goal = self.chance.randint(owed, (owed + total) // 2) if moment.midway else 0
        wait = self.chance.uniform(0, usual[name] * moment.share)
        attempt = Attempt(self.run)
        if attempt.until(lambda seen: seen.step >= goal) and attempt.until(moment.reached):
            time.sleep(wait)
        elif attempt.process.poll() is None:
            self.faults.append(f"did not come to {name} in {_PATIENCE_S:.0f} s")
        code = attempt.kill()
        self._judge(attempt, code, owed)
        if code >= 0:
            return False
        self.kills[name] += 1
        self.cut_short += attempt.is_writing
        if self._is_complete():  # killed after its last word: nothing is gone on with
            return False
        if self.chance.random() < _DAMAGED_SHARE:
            self._damage()
        return True

    def finish(self) -> None:
        owed = self.owed()
        attempt = Attempt(self.run)
        self._judge(attempt, attempt.finish(), owed, to_the_end=True)

    def owed(self) -> int:
        """The step from which it must go on at least: that of the newest announced checkpoint left undamaged."""
        announced = enumerate(engine_runs.events(self.run, Event.CHECKPOINT))
        steps = (event["step"] for number, event in announced if number >= self.damaged.get(event["file"], 0))
        return max(steps, default=0)

    def _is_complete(self) -> bool:
        return any(event["outcome"] == "completed" for event in engine_runs.events(self.run, Event.FINISHED))

    def _judge(self, attempt: Attempt, code: int, owed: int, *, to_the_end: bool = False) -> None:
        if attempt.started is not None and attempt.started < owed:
            self.faults.append(f"went on from step {attempt.started}, not from {owed}")
        if code not in (0, _COMPLETE) and (code > 0 or to_the_end):
            self.faults.append(f"ended with code {code}: {engine_runs.events(self.run)[-1:]}")

    def _damage(self) -> None:
        """Cut the newest whole checkpoint short or alter some bits, where one before it is whole too."""
        folder = self.run / protocol.CHECKPOINTS
        whole = [folder / entry["file"] for entry in _index(self.run) if _is_whole(folder / entry["file"], entry)]
        if len(whole) < 2:
            return
        data = bytearray(whole[-1].read_bytes())
        if self.chance.random() < 0.5:
            del data[self.chance.randrange(len(data)) :]
        else:
            for place in self.chance.sample(range(len(data)), self.chance.randint(1, 8)):
                data[place] ^= 1 << self.chance.randrange(8)
        whole[-1].write_bytes(data)
        announced = len(engine_runs.events(self.run, Event.CHECKPOINT))
        self.damaged[f"{protocol.CHECKPOINTS}/{whole[-1].name}"] = announced
        self.damages += 1


class Killing:
    """A task with its data, the training that is never stopped, and the rounds of those that are."""

    def __init__(self, root: Path, name: str, seed: int, keep: Path | None = None) -> None:
        self._root, self._name, self._seed, self._keep = root / name, name, seed, keep
        self._task = TASKS[name]
        self._data = self._task.write(self._root / "data")
        run = self._make("undisturbed")
        began = time.time()
        if code := engine_runs.train(run):
            sys.exit(f"The training that is not disturbed ended with code {code}.")
        self._undisturbed = outcome_of(run)
        self._total = engine_runs.events(run, Event.STARTED)[-1]["total_steps"]
        self._usual = usual_seconds(engine_runs.events(run), began)
        print(f"{name}: {self._total} steps;", _in_words(self._usual), flush=True)

    def one_round(self, number: int) -> harness.Run:
        chance = random.Random(f"{self._seed} {self._name} {number}")
        began = time.monotonic()
        one = self._killed(number, chance)
        one.finish()
        differing = self._differing(one.run)
        if one.faults or differing:
            print(one.run.name, *one.faults, "differing:", *differing, sep="\n  ", file=sys.stderr)
            if self._keep is not None:
                shutil.copytree(one.run, self._keep / self._name / one.run.name)
        shutil.rmtree(one.run)
        return {
            "task": self._name,
            "kills": dict(one.kills),
            "cut_short": one.cut_short,
            "damaged": one.damages,
            "lost": bool(one.faults),
            "exact": not differing,
            "seconds": round(time.monotonic() - began, 1),
        }

    def _killed(self, number: int, chance: random.Random) -> Round:
        """A run that was killed at least once: where the engine was quicker than the first kill, another is made."""
        while True:
            one = Round(self._make(f"round {number}"), chance)
            for _ in range(chance.randint(1, _MOST_KILLS)):
                if not one.kill(self._usual, self._total):
                    break
            if one.kills or one.faults:
                return one
            shutil.rmtree(one.run)

    def _make(self, name: str) -> Path:
        return engine_runs.make_run(self._root / name, self._data, checkpoint_seconds=0.1, **self._task.recipe)

    def _differing(self, run: Path) -> list[str]:
        try:
            return outcome_of(run).differing(self._undisturbed)
        except (OSError, LookupError, RuntimeError, ValueError, SafetensorError) as error:
            return [f"{type(error).__name__}: {error}"]


def usual_seconds(events: Sequence[engine_runs.Event], began: float) -> dict[str, float]:
    """How long each moment lasts in a training that nobody disturbs: the median of its times."""
    spans: dict[str, list[float]] = {"starting": [events[0]["time"] - began]}
    name, since, judged = "", 0.0, 0.0
    for event in events:
        if event["event"] == Event.VALIDATION:
            judged = event["time"]
        elif event["event"] == Event.CHECKPOINT and event["reason"] in ("best", "epoch"):
            spans.setdefault("checkpoint", []).append(event["time"] - judged)
        elif event["event"] in (Event.PHASE, Event.FINISHED) and event.get("name") != name:
            if name:
                spans.setdefault(name, []).append(event["time"] - since)
            name, since = event.get("name", ""), event["time"]
    return {name: sorted(values)[len(values) // 2] for name, values in spans.items()}


def _in_words(usual: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in usual.items())


def figures_of(rounds: Sequence[harness.Run]) -> harness.Figures:
    kills: Counter[str] = Counter()
    for one in rounds:
        kills.update(one["kills"])
    return {
        "rounds": len(rounds),
        "lost": sum(one["lost"] for one in rounds),
        "exact": sum(one["exact"] for one in rounds),
        "kills": sum(kills.values()),
        "kills_while": dict(sorted(kills.items())),
        "checkpoints_cut_short": sum(one["cut_short"] for one in rounds),
        "checkpoints_damaged": sum(one["damaged"] for one in rounds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench kill-training")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--rounds", type=int, default=20, help="how many trainings")
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 1_000_000, help="repeat the choices of another run"
    )
    parser.add_argument("--task", choices=TASKS, action="append", help="a kind of data (all of them in turn)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy the runs that went wrong there")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    rounds: list[harness.Run] = []
    with tempfile.TemporaryDirectory(prefix="aienv-kill-", ignore_cleanup_errors=True) as folder:
        killings = [Killing(Path(folder), name, options.seed, options.keep) for name in options.task or TASKS]
        for number in range(options.rounds):
            rounds.append(killings[number % len(killings)].one_round(number + 1))
            print(number + 1, *rounds[-1].values(), flush=True)
    figures = figures_of(rounds)
    harness.report("kill-training", figures, rounds, options.json)
    sys.exit(1 if figures["lost"] or figures["exact"] < figures["rounds"] else 0)


if __name__ == "__main__":
    main()
