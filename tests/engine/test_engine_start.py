"""Beginning with weights learnt before: what is taken, what rests, that it goes on exactly, and what is no good."""

from __future__ import annotations

import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from aienv_gui.engine import protocol, start_weights
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.model_folder import Model, load_model, save_model
from aienv_gui.engine.models import convolutional
from aienv_gui.engine.protocol import Command, Event
from aienv_gui.engine.recipe import read_recipe
from aienv_gui.engine.tasks import image_classification
from tests.engine.engine_runs import TINY, curve, events, make_run, start, train, until
from tests.fakes.pictures import write_pictures

SETTINGS: dict[str, Any] = {"epochs": 16, "freeze": 12}
Weights = dict[str, torch.Tensor]


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two classes, after a few steps; not to be changed."""
    folder = tmp_path_factory.mktemp("learnt")
    run = make_run(folder / "run", write_pictures(folder / "two", classes=("across", "down")))
    recipe = read_recipe(run)
    data, options = image_classification.load(recipe, nothing)
    torch.manual_seed(0)
    network = data.network(recipe.architecture, options)
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    for seed in range(5):
        optimiser.zero_grad()
        data.loss(network, data.batch(data.splits["train"][:16], recipe.settings, seed))[0].backward()
        optimiser.step()
    save_model(run, Model(network, recipe, data, None, 5, "stopped"))
    return run / "model"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory, pictures: Path, learnt: Path) -> Path:
    """A run on four classes that began with it, and has lost it since: it has its own copy."""
    run = make_run(tmp_path_factory.mktemp("followed") / "run", pictures, model=from_(learnt), settings=SETTINGS)
    copied(run, learnt)
    assert train(run) == 0
    return run


def from_(path: Path, **model: Any) -> dict[str, Any]:
    return {**TINY, "start_from": f"/where/it/was/{path.name}", **model}


def copied(run: Path, path: Path) -> None:
    """As the application does it when it makes a run."""
    (run / protocol.START).mkdir()
    (shutil.copytree if path.is_dir() else shutil.copyfile)(path, run / protocol.START / path.name)


def saved(run: Path, step: int) -> Weights:
    state = torch.load(run / protocol.CHECKPOINTS / f"{step:08d}.pt", weights_only=True)
    found: Weights = state["network"]
    return found


def last(name: str) -> bool:
    return name.startswith("layers.11.")  # after two of (convolution, normalisation, ReLU, pooling), and three more


@pytest.mark.slow
def test_all_but_the_last_layer_is_taken_and_the_model_stands_alone(followed: Path, learnt: Path) -> None:
    (started,) = events(followed, Event.STARTED)
    assert started["options"] == TINY["options"]
    assert "partly_fits" not in [event["code"] for event in events(followed, Event.WARNING)]
    network, card, _ = load_model(followed / "model")
    own = network.state_dict()
    fresh = [name for name in own if last(name)]
    assert sorted(fresh) == ["layers.11.bias", "layers.11.weight"]
    assert card["started_from"] == {
        "name": "tiny",
        "architecture": "compact_convnet",
        "taken": len(own) - 2,
        "fresh": 2,
    }
    before = load_file(learnt / protocol.WEIGHTS)
    assert torch.equal(own["normalise.mean"], before["normalise.mean"])  # which its layers were learnt with
    assert {path.name for path in (followed / "model").iterdir()} == {"card.json", "model.safetensors", "network.py"}


@pytest.mark.slow
def test_while_the_others_rest_only_the_last_layer_learns(
    tmp_path: Path, pictures: Path, learnt: Path, followed: Path
) -> None:
    """And a run that was stopped meanwhile goes on to the same weights, bit for bit."""
    run = make_run(tmp_path / "run", pictures, model=from_(learnt), settings=SETTINGS)
    copied(run, learnt)
    process = start(run)
    until(run, lambda _found: len(curve(run)) >= 12, process)  # of 96 in which they rest
    protocol.send_command(run, Command.STOP)
    assert process.wait(30) == 0
    stopped = events(run, Event.FINISHED)[-1]["step"]
    assert stopped < 96
    at_rest, before = saved(run, stopped), load_file(learnt / protocol.WEIGHTS)
    assert [name for name in at_rest if not torch.equal(at_rest[name], before[name])] == [
        "layers.11.weight",
        "layers.11.bias",
    ]
    assert train(run) == 0
    assert curve(run) == curve(followed)
    ends = [saved(one, 128) for one in (run, followed)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert not torch.equal(ends[0]["layers.0.weight"], before["layers.0.weight"])
    assert not torch.equal(ends[0]["layers.1.running_mean"], before["layers.1.running_mean"])


def start_of(path: Path, classes: tuple[str, ...], **options: Any) -> tuple[nn.Module, start_weights.Fit]:
    network = convolutional.build("compact_convnet", {**TINY["options"], **options}, len(classes))
    return network, start_weights.give(network, start_weights.read(path), classes)


@pytest.mark.slow
def test_the_last_layer_is_kept_where_the_classes_are_the_same(learnt: Path) -> None:
    network, fit = start_of(learnt, ("across", "down"))
    assert fit.fresh == ()
    before = load_file(learnt / protocol.WEIGHTS)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    _, fit = start_of(learnt, ("cat", "dog"))
    assert fit.fresh == ("layers.11.weight", "layers.11.bias")


@pytest.mark.slow
def test_what_does_not_fit_is_new_and_told(tmp_path: Path, pictures: Path, learnt: Path) -> None:
    wider = {"architecture": "compact_convnet", "options": {**TINY["options"], "widths": [4, 12]}}
    run = make_run(tmp_path / "run", pictures, model={**wider, "start_from": str(learnt)})
    data, options = image_classification.load(read_recipe(run), nothing)
    names = ["layers.4.weight", "layers.5.weight", "layers.5.bias"]
    values = {"count": 3, "of": 6, "names": names}
    assert data.remarks[0] == {"code": "partly_fits", "values": values}
    network = data.network("compact_convnet", options)
    data.begin_epoch(network, 0, read_recipe(run).settings)
    assert all(parameter.requires_grad for parameter in network.parameters())
    frozen = make_run(tmp_path / "frozen", pictures, settings={"freeze": 1})
    data.begin_epoch(network.train(), 0, read_recipe(frozen).settings)
    learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert learning == {*names, "layers.11.weight", "layers.11.bias"}
    assert (network.get_submodule("layers.1").training, network.get_submodule("layers.5").training) == (False, True)
    data.begin_epoch(network.train(), 1, read_recipe(frozen).settings)
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.slow
def test_options_that_are_left_open_are_those_of_the_model(tmp_path: Path, pictures: Path, learnt: Path) -> None:
    options = {**TINY["options"], "channels": "auto", "size": "auto"}
    model = {"architecture": "compact_convnet", "options": options, "start_from": str(learnt)}
    data, decided = image_classification.load(read_recipe(make_run(tmp_path / "run", pictures, model=model)), nothing)
    assert (decided["channels"], decided["size"]) == (1, 16)  # 28 otherwise
    assert data.images.shape[1:] == (1, 16, 16)
    other = {**model, "architecture": "residual_net"}
    with pytest.raises(Failure) as caught:
        image_classification.load(read_recipe(make_run(tmp_path / "other", pictures, model=other)), nothing)
    assert caught.value.code == "bad_start"
    values = {"reason": "architecture", "wanted": "residual_net", "found": "compact_convnet"}
    assert caught.value.values.items() >= values.items()


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrapped", [dict, lambda w: {"epoch": 3, "state_dict": {f"module.{n}": v for n, v in w.items()}}]
)
def test_a_file_of_weights_alone_or_wrapped(
    tmp_path: Path, learnt: Path, wrapped: Callable[[Weights], dict[str, Any]]
) -> None:
    weights = load_file(learnt / protocol.WEIGHTS)
    torch.save(wrapped(weights), tmp_path / "weights.pth")
    save_file(weights, tmp_path / "weights.safetensors")
    for name in ("weights.pth", "weights.safetensors"):
        network, fit = start_of(tmp_path / name, ("across", "down"))
        assert fit.fresh == ("layers.11.weight", "layers.11.bias")  # a file does not tell its classes
        assert torch.equal(network.state_dict()["layers.4.weight"], weights["layers.4.weight"])


class Trap:
    """What runs code where a pickle is read without care."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (Path("trap.txt"), "sprung"))


