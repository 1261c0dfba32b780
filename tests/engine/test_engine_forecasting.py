"""Forecasts: learnt better than said again, judged by what came later, exact after a kill, made with us and alone."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from aienv_gui.engine import protocol
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.models import series as networks
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.recipe import Settings, read_recipe
from aienv_gui.engine.tasks import forecasting
from tests.engine.engine_runs import curve, events, kill_at, make_run, predict, same_weights, train
from tests.fakes.series import SEASON, tides
from tests.fakes.tables import write_table

RECURRENT: dict[str, Any] = {"architecture": "series_recurrent", "options": {"hidden": 16, "dropout": 0.1}}
ATTENTION: dict[str, Any] = {
    "architecture": "series_attention",
    "options": {"width": 16, "heads": 2, "layers": 1, "dropout": 0.1},
}
COLUMN = {"name": "x", "mean": 10.0, "std": 2.0, "least": 6.0, "most": 14.0, "swing": 0.5}
LOOKS = {"window": 24, "horizon": 6}


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = tides(400)
    for number in (50, 51, 120, 390):
        rows[number]["level"] = ""
    return write_table(tmp_path_factory.mktemp("series") / "tides.csv", rows)


def make(run: Path, table: Path, model: dict[str, Any], **changes: Any) -> Path:
    settings = {"epochs": 14, "batch_size": 32, "learning_rate": 0.02, "shift": 0}
    data = {"folder": str(table), **LOOKS}
    return make_run(run, table, task="forecasting", data=data, model=model, settings=settings, **changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    made = make(tmp_path_factory.mktemp("forecast") / "run", table, RECURRENT)
    assert train(made) == 0
    return made


@pytest.mark.slow
def test_it_forecasts_better_than_what_is_said_again(run: Path) -> None:
    started = events(run, Event.STARTED)[-1]["data"]
    assert (started["target"], started["predicts"], started["season"]) == ("level", "number", SEASON)
    (warning,) = events(run, Event.WARNING)
    assert (warning["code"], warning["values"]["columns"]) == ("gaps_filled", {"level": 4})
    found = events(run, Event.EVALUATED)[-1]
    reached = {baseline["name"]: baseline["accuracy"] for baseline in found["baselines"]}
    assert set(reached) == {"last", "season", "linear"}
    assert reached["last"] < found["accuracy"]
    assert found["accuracy"] > 0.6
    assert (found["horizon"], found["mean_error"] < 0.5) == (6, True)
    assert all(one["path"].startswith("tides.csv:") for one in found["worst"])
    assert len({one["path"] for one in found["worst"]}) == len(found["worst"])
    # Each forecast of the test is judged, but for the values that nobody knows.
    known = sum(390 not in (first + step,) for first in range(340, 395) for step in range(6))
    assert found["examples"] == known


@pytest.mark.slow
def test_the_test_part_is_told_beside_its_forecasts(run: Path, table: Path) -> None:
    course = events(run, Event.EVALUATED)[-1]["course"]
    rows = table.read_text(encoding="utf-8").splitlines()[1:]
    assert course["begin"] == rows[340].split(",")[0]
    assert len(course["truth"]) == len(course["answers"])
    for number, value in enumerate(course["truth"]):
        cell = rows[340 + number].rpartition(",")[2]
        assert value == (float(cell) if cell else None)
    assert course["truth"].count(None) == 1


@pytest.mark.slow
def test_how_far_off_a_forecast_may_be_is_told_and_held_against_the_test(run: Path, tmp_path: Path) -> None:
    card = protocol.read_json(run / "model" / protocol.CARD)
    output, judged = card["output"], events(run, Event.EVALUATED)[-1]
    assert (output["share"], judged["reach_share"], len(output["reach"])) == (0.8, 0.8, 6)
    assert all(0 < distance < 3 for distance in output["reach"])
    assert 0.5 < judged["within_reach"] <= 1
    table = write_table(tmp_path / "later.csv", tides(40, first=400))
    (answer,) = predict(run / "model", {"table": str(table)})
    assert answer["forecast"]["reach"] == output["reach"]

    # A model of an older engine tells none.
    for name in ("share", "reach"):
        del output[name]
    (tmp_path / "older").mkdir()
    protocol.write_json(tmp_path / "older" / protocol.CARD, card)
    for file in (protocol.WEIGHTS, "network.py"):
        (tmp_path / "older" / file).write_bytes((run / "model" / file).read_bytes())
    (answer,) = predict(tmp_path / "older", {"table": str(table)})
    assert set(answer["forecast"]) == {"labels", "values"}


class Again(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """Always forecasts the last value again."""

    def __init__(self, horizon: int) -> None:
        super().__init__()
        self.moved = nn.Parameter(torch.zeros(horizon))

    def forward(self, windows: Tensor) -> Tensor:
        return windows[:, -1, :1] + self.moved.detach()


def test_the_reach_is_that_of_eight_in_ten_forecasts_of_the_validation(tmp_path: Path) -> None:
    rows = tides(400)
    for number in (300, 301, 380):  # of the validation and of the test
        rows[number]["level"] = ""
    table = write_table(tmp_path / "tides.csv", rows)
    data, _ = forecasting.load(read_recipe(make(tmp_path / "run", table, RECURRENT)), nothing)
    network = Again(6)
    reach = data.card(network)["output"]["reach"]

    def off(split: str, step: int) -> list[float]:
        known, before = data.series.values[0], data.values[:, 0].tolist()
        return [
            abs(value - before[first - 1] * data.spread - data.mean)
            for first in data.plan.examples(split)
            if (value := known[first + step]) is not None
        ]

    for step in range(6):
        distances = sorted(off("validation", step))
        assert 30 < len(distances) < len(data.plan.examples("validation"))
        assert reach[step] == pytest.approx(distances[-(-(len(distances) + 1) * 8 // 10) - 1], rel=1e-4)
    within = [distance <= reach[step] + 1e-6 for step in range(6) for distance in off("test", step)]
    told = data.judge(network, "test", torch.device("cpu"), 7, lambda: None).more
    assert told["within_reach"] == pytest.approx(sum(within) / len(within), abs=0.01)
    assert "within_reach" not in data.judge(network, "validation", torch.device("cpu"), 7, lambda: None).more


def test_of_few_values_no_reach_is_told(tmp_path: Path) -> None:
    table = write_table(tmp_path / "short.csv", tides(84))
    data, _ = forecasting.load(read_recipe(make(tmp_path / "run", table, RECURRENT)), nothing)
    assert len(data.plan.examples("validation")) < 9
    network = Again(6)
    assert set(data.card(network)["output"]) == {"mean", "std"}
    assert "within_reach" not in data.judge(network, "test", torch.device("cpu"), 7, lambda: None).more


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_exactly(tmp_path: Path, table: Path, run: Path) -> None:
    other = make(tmp_path / "run", table, RECURRENT, checkpoint_seconds=0.05)
    kill_at(other, 70)
    assert train(other) == 0
    assert curve(other) == curve(run)
    assert same_weights(other, run)
    judged = [{**events(one, Event.EVALUATED)[-1], "time": 0} for one in (other, run)]
    assert judged[0] == judged[1]


@pytest.mark.slow
def test_it_forecasts_what_comes_after_a_table_with_and_without_aienv(run: Path, tmp_path: Path) -> None:
    later = tides(60, first=400)
    table = write_table(tmp_path / "later.csv", [{**row, "note": "x"} for row in later[:40]])
    (answer,) = predict(run / "model", {"table": str(table)})
    assert answer["forecast"]["labels"] == [row["date"] for row in later[40:46]]
    assert answer["before"]["labels"][-1] == later[39]["date"]
    assert answer["before"]["values"] == [float(row["level"]) for row in later[:40]]
    off = [
        abs(value - float(row["level"])) for value, row in zip(answer["forecast"]["values"], later[40:], strict=False)
    ]
    assert sum(off) / len(off) < 0.7
    assert answer["warnings"] == []

    card = protocol.read_json(run / "model" / protocol.CARD)
    source = runpy.run_path(str(run / "model" / "network.py"))
    alone = source["of_card"](card)
    alone.load_state_dict(load_file(run / "model" / protocol.WEIGHTS))
    columns = {name: [float(row[name]) for row in later[:40]] for name in ("level", "wind")}
    assert source["forecast"](alone, card, columns) == pytest.approx(answer["forecast"]["values"], abs=1e-6)


@pytest.mark.slow
def test_tables_it_cannot_go_on_from_are_named(run: Path, tmp_path: Path) -> None:
    short = write_table(tmp_path / "short.csv", tides(23))
    with pytest.raises(Failure) as caught:
        predict(run / "model", {"table": str(short)})
    assert (caught.value.code, caught.value.values["minimum"]) == ("short_table", 24)
    other = write_table(tmp_path / "other.csv", [{"date": row["date"], "level": row["level"]} for row in tides(40)])
    with pytest.raises(Failure) as caught:
        predict(run / "model", {"table": str(other)})
    assert (caught.value.code, caught.value.values["name"]) == ("bad_target", "wind")
    far = write_table(tmp_path / "far.csv", [{**row, "level": "900"} for row in tides(40)])
    (answer,) = predict(run / "model", {"table": str(far)})
    assert [warning["code"] for warning in answer["warnings"]] == ["out_of_range"]


@pytest.fixture
def data(tmp_path: Path, table: Path) -> forecasting.Data:
    recipe = read_recipe(make(tmp_path / "loaded", table, RECURRENT))
    found, _ = forecasting.load(recipe, nothing)
    return found


def test_self_attention_learns_it_too(data: forecasting.Data, tmp_path: Path) -> None:
    torch.manual_seed(1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # others would only wait for each other
    network = data.network("series_attention", ATTENTION["options"])
    optimiser = torch.optim.AdamW(network.parameters(), 0.01)
    settings = read_recipe(tmp_path / "loaded").settings
    for epoch in range(10):
        order = data.splits["train"][torch.randperm(len(data.splits["train"]))]
        for chosen in order.split(32):
            loss, _ = data.loss(network, data.batch(chosen, settings, epoch))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    found = data.judge(network, "test", torch.device("cpu"), 64, lambda: None)
    reached = {one["name"]: one["accuracy"] for one in data.baselines(lambda: None)}
    torch.set_num_threads(threads)
    assert found.accuracy > 0.6 > reached["last"]
    assert network.training


def test_what_the_training_sees_does_not_depend_on_what_comes_later(tmp_path: Path, data: forecasting.Data) -> None:
    rows = tides(400)
    for number in (50, 51, 120, 390):
        rows[number]["level"] = ""
    for row in rows[data.plan.validation :]:
        row["level"], row["wind"] = "1000000", "-3"
    changed = write_table(tmp_path / "changed.csv", rows)
    other, _ = forecasting.load(read_recipe(make(tmp_path / "other", changed, RECURRENT)), nothing)
    assert other.columns == data.columns
    assert torch.equal(other.splits["train"], data.splits["train"])
    chosen = data.splits["train"]
    assert torch.equal(other.inputs(chosen), data.inputs(chosen))
    assert torch.equal(other.followed(chosen).nan_to_num(-9), data.followed(chosen).nan_to_num(-9))


class _Right(torch.nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    def __init__(self, answers: torch.Tensor) -> None:
        super().__init__()
        self._answers = answers

    def forward(self, _windows: torch.Tensor) -> torch.Tensor:
        return self._answers


def test_values_that_were_filled_are_looked_at_but_not_learnt(data: forecasting.Data, tmp_path: Path) -> None:
    assert data.truth.isnan().nonzero().flatten().tolist() == [50, 51, 120, 390]
    assert not data.values.isnan().any()
    assert data.values[50, 0] == data.values[49, 0] == data.values[51, 0]

    chosen = data.splits["train"][20:40]
    settings = read_recipe(tmp_path / "loaded").settings
    assert isinstance(settings, Settings)
    loss, score = data.loss(_Right(data.followed(chosen).nan_to_num(1e6)), data.batch(chosen, settings, 0))
    assert (float(loss), float(score)) == (0.0, 1.0)


@pytest.mark.parametrize("model", [RECURRENT, ATTENTION], ids=["recurrent", "attention"])
def test_a_series_that_stands_higher_is_forecast_as_much_higher(model: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = networks.build(model["architecture"], model["options"], [COLUMN], 12, 3).eval()
    window = torch.randn(2, 12, 1)
    high, higher = window - window[:, -1:] + 30, window - window[:, -1:] + 70  # both above all of the training
    assert torch.allclose(network(high) + 40, network(higher), atol=1e-4)


@pytest.mark.parametrize("model", [RECURRENT, ATTENTION], ids=["recurrent", "attention"])
@pytest.mark.parametrize("window", [1, 7, 33, 100])
def test_networks_take_any_window(model: dict[str, Any], window: int) -> None:
    network = networks.build(model["architecture"], model["options"], [COLUMN, COLUMN], window, 5)
    answers = network(torch.randn(1, window, 2))
    assert answers.shape == (1, 5)
    answers.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_linear_model_has_bounds(data: forecasting.Data, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = data.splits["test"][:4]
    assert data._distances(chosen)[0].shape == (4, 24 * 2)
    monkeypatch.setattr(forecasting, "_LINEAR", 24)
    (moved, followed) = data._distances(chosen)
    assert (moved.shape, followed.shape) == ((4, 24), (4, 6))
    assert torch.equal(moved[:, -1], data.inputs(chosen)[:, -1, 0].to(torch.float64))
    monkeypatch.setattr(forecasting, "_LINEAR", 5)
    assert torch.equal(data._distances(chosen)[0], moved[:, -5:])


def test_what_cannot_be_encoded_or_built_is_named() -> None:
    wanted = {"columns": [COLUMN], "window": 3, "horizon": 1}
    assert networks.encode(wanted, {"x": [8.0, None, 12.0]}).flatten().tolist() == [-1.0, -1.0, 1.0]
    assert networks.encode(wanted, {"x": [None, None, 12.0]}).flatten().tolist() == [0.0, 0.0, 1.0]
    with pytest.raises(ValueError, match="3 values of 'x' are needed, 2 are there"):
        networks.encode(wanted, {"x": [8.0, 12.0]})
    for architecture, options in (
        ("other", {}),
        ("series_recurrent", {"cell": "magic"}),
        ("series_attention", {"width": 10, "heads": 4}),
    ):
        with pytest.raises(ValueError, match=r"architecture|cell|heads"):
            networks.build(architecture, options, [COLUMN], 8, 2)
