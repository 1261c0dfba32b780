"""Data of every shape: a clear no before anything is trained, or an epoch of finite numbers and a model that answers.

Examples are drawn by hypothesis, always the same ones. `AIENV_EXAMPLES=500` draws so many others, for a test by hand.
"""

from __future__ import annotations

import csv
import json
import math
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from PIL import Image

from aienv_gui.engine import protocol, steps
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.model_folder import Model, load_model, save_model
from aienv_gui.engine.models import dense
from aienv_gui.engine.protocol import Code
from aienv_gui.engine.recipe import options_of, preset_of, read_recipe
from aienv_gui.engine.session import Position
from aienv_gui.engine.tasks import running_text
from aienv_gui.engine.tasks.task import SPLITS, Task, begin_epoch, learner, reader
from aienv_gui.engine.work import Work, judge, prepare

_BY_HAND = int(os.environ.get("AIENV_EXAMPLES", "0"))
_KNOWN = frozenset(value for name, value in vars(Code).items() if name.isupper())


def drawn(few: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """How many examples are drawn of what is told by a strategy: `few`, always the same, or as many as asked for."""
    checks = list(HealthCheck)
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    if _BY_HAND:
        return settings(
            max_examples=_BY_HAND, deadline=None, suppress_health_check=checks, database=None, phases=phases
        )
    return settings(
        max_examples=few, deadline=None, derandomize=True, suppress_health_check=checks, database=None, phases=phases
    )


def nothing(*_: object) -> None:
    """Progress nobody looks at."""


@contextmanager
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="shapes-"))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def recipe_at(run: Path, task: str, source: Path, asked: dict[str, Any], model: dict[str, Any], batch: int) -> Any:
    run.mkdir(exist_ok=True)
    wish = {
        **{"version": protocol.VERSION, "task": task, "name": "shape", "device": "cpu", "threads": 1},
        **{"data": {"folder": str(source), **asked}, "model": model},
        "settings": {"epochs": 1, "batch_size": batch, "learning_rate": 0.01, "seed": 3},
    }
    protocol.write_json(run / protocol.RECIPE, wish)
    return read_recipe(run)