def _trap(path: Path) -> None:
    path.write_bytes(pickle.dumps({"layers.0.weight": Trap()}, protocol=2))


def _zipped_trap(path: Path) -> None:
    torch.save({"layers.0.weight": Trap()}, path)


NO_GOOD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("w.pth", lambda path: None, "missing"),
    "empty": ("w.pth", lambda path: path.touch(), "no_weights"),
    "text": ("w.safetensors", lambda path: path.write_text("no weights"), "no_weights"),
    "code": ("w.pth", _trap, "no_weights"),
    "zipped code": ("w.pt", _zipped_trap, "no_weights"),
    "a list": ("w.pth", lambda path: torch.save([torch.zeros(2)], path), "no_weights"),
    "a whole network": ("w.pth", lambda path: torch.save(nn.Linear(2, 2), path), "no_weights"),
    "no tensors": ("w.pth", lambda path: torch.save({"epoch": 3}, path), "no_weights"),
    "no numbers": ("w.safetensors", lambda path: save_file({"a": torch.tensor([float("nan")])}, path), "not_finite"),
    "an empty folder": ("model", lambda path: path.mkdir(), "unreadable"),
    "other weights": ("w.safetensors", lambda path: save_file({"a.weight": torch.zeros(3)}, path), "does_not_fit"),
}


@pytest.mark.parametrize("kind", NO_GOOD)
def test_weights_that_are_no_good_are_told(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name, make, reason = NO_GOOD[kind]
    make(tmp_path / name)
    with pytest.raises(Failure) as caught:
        start_of(tmp_path / name, ("across", "down"))
    assert (caught.value.code, caught.value.values["reason"]) == ("bad_start", reason)
    assert caught.value.values["path"] == str(tmp_path / name)
    assert not (tmp_path / "trap.txt").exists()


def test_a_package_that_is_not_there_or_does_not_load_is_named_before_anything_is_read(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", pictures, model={"architecture": "torchvision:resnet18", "options": {}})
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        image_classification.load(read_recipe(run), nothing)
    assert caught.value.name == "torchvision"
    monkeypatch.delitem(sys.modules, "torchvision")
    monkeypatch.delitem(sys.modules, "torchvision.models")
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nms does not exist") as caught:
        image_classification.load(read_recipe(run), nothing)
    assert caught.value.name == "torchvision"
