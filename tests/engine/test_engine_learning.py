"""That it really learns, on the sample that ships; and that a training which cannot work says so."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
import torch

from aienv_gui.core.storage import resource
from aienv_gui.engine import protocol
from aienv_gui.engine.devices import choose_device, device_name, prepare
from aienv_gui.engine.events import Events
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.tasks import pictures as task
from tests.engine.engine_runs import events, make_run, train


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    with zipfile.ZipFile(resource("samples/digits.zip")) as archive:
        archive.extractall(folder)
    return folder


def test_the_sample_is_whole_and_licensed(digits: Path) -> None:
    seen = task.survey(task.find(digits, {}))
    assert seen.found.counts == {str(digit): 500 for digit in range(10)}
    assert seen.broken == ()
    assert {(one.width, one.height, one.colour) for one in seen.looks} == {(28, 28, False)}
    assert task.remarks(seen.found, seen.digests) == []
    assert "CC BY-SA 3.0" in (digits / "LICENCE").read_text(encoding="utf-8")
    assert protocol.read_json(digits / "sample.json")["pictures"] == 5000


@pytest.mark.slow
def test_the_balanced_preset_reads_digits_after_a_few_epochs(digits: Path, tmp_path: Path) -> None:
    left_out = [path for path in task.find(digits, {}).paths if int(Path(path).stem) >= 150]
    run = make_run(
        tmp_path / "run",
        digits,
        data={"folder": str(digits), "skip": left_out},
        model={},
        preset="balanced",
        settings={"epochs": 5, "batch_size": 32, "learning_rate": 0.01, "shift": 2},
    )
    assert train(run) == 0
    (started,) = events(run, Event.STARTED)
    assert started["options"]["size"] == 28
    assert started["total_steps"] == 5 * 38
    assert sum(started["data"]["counts"]["train"].values()) == 1200
    assert events(run, Event.EVALUATED)[-1]["accuracy"] > 0.85
    losses = [event["loss"] for event in events(run, Event.VALIDATION)]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_losses_that_are_no_numbers_end_the_training_and_spare_the_checkpoints(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"optimiser": "sgd", "learning_rate": 1e38, "epochs": 50})
    assert train(run) == 1
    failure = events(run, Event.FAILED)[-1]
    assert failure["code"] == "nan"
    assert failure["values"]["learning_rate"] == pytest.approx(1e38 * 0.3**3)
    assert failure["values"]["step"] >= 1
    for path in (run / protocol.CHECKPOINTS).glob("*.pt"):
        torch.load(path, weights_only=True)


@pytest.mark.slow
def test_a_card_that_is_not_there_is_said_and_auto_does_without(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, device="cuda:7")
    assert train(run) == 1
    failure = events(run, Event.FAILED)[-1]
    assert (failure["code"], failure["values"]["device"]) == ("no_device", "cuda:7")
    assert failure["values"]["reason"]


def test_auto_takes_the_processor_where_the_card_does_not_compute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # as with a card that is too old: and the first
    log = Events(tmp_path)  # computation fails, here because this PyTorch has no CUDA at all
    if torch.version.cuda is None:
        assert choose_device("auto", log) == torch.device("cpu")
        (warning,) = protocol.EventReader(tmp_path).read()
        assert warning["code"] == "gpu_unusable"
        assert warning["values"]["reason"]
        with pytest.raises(Failure, match="no_device"):
            choose_device("cuda", log)
    assert choose_device("cpu", log) == torch.device("cpu")


def test_the_graphics_unit_of_a_mac_is_taken_where_it_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Computed:
        """Stands for a tensor there: this machine has no such unit."""

        def __matmul__(self, _other: object) -> Computed:
            return self

        def sum(self) -> torch.Tensor:
            return torch.zeros(())

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    log = Events(tmp_path)
    assert choose_device("auto", log) == torch.device("cpu")  # is there, does not compute: said
    (warning,) = protocol.EventReader(tmp_path).read()
    assert (warning["code"], warning["values"]["device"]) == ("gpu_unusable", "mps")
    monkeypatch.setattr(torch, "ones", lambda *_size, **_options: Computed())
    assert choose_device("auto", log) == torch.device("mps")
    assert choose_device("mps", log) == torch.device("mps")
    assert device_name(torch.device("mps")) == "Apple GPU"
    assert choose_device("cpu", log) == torch.device("cpu")


def test_a_card_is_chosen_by_its_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert prepare("cuda:1", exact=False) == "cuda:1"
    assert prepare("auto", exact=False) == "auto"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert prepare("cuda:GPU-1234", exact=False) == "cuda:0"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-1234"