def looked_at(task: str, source: Path, asked: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """What the wizard is told of the data."""
    options = options_of(preset_of(task, None), model)
    try:
        found = reader(task).inspect({"folder": str(source), "seed": 3, **asked}, options, nothing)
    except Failure as failure:
        found = {"ok": False, "code": failure.code, "values": failure.values}
    json.dumps(found, allow_nan=False)
    return found


def holds(
    place: Path,
    task: str,
    source: Path,
    asked: dict[str, Any],
    model: dict[str, Any],
    batch: int,
    question: Callable[[Task], dict[str, Any]],
) -> str:
    """What is promised of all data; gives the code of the refusal, or "trained"."""
    recipe = recipe_at(place / "run", task, source, asked, model, batch)
    found = looked_at(task, source, asked, model)
    learning = learner(task, recipe.architecture)
    loaded = _loaded(learning, recipe)
    if isinstance(loaded, Failure):
        failure = loaded
        assert str(failure.code) in _KNOWN
        json.dumps(failure.values, allow_nan=False)
        if failure.code == Code.BAD_RECIPE:
            return str(failure.code)  # of the network, of which a look at the data knows nothing
        refused = found.get("broken") or not found["ok"]
        assert refused, f"refused ({failure}), but a look at the data has nothing against them"
        assert found["ok"] or found["code"] == failure.code
        return str(failure.code)
    data, options = loaded
    assert found["ok"], f"trained, but a look at the data refuses them: {found}"
    assert found["fingerprint"] == data.fingerprint
    _splits_are_right(data, found)
    assert learning.load(recipe, nothing)[0].fingerprint == data.fingerprint
    work = prepare(recipe.with_options(options), data, torch.device("cpu"), 1)
    _an_epoch(work)
    result = judge(work, work.judged, "test", 1, nothing)
    for told in (data.described(), result.as_dict(), data.remarks, data.baselines(nothing)):
        json.dumps(told, allow_nan=False)
    save_model(place / "run", Model(work.judged, work.recipe, data, result, 1, "completed"))
    network, card, asking = load_model(place / "run" / protocol.MODEL)
    answers = asking.predict(network, card, question(data), nothing)
    assert answers
    json.dumps(answers, allow_nan=False)
    return "trained"


def _loaded(learning: Any, recipe: Any) -> tuple[Task, dict[str, Any]] | Failure:
    try:
        found: tuple[Task, dict[str, Any]] = learning.load(recipe, nothing)
    except Failure as failure:
        return failure
    return found


def _splits_are_right(data: Task, found: dict[str, Any]) -> None:
    parts = {name: data.splits[name].tolist() for name in SPLITS}
    everything = sorted(place for part in parts.values() for place in part)
    assert all(parts.values()), "a split without examples"
    assert everything == list(range(len(everything))), "disjoint and complete"
    counts = data.described()["counts"]
    assert {name: sum(counts[name].values()) for name in SPLITS} != {}
    if "characters" not in found:
        assert found["split"] == counts


def _an_epoch(work: Work) -> None:
    torch.set_num_threads(1)
    position = Position()
    begin_epoch(work.data, work.network, 0, work.recipe.settings)
    for _ in range(work.steps_per_epoch):
        batch = work.feed.batch(position.step, 0)
        loss, score = steps.advance(work, batch, position, 0)
        assert math.isfinite(loss)
        assert math.isfinite(score)
        position.step += 1
    assert all(bool(torch.isfinite(weight).all()) for weight in work.network.state_dict().values())
    result = judge(work, work.judged, "validation", 1, nothing)
    assert math.isfinite(result.loss)
    assert math.isfinite(result.accuracy)


# Pictures.

_MODES = ("1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK")
_SIDES = st.one_of(st.integers(1, 9), st.sampled_from([16, 28, 29, 64, 300]))
_NAMES = ("a", "Ä ö", "猫", "🙂", "x" * 60, "-", "ALL", "1", "2.0", "con", "it's “q”", "e\u0301")


def picture(chance: random.Random, mode: str, width: int, height: int) -> Image.Image:
    count = width * height
    if mode == "I;16":
        image = Image.frombytes("I;16", (width, height), chance.randbytes(2 * count))
    elif mode == "1":
        image = Image.frombytes("L", (width, height), chance.randbytes(count)).convert("1")
    elif mode == "P":
        image = Image.frombytes("RGB", (width, height), chance.randbytes(3 * count)).quantize(chance.randint(2, 200))
        if chance.random() < 0.3:
            image.info["transparency"] = 0
    else:
        image = Image.frombytes(mode, (width, height), chance.randbytes(len(mode) * count))
    return image


@st.composite
def picture_folders(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "seed": draw(st.integers(0, 2**20)),
        "classes": draw(st.one_of(st.integers(1, 5), st.integers(2, 40))),
        "each": draw(st.tuples(st.integers(0, 4), st.integers(3, 12))),
        "modes": draw(st.lists(st.sampled_from(_MODES), min_size=1, max_size=4)),
        "width": draw(_SIDES),
        "height": draw(_SIDES),
        "copies": draw(st.sampled_from([0.0, 0.0, 0.3, 0.8])),
        "batch": draw(st.sampled_from([1, 3, 16, 5000])),
        "normalise": draw(st.booleans()),
    }


def write_picture_folder(place: Path, shape: dict[str, Any]) -> None:
    chance = random.Random(shape["seed"])
    place.mkdir()
    least, most = sorted(shape["each"])
    for number in range(shape["classes"]):
        name = _NAMES[number] if number < len(_NAMES) else f"class {number}"
        (place / name).mkdir()
        before: Path | None = None
        for index in range(chance.randint(least, most)):
            mode = chance.choice(shape["modes"])
            ending = "jpg" if mode == "CMYK" else "png"
            path = place / name / f"{index}.{ending}"
            if before is not None and chance.random() < shape["copies"] and before.suffix == path.suffix:
                shutil.copy(before, path)
                continue
            image = picture(chance, mode, shape["width"], chance.choice([shape["height"], shape["width"]]))
            image.save(path)
            before = path


@drawn(14)
@given(picture_folders())
def test_pictures_of_every_shape(shape: dict[str, Any]) -> None:
    with folder() as place:
        write_picture_folder(place / "data", shape)
        options = {"widths": [3, 4], "dropout": 0.1, "normalise": shape["normalise"]}
        model = {"architecture": "compact_convnet", "options": {"channels": "auto", "size": "auto", **options}}

        def question(_data: Task) -> dict[str, Any]:
            return {"pictures": [str(path) for path in sorted((place / "data").rglob("*.*"))[:3]]}

        event(holds(place, "image_classification", place / "data", {}, model, shape["batch"], question))


# Tables.

_KINDS = (
    "number",
    "huge",
    "tiny",
    "whole",
    "category",
    "date",
    "constant",
    "text",
    "missing",
    "identity",
    "mixed",
    "year",
)
_HEADINGS = ("a", "名称", "Ä b", "🙂", "target", "x,y", 'say "so"', "a", "line\nbreak", " space ", "1", "")


def cell(chance: random.Random, kind: str, row: int) -> str:
    if kind == "number":
        return f"{chance.gauss(3, 10):.4g}"
    if kind == "huge":
        return repr(chance.choice([1, -1]) * 10 ** chance.uniform(0, chance.choice([40, 99, 299])))
    if kind == "tiny":
        return repr(chance.choice([1, -1]) * 10 ** chance.uniform(-320, -10))
    if kind == "whole":
        return str(chance.randint(-5, 5))
    if kind == "category":
        return chance.choice(["red", "green", "蓝", "🙂 ü", "it's", "a;b", "x,y"])
    if kind == "date":
        return f"{chance.randint(1, 9999):04d}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
    if kind == "year":
        return str(chance.randint(1900, 2030))
    if kind == "text":
        return "".join(chance.choice("abc déf 汉字") for _ in range(chance.randint(1, 40)))
    if kind == "identity":
        return str(row)
    if kind == "mixed":
        return chance.choice(["1", "two", "3.5", "-", "50%", "1e400", "inf", "0x1f", "1,5", "nan", "−3"])
    return "" if kind == "missing" else "same"


@st.composite
def table_shapes(draw: st.DrawFn) -> dict[str, Any]:
    columns = draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=draw(st.sampled_from([3, 6, 30]))))
    return {
        "seed": draw(st.integers(0, 2**20)),
        "columns": columns,
        "rows": draw(st.one_of(st.integers(0, 24), st.integers(18, 200))),
        "missing": draw(st.sampled_from([0.0, 0.0, 0.1, 0.6])),
        "same": draw(st.sampled_from([0.0, 0.0, 0.5, 0.97])),
        "target": draw(st.one_of(st.just(None), st.integers(0, len(columns) - 1))),
        "predicts": draw(st.sampled_from(["", "classes", "number"])),
        "delimiter": draw(st.sampled_from([",", ";", "\t", "|"])),
        "batch": draw(st.sampled_from([1, 7, 32, 5000])),
        "normalise": draw(st.booleans()),
        "ending": draw(st.sampled_from([".csv", ".csv", ".jsonl"])),
    }


