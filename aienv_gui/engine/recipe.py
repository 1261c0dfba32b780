"""What was asked: the recipe of a run, completed from its preset and checked. Standard library only."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from . import protocol
from .failures import Failure
from .protocol import Code

_PRESETS = Path(__file__).with_name("presets.json")
_OPTIMISERS = ("sgd", "adam", "adamw")
_SCHEDULES = ("constant", "one_cycle")
_PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """How it is trained. What a preset or recipe has beyond these is carried along and not used."""

    optimiser: str
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    batch_size: int
    epochs: int
    seed: int
    shift: int = 0  # points by which pictures are moved, at most
    hide: float = 0.0  # share of a text's words that are not shown, others in each epoch
    patience: int = 0  # epochs without a better one, after which it ends; 0: all epochs are trained
    minutes: float = 0.0  # of work, after which it ends; 0: as long as it takes
    find_rate: bool = False  # the learning rate is still to be found
    find_batch: bool = False  # so is the batch size: `batch_size` is the one that the learning rate goes with
    precision: str = "float32"  # of what is computed in a step; weights are float32 always
    average: int = 0  # steps over which the weights that count are averaged; 0: the last ones count
    exact: bool = False  # the same to the last digit on a card, too, which costs speed; a processor always is
    processes: int = 1  # that do their share of each batch
    parts: int = 1  # in which a batch is computed, one after the other, which needs less memory
    freeze: int = 0  # epochs in which only the last layer learns, where the others begin with weights learnt before

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Recipe:
    """A run's recipe with every default filled in."""

    name: str
    task: str
    data: dict[str, Any]
    preset: str
    architecture: str
    options: dict[str, Any]
    settings: Settings
    device: str
    threads: int | None
    checkpoint_seconds: float
    run: Path = Path()  # its folder
    start_from: Path | None = None  # weights learnt before: a model's folder or a file

    @property
    def folder(self) -> Path:
        """Of the data; or their file, where it is one."""
        return Path(self.data["folder"])

    def with_options(self, options: dict[str, Any]) -> Recipe:
        return replace(self, options=options)

    def with_rate(self, rate: float) -> Recipe:
        return replace(self, settings=replace(self.settings, learning_rate=rate, find_rate=False))

    def with_batch(self, size: int, rate: float | None) -> Recipe:
        """With a batch size that was found, and the learning rate that goes with it where that is not to be found."""
        rate = self.settings.learning_rate if rate is None else rate
        return replace(self, settings=replace(self.settings, batch_size=size, learning_rate=rate, find_batch=False))

    def on(self, device: str) -> Recipe:
        return replace(self, device=device)


def read_recipe(run: Path) -> Recipe:
    """The recipe of `run`. Raises `Failure` (bad_recipe) that names what is wrong."""
    try:
        return _recipe(protocol.read_json(run / protocol.RECIPE), run)
    except KeyError as error:
        raise Failure(Code.BAD_RECIPE, reason=f"{error} is missing") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Failure(Code.BAD_RECIPE, reason=str(error)) from error


def _recipe(data: dict[str, Any], run: Path) -> Recipe:
    if data.get("version") != protocol.VERSION:
        raise ValueError(f"version is {data.get('version')!r}, this engine knows {protocol.VERSION}")
    task = str(data.get("task"))
    preset = preset_of(task, data.get("preset"))
    model = data.get("model") or {}
    threads = data.get("threads")
    if threads is not None and not (_is_int(threads) and threads > 0):
        raise ValueError(f"threads must be a whole number above 0, not {threads!r}")
    return Recipe(
        name=str(data.get("name", "")),
        task=task,
        data={**data["data"], "folder": str(data["data"]["folder"])},
        preset=preset["id"],
        architecture=str(model.get("architecture") or preset["model"]["architecture"]),
        options=options_of(preset, model),
        settings=_settings({**preset["settings"], **(data.get("settings") or {})}, preset["settings"]["batch_size"]),
        device=str(data.get("device") or "auto"),
        threads=threads,
        checkpoint_seconds=_number(data, "checkpoint_seconds", 60.0, least=0.0),
        run=run,
        start_from=_start(run, str(model.get("start_from") or "")),
    )


def _start(run: Path, named: str) -> Path | None:
    """Where the weights are that it begins with: the run's own copy, by which it goes on when the original is gone."""
    if not named:
        return None
    copy = run / protocol.START / Path(named).name
    return copy if copy.exists() else Path(named)


def preset_of(task: str, identity: str | None) -> dict[str, Any]:
    """A preset of presets.json for a task; for None its first, which is its default. Raises ValueError."""
    presets: list[dict[str, Any]] = [p for p in protocol.read_json(_PRESETS)["presets"] if p["task"] == task]
    if not presets:
        raise ValueError(f"task {task!r} is not known")
    for preset in presets:
        if identity in (None, "", preset["id"]):
            return preset
    raise ValueError(f"no preset for {task} is called {identity!r}")


def options_of(preset: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """The network's options: the preset's (where its architecture is the one asked for), with those of `model`."""
    same = model.get("architecture") in (None, "", preset["model"]["architecture"])
    return {**(preset["model"]["options"] if same else {}), **(model.get("options") or {})}


def _settings(data: dict[str, Any], usual_batch: int) -> Settings:
    find_batch = data["batch_size"] == protocol.AUTO
    if find_batch:
        data = {**data, "batch_size": usual_batch}
    if data["optimiser"] not in _OPTIMISERS:
        raise ValueError(f"optimiser must be one of {', '.join(_OPTIMISERS)}, not {data['optimiser']!r}")
    if data["schedule"] not in _SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(_SCHEDULES)}, not {data['schedule']!r}")
    find_rate = data["learning_rate"] == protocol.AUTO
    precision = data.get("precision", "float32")
    if precision not in _PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(_PRECISIONS)}, not {precision!r}")
    return Settings(
        optimiser=data["optimiser"],
        learning_rate=0.0 if find_rate else _number(data, "learning_rate", least=0.0),
        find_rate=find_rate,
        find_batch=find_batch,
        momentum=_number(data, "momentum", 0.0, least=0.0),
        weight_decay=_number(data, "weight_decay", 0.0, least=0.0),
        schedule=data["schedule"],
        batch_size=_whole(data, "batch_size", least=1),
        epochs=_whole(data, "epochs", least=1),
        shift=_whole({"shift": 0, **data}, "shift", least=0),
        hide=min(_number(data, "hide", 0.0, least=0.0), 0.9),
        seed=_whole(data, "seed", least=0),
        patience=_whole({"patience": 0, **data}, "patience", least=0),
        minutes=_number(data, "minutes", 0.0, least=0.0),
        precision=precision,
        exact=_flag(data, "exact"),
        processes=_whole({"processes": 1, **data}, "processes", least=1),
        average=_whole({"average": 0, **data}, "average", least=0),
        parts=min(_whole({"parts": 1, **data}, "parts", least=1), data["batch_size"]),
        freeze=_whole({"freeze": 0, **data}, "freeze", least=0),
    )


def _number(data: dict[str, Any], name: str, default: float | None = None, *, least: float) -> float:
    value = data.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        raise ValueError(f"{name} must be a number of at least {least}, not {value!r}")
    return float(value)


def _whole(data: dict[str, Any], name: str, *, least: int) -> int:
    value = data[name]
    if not _is_int(value) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def _flag(data: dict[str, Any], name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")  # noqa: TRY004  said as all others are
    return value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
