"""Trainings on texts: learnt by each network, exact after a kill, used without AIEnv."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aienv_gui.engine import protocol
from aienv_gui.engine.models import text
from aienv_gui.engine.protocol import Event
from tests.engine.engine_runs import curve, events, kill_at, make_run, predict, same_weights, train
from tests.fakes.texts import sentences, write_folder

NETWORKS: dict[str, dict[str, Any]] = {
    "bag": {"width": 16, "pairs": 500, "dropout": 0.2},
    "recurrent": {"cell": "gru", "width": 16, "hidden": 12, "layers": 1, "dropout": 0.2},
    "attention": {"width": 16, "heads": 2, "layers": 1, "dropout": 0.1},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("texts") / "weather", sentences(240))


def make(run: Path, folder: Path, network: str, **changes: Any) -> Path:
    settings = {"epochs": 12, "batch_size": 16, "learning_rate": 0.02, "hide": 0.1, "shift": 0}
    model = {"architecture": network, "options": NETWORKS[network]}
    return make_run(run, folder, task="text_classification", model=model, settings=settings, **changes)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> dict[str, Path]:
    """A finished run of each network."""
    made = {name: make(tmp_path_factory.mktemp(name) / "run", folder, name) for name in NETWORKS}
    for run in made.values():
        assert train(run) == 0
    return made


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_each_network_learns(runs: dict[str, Path], network: str) -> None:
    found = events(runs[network], Event.EVALUATED)[-1]
    assert found["accuracy"] > 0.9
    assert {baseline["name"] for baseline in found["baselines"]} == {"guessing", "linear"}
    assert all(one["path"].endswith(".txt") for one in found["worst"])


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_killed_in_the_middle_it_goes_on_exactly(
    tmp_path: Path, folder: Path, runs: dict[str, Path], network: str
) -> None:
    run = make(tmp_path / "run", folder, network, checkpoint_seconds=0.02)
    kill_at(run, 40)
    assert train(run) == 0
    assert curve(run) == curve(runs[network])
    assert same_weights(run, runs[network])


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_a_model_answers_texts_with_and_without_aienv(runs: dict[str, Path], network: str) -> None:
    folder = runs[network] / "model"
    asked = ["so sunny and warm and lovely", "it felt cold and awful", "quid est hoc"]
    good, bad, latin = predict(folder, {"texts": asked})
    assert (good["top"][0]["class"], bad["top"][0]["class"]) == ("good", "bad")
    assert good["warnings"] == []
    assert [warning["code"] for warning in latin["warnings"]] == ["unknown_words"]

    card = protocol.read_json(folder / protocol.CARD)
    source = runpy.run_path(str(folder / "network.py"))
    alone = source["of_card"](card)
    alone.load_state_dict(load_file(folder / protocol.WEIGHTS))
    scores = alone(source["encode"](card["input"], asked[:2]).long())
    assert [card["classes"][place] for place in scores.argmax(dim=1)] == ["good", "bad"]


def test_words_of_all_writings() -> None:
    assert text.words_of("It's Nice, isn't it?") == ["it", "'", "s", "nice", ",", "isn", "'", "t", "it", "?"]
    assert text.words_of("AI很好，GPU不好") == ["ai", "很", "好", "，", "gpu", "不", "好"]
    assert text.words_of("naïve Straße 12_3") == ["naïve", "straße", "12", "3"]
    assert text.words_of(" \n") == []


def test_texts_become_numbers_by_the_vocabulary() -> None:
    wanted = {"vocabulary": ["a", "b"], "length": 3}
    assert text.encode(wanted, ["b a new a", "", "B"]).tolist() == [[3, 2, 1], [1, 0, 0], [3, 0, 0]]


@pytest.mark.parametrize("network", NETWORKS)
def test_what_comes_after_a_text_does_not_matter(network: str) -> None:
    torch.manual_seed(0)
    built = text.build(network, NETWORKS[network], 30, 12, 3).eval()
    words = torch.randint(1, 30, (4, 6))
    longer = torch.cat([words, torch.zeros(4, 5, dtype=torch.long)], dim=1)
    assert torch.allclose(built(words), built(longer), atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "options"),
    [("other", {}), ("recurrent", {"cell": "magic"}), ("attention", {"width": 10, "heads": 4})],
)
def test_what_cannot_be_built_is_named(architecture: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"architecture|cell|heads"):
        text.build(architecture, options, 10, 5, 2)