def write_shape(path: Path, shape: dict[str, Any]) -> list[list[str]]:
    chance = random.Random(shape["seed"])
    names = [_HEADINGS[i] if i < len(_HEADINGS) else f"column {i}" for i in range(len(shape["columns"]))]
    rows: list[list[str]] = []
    for row in range(shape["rows"]):
        if rows and chance.random() < shape["same"]:
            rows.append(list(rows[chance.randrange(len(rows))]))
            continue
        cells = [cell(chance, kind, row) for kind in shape["columns"]]
        rows.append(["" if chance.random() < shape["missing"] else one for one in cells])
    if shape["ending"] == ".jsonl":
        lines = (
            json.dumps({f"{name} {i}": one for i, (name, one) in enumerate(zip(names, row, strict=True))})
            for row in rows
        )
        path.write_text("\n".join(lines), encoding="utf-8")
        return rows
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=shape["delimiter"])
        writer.writerow(names)
        writer.writerows(rows)
    return rows


@drawn(40)
@given(table_shapes())
def test_tables_of_every_shape(shape: dict[str, Any]) -> None:
    with folder() as place:
        path = place / f"table{shape['ending']}"
        write_shape(path, shape)
        asked: dict[str, Any] = {"predicts": shape["predicts"]}
        if shape["target"] is not None:
            asked["target"] = _names_of(path)[shape["target"] :][:1]
            asked["target"] = asked["target"][0] if asked["target"] else ""
        options = {"widths": [5], "activation": "silu", "dropout": 0.1, "normalise": shape["normalise"]}

        def question(_data: Task) -> dict[str, Any]:
            return {"rows": [{}, *(dict.fromkeys(_names_of(path), value) for value in ("1", "red", "1e308", "?"))]}

        model = {"architecture": "dense", "options": options}
        event(holds(place, "tabular", path, asked, model, shape["batch"], question))


def _names_of(path: Path) -> tuple[str, ...]:
    from aienv_gui.engine.tasks.table_files import read_table

    try:
        return read_table(path).names
    except Failure:
        return ()


# Texts.

_TEXTS: tuple[Callable[[random.Random], str], ...] = (
    lambda _chance: "",
    lambda chance: chance.choice("x猫🙂 \n\t."),
    lambda chance: "word " * chance.choice([1, 30, 20_000]),
    lambda chance: "".join(chance.choice("🙂🐕👩\u200d👩\u200d👧🇩🇪") for _ in range(chance.randint(1, 30))),
    lambda chance: " ".join(
        chance.choice(["rain", "sun", "晴", "Wind!", "…", "42"]) for _ in range(chance.randint(1, 60))
    ),
    lambda chance: "中文没有空格" * chance.randint(1, 9),
    lambda chance: "\u202e\u0000\ufeffodd\u2028line".replace("\u0000", "\u0001") + str(chance.random()),
)


@st.composite
def text_shapes(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "seed": draw(st.integers(0, 2**20)),
        "classes": draw(st.one_of(st.integers(1, 4), st.integers(2, 40))),
        "texts": draw(st.one_of(st.integers(0, 30), st.integers(20, 120))),
        "makers": draw(st.lists(st.integers(0, len(_TEXTS) - 1), min_size=1, max_size=4)),
        "network": draw(st.sampled_from(["bag", "recurrent", "attention"])),
        "table": draw(st.booleans()),
        "batch": draw(st.sampled_from([1, 7, 5000])),
    }


_NETWORKS: dict[str, dict[str, Any]] = {
    "bag": {"width": 4, "pairs": 50, "dropout": 0.2, "length": 32},
    "recurrent": {"cell": "gru", "width": 4, "hidden": 4, "layers": 1, "dropout": 0.2, "length": 16},
    "attention": {"width": 4, "heads": 2, "layers": 1, "dropout": 0.1, "length": 16},
}


@drawn(25)
@given(text_shapes())
def test_texts_of_every_shape(shape: dict[str, Any]) -> None:
    chance = random.Random(shape["seed"])
    with folder() as place:
        pairs = [
            (_TEXTS[chance.choice(shape["makers"])](chance), f"class {chance.randrange(shape['classes'])}")
            for _ in range(shape["texts"])
        ]
        source = place / "texts.csv" if shape["table"] else place / "texts"
        if shape["table"]:
            with source.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("text", "label"), *pairs])
        else:
            source.mkdir()
            for number, (text, name) in enumerate(pairs):
                (source / name).mkdir(exist_ok=True)
                (source / name / f"{number}.txt").write_text(text, encoding="utf-8", newline="")

        def question(_data: Task) -> dict[str, Any]:
            return {"texts": [make(chance) for make in _TEXTS]}

        model = {"architecture": shape["network"], "options": _NETWORKS[shape["network"]]}
        event(holds(place, "text_classification", source, {}, model, shape["batch"], question))


# Running text.


@st.composite
def running_texts(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "seed": draw(st.integers(0, 2**20)),
        "characters": draw(st.sampled_from([0, 9_999, 10_000, 10_001, 10_999, 11_000, 12_345, 25_000])),
        "alphabet": draw(st.sampled_from(["a", "ab\n", "the quick brown fox ", "汉字🙂\r\n", "\x01\u2028é", "wide"])),
        "repeats": draw(st.sampled_from([0, 0, 1, 7, 1000, 5000])),
        "context": draw(st.sampled_from([2, 8, 64, 500, 999, 1000, 1200])),
        "batch": draw(st.sampled_from([4, 64, 5000])),
    }


@drawn(12)
@given(running_texts())
def test_running_text_of_every_shape(shape: dict[str, Any]) -> None:
    chance = random.Random(shape["seed"])
    with folder() as place:
        alphabet = "".join(map(chr, range(0x4E00, 0x4E00 + 7000))) if shape["alphabet"] == "wide" else shape["alphabet"]
        period = shape["repeats"] or max(1, shape["characters"])
        part = "".join(chance.choice(alphabet) for _ in range(period))
        text = (part * (shape["characters"] // period + 1))[: shape["characters"]]
        source = place / "text.txt"
        source.write_text(text, encoding="utf-8", newline="")
        options = {"context": shape["context"], "width": 4, "heads": 2, "layers": 1, "dropout": 0.1}
        model = {"architecture": "gpt", "options": options}

        def question(_data: Task) -> dict[str, Any]:
            return {"beginning": chance.choice(["", "🙂", text[:50]]), "length": 5, "seed": 1}

        event(holds(place, "language_model", source, {}, model, shape["batch"], question))


# Series.


@st.composite
def series_shapes(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "seed": draw(st.integers(0, 2**20)),
        "rows": draw(st.one_of(st.integers(0, 40), st.integers(30, 300))),
        "course": draw(st.sampled_from(["wave", "noise", "constant", "huge", "steps", "ramp", "late"])),
        "columns": draw(
            st.lists(st.sampled_from(["number", "whole", "constant", "missing", "huge", "category"]), max_size=4)
        ),
        "missing": draw(st.sampled_from([0.0, 0.0, 0.05, 0.5])),
        "time": draw(st.sampled_from(["date", "minutes", "none", "count", "shuffled", "uneven"])),
        "window": draw(st.sampled_from([0, 0, 1, 2, 5, 40])),
        "horizon": draw(st.sampled_from([0, 0, 1, 3, 20])),
        "network": draw(st.sampled_from(["series_attention", "series_recurrent"])),
        "batch": draw(st.sampled_from([1, 16, 5000])),
    }


def write_series(path: Path, shape: dict[str, Any]) -> None:
    import datetime

    chance = random.Random(shape["seed"])
    begin = datetime.datetime(2024, 1, 1)
    rows: list[list[str]] = []
    moment = begin
    for row in range(shape["rows"]):
        value = {
            "wave": math.sin(row / 3) + chance.gauss(0, 0.1),
            "noise": chance.gauss(0, 1),
            "constant": 5.0,
            "huge": chance.gauss(0, 1) * 10 ** chance.uniform(0, 98),
            "steps": float(row // 20),
            "ramp": float(row),
            "late": 1.0 if row < shape["rows"] * 0.8 else chance.gauss(50, 9),
        }[shape["course"]]
        moment += datetime.timedelta(days=chance.choice([1, 1, 30]) if shape["time"] == "uneven" else 1)
        time = {
            "date": moment.date().isoformat(),
            "uneven": moment.date().isoformat(),
            "shuffled": moment.date().isoformat(),
            "minutes": (begin + datetime.timedelta(minutes=row)).isoformat(" "),
            "count": str(row),
            "none": "x",
        }[shape["time"]]
        cells = [cell(chance, kind, row) for kind in shape["columns"]]
        cells = ["" if chance.random() < shape["missing"] else one for one in [*cells, repr(value)]]
        rows.append([time, *cells])
    if shape["time"] == "shuffled":
        chance.shuffle(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *(f"c{i}" for i in range(len(shape["columns"]))), "level"])
        writer.writerows(rows)


@drawn(25)
@given(series_shapes())
def test_series_of_every_shape(shape: dict[str, Any]) -> None:
    with folder() as place:
        path = place / "series.csv"
        write_series(path, shape)
        asked = {"target": "level", "window": shape["window"], "horizon": shape["horizon"]}
        options: dict[str, dict[str, Any]] = {
            "series_attention": {"width": 4, "heads": 2, "layers": 1, "dropout": 0.1},
            "series_recurrent": {"cell": "gru", "hidden": 4, "layers": 1, "dropout": 0.1},
        }
        model = {"architecture": shape["network"], "options": options[shape["network"]]}

        def question(_data: Task) -> dict[str, Any]:
            return {"table": str(path)}

        event(holds(place, "forecasting", path, asked, model, shape["batch"], question))


def test_a_refusal_is_known_by_its_code(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    model = {"architecture": "dense", "options": {"widths": [5]}}
    assert holds(tmp_path, "tabular", tmp_path / "t.csv", {}, model, 4, lambda _data: {}) in _KNOWN


@pytest.mark.parametrize("wrong", ["fingerprint", "split"])
def test_the_promise_can_be_broken(tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that disagrees with its learner is noticed."""
    from aienv_gui.engine.tasks import tables

    shape = {"seed": 1, "columns": ["number", "category"], "rows": 60, "missing": 0.0, "same": 0.0}
    write_shape(tmp_path / "t.csv", {**shape, "delimiter": ",", "ending": ".csv"})
    told = tables.inspect

    def lies(*arguments: Any) -> dict[str, Any]:
        return {**told(*arguments), wrong: "another"}

    monkeypatch.setattr(tables, "inspect", lies)
    model = {"architecture": "dense", "options": {"widths": [5], "activation": "silu", "dropout": 0.0}}
    with pytest.raises(AssertionError):
        holds(tmp_path, "tabular", tmp_path / "t.csv", {}, model, 4, lambda _data: {"rows": [{}]})


# What was found so.


def test_a_text_that_repeats_itself_left_nothing_to_test_with(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("all work and no play, " * 5000, encoding="utf-8")
    (tmp_path / "same.txt").write_text("a" * 20_000, encoding="utf-8")
    assert running_text.inspect({"folder": str(tmp_path / "text.txt")}, {}, nothing)["ok"]
    with pytest.raises(Failure) as caught:
        running_text.inspect({"folder": str(tmp_path / "same.txt")}, {}, nothing)
    assert caught.value.code == Code.SHORT_TEXT
    assert (caught.value.values["count"], caught.value.values["different"]) == (20_000, 1000)


@pytest.mark.parametrize("seed", range(12))
def test_the_last_characters_were_all_that_a_split_had(tmp_path: Path, seed: int) -> None:
    chance = random.Random(1)
    text = "".join(chance.choice("abc ") for _ in range(10_001))
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    running = running_text.read(tmp_path / "text.txt", {}, nothing)
    parts = running_text.split(running, seed)
    assert all(sum(stop - start for start, stop in part) >= 1000 for part in parts.values())
    assert sorted(place for part in parts.values() for ends in part for place in range(*ends)) == list(range(10_001))


def test_a_context_as_long_as_the_parts_of_a_text_is_shortened(tmp_path: Path) -> None:
    chance = random.Random(1)
    (tmp_path / "text.txt").write_text("".join(chance.choice("abc ") for _ in range(10_000)), encoding="utf-8")
    options = {"context": 1000, "width": 4, "heads": 2, "layers": 1}
    model = {"architecture": "gpt", "options": options}
    recipe = recipe_at(tmp_path / "run", "language_model", tmp_path / "text.txt", {}, model, 4)
    data, _ = learner("language_model").load(recipe, nothing)
    assert all(len(examples) for examples in data.splits.values())


@pytest.mark.parametrize("network", ["series_attention", "series_recurrent"])
def test_a_column_of_huge_numbers_made_the_loss_no_number(tmp_path: Path, network: str) -> None:
    shape = {"seed": 0, "rows": 60, "course": "wave", "columns": ["huge"], "missing": 0.0, "time": "date"}
    write_series(tmp_path / "series.csv", shape)
    options: dict[str, Any] = {"width": 4, "heads": 2, "cell": "gru", "hidden": 4, "layers": 1, "dropout": 0.1}
    model = {"architecture": network, "options": options}
    question = {"table": str(tmp_path / "series.csv")}
    source = tmp_path / "series.csv"
    assert holds(tmp_path, "forecasting", source, {"target": "level"}, model, 1, lambda _data: question) == "trained"


def test_a_number_far_beyond_the_training_made_an_answer_no_number() -> None:
    code = {"name": "a", "kind": "number", "mean": 0.0, "std": 1e-9}
    assert dense.encode_column(code, [1e90, -1e90, 1e-9]).tolist() == [[1e6, 0], [-1e6, 0], [1, 0]]
