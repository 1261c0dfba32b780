"""Fine-tuning a folder that others have trained: learnt, exact after a kill, whole in itself, none of its code run."""

from __future__ import annotations

import copy
import pickle
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel

from aienv_gui.engine import attempt, protocol
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.model_folder import load_model
from aienv_gui.engine.models import pretrained
from aienv_gui.engine.protocol import Code, Event
from aienv_gui.engine.recipe import Recipe, read_recipe
from aienv_gui.engine.tasks import fine_tuning, pretrained_folder
from aienv_gui.engine.tasks.fine_tuning import Data
from tests.engine.engine_runs import PYTHON, curve, errand, events, kill_at, make_run, predict, same_weights, train
from tests.fakes.pretrained import change_config, write_bert
from tests.fakes.texts import sentences, write_folder

ASKED = ["so sunny and warm and lovely", "it felt cold and awful", "quid est hoc"]


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("texts") / "weather", sentences(160))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bert(tmp_path_factory.mktemp("models") / "my bert")


def make(run: Path, texts: Path, bert: Path, **changes: Any) -> Path:
    settings = {"epochs": 8, "batch_size": 16, "learning_rate": 0.01, "shift": 0}
    model = {"architecture": "hugging_face", "options": {"folder": str(bert)}}
    return make_run(run, texts, task="text_classification", model=model, settings=settings, **changes)


def train_here(run: Path) -> int:
    """As `train` in this process, which has loaded the large library already; unless another Python is to be tested."""
    if sys.executable != PYTHON:
        return train(run)
    kinds = (signal.SIGINT, signal.SIGTERM)
    handlers, threads = [signal.getsignal(kind) for kind in kinds], torch.get_num_threads()
    try:
        return attempt.run(run, time.time())
    finally:
        torch.set_num_threads(threads)
        for kind, handler in zip(kinds, handlers, strict=True):
            signal.signal(kind, handler)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, texts: Path, bert: Path) -> Path:
    made = make(tmp_path_factory.mktemp("tuned") / "run", texts, bert)
    assert train_here(made) == 0
    return made


def recipe_of(tmp_path: Path, texts: Path, bert: Path) -> Recipe:
    return read_recipe(make(tmp_path / "asked", texts, bert))


@pytest.mark.slow
def test_it_learns_and_tells_what_it_began_with(run: Path, bert: Path) -> None:
    started = events(run, Event.STARTED)[-1]
    assert started["options"]["fingerprint"] == pretrained_folder.look(bert).fingerprint
    assert "transformers" in started["versions"]
    found = events(run, Event.EVALUATED)[-1]
    assert found["accuracy"] > 0.9
    assert {baseline["name"] for baseline in found["baselines"]} == {"guessing", "linear"}


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_exactly(tmp_path: Path, texts: Path, bert: Path, run: Path) -> None:
    other = make(tmp_path / "run", texts, bert, checkpoint_seconds=0.02)
    kill_at(other, 30)
    assert train_here(other) == 0  # another process than the one that began
    assert curve(other) == curve(run)
    assert same_weights(other, run)


@pytest.mark.slow
def test_the_model_needs_nothing_of_the_folder_it_began_with(run: Path, bert: Path) -> None:
    away = bert.rename(bert.with_name("gone"))
    try:
        good, bad, latin = predict(run / protocol.MODEL, {"texts": ASKED})
        assert (good["top"][0]["class"], bad["top"][0]["class"]) == ("good", "bad")
        assert good["warnings"] == []
        assert [warning["code"] for warning in latin["warnings"]] == ["unknown_words"]

        # What Hugging Face's own library makes of the folder, with nothing of ours.
        library, folder = pretrained.library(), run / protocol.MODEL
        theirs = library.AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
        tokenizer = library.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        assert theirs.config.id2label == {0: "bad", 1: "good"}
        ours, card, _ = load_model(folder)
        with torch.no_grad():
            given = tokenizer(ASKED[:2], padding=True, return_tensors="pt")
            scores = ours(pretrained.padded(pretrained.encode(tokenizer, ASKED[:2], card["input"]["length"])))
            assert torch.allclose(theirs(**given).logits, scores, atol=1e-6)
        assert str(bert.parent) not in (folder / "config.json").read_text(encoding="utf-8")
    finally:
        away.rename(bert)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "electra"])
def test_what_comes_after_a_text_does_not_matter_to_any_of_them(kind: str) -> None:
    library = pretrained.library()
    sizes = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    if kind == "distilbert":
        sizes = {"vocab_size": 40, "dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2}
    torch.manual_seed(0)
    config = library.AutoConfig.for_model(kind, num_labels=3, pad_token_id=1, **sizes)
    network = pretrained.PretrainedNet(library.AutoModelForSequenceClassification.from_config(config), 1).eval()
    short, long = [5, 6, 7], [5, 6, 7, 8, 9, 10, 11]
    alone = network(pretrained.padded([short]))
    together = network(pretrained.padded([short, long]))
    assert alone.shape == (1, 3)
    assert torch.allclose(alone[0], together[0], atol=1e-5)


@pytest.mark.slow
def test_its_weights_have_their_names_also_inside_an_average(bert: Path) -> None:
    network, found = pretrained.from_folder(bert, ("bad", "good"), 0)
    assert found > 0.9
    average = AveragedModel(network)
    names = set(network.state_dict())
    assert "classifier.weight" in names
    assert set(average.state_dict()) == {"n_averaged", *(f"module.{name}" for name in names)}
    for one in (network, average):
        fresh = copy.deepcopy(one)
        for parameter in fresh.parameters():
            torch.nn.init.zeros_(parameter)
        fresh.load_state_dict(one.state_dict())
        assert all(torch.equal(fresh.state_dict()[name], value) for name, value in one.state_dict().items())
    with pytest.raises(RuntimeError, match="odd"):
        network.load_state_dict({**network.state_dict(), "odd": torch.ones(1)})


@pytest.mark.slow
def test_texts_are_cut_once_and_padded_to_the_longest_of_a_batch(tmp_path: Path, texts: Path, bert: Path) -> None:
    data, options = fine_tuning.load(recipe_of(tmp_path, texts, bert), nothing)
    assert isinstance(data, Data)
    assert data.length == 46  # 48 places, of which two may be the padding's
    tokenizer = pretrained.tokenizer_of(bert)
    for chosen in (torch.tensor([3]), torch.tensor([159, 0, 7])):
        wanted = pretrained.encode(tokenizer, [data.texts[place] for place in chosen.tolist()], data.length)
        assert torch.equal(data.inputs(chosen).to(torch.int64), pretrained.padded(wanted))
    again = recipe_of(tmp_path / "again", texts, bert).with_options({**options, "fingerprint": "another"})
    with pytest.raises(Failure) as caught:
        fine_tuning.load(again, nothing)
    assert (caught.value.code, caught.value.values["reason"]) == (Code.BAD_PRETRAINED, "changed")


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ("config.json", "no_config"),
        ("model.safetensors", "no_weights"),
        ("tokenizer.json", ""),  # an old folder has vocab.txt alone
        ("tokenizer.json vocab.txt", "no_tokenizer"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, gone: str, reason: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("model.safetensors", "tokenizer.json", "vocab.txt"):
        (folder / name).write_bytes(b"x")
    (folder / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 2}', encoding="utf-8")
    for name in gone.split():
        (folder / name).unlink()
    answer = errand(tmp_path / "errand", "inspect", {"task": "pretrained", "folder": str(folder)})
    if not reason:
        assert (answer["kind"], answer["layers"], answer["width"], answer["bytes"]) == ("bert", 2, None, 1)
        return
    assert (answer["ok"], answer["code"]) == (False, Code.BAD_PRETRAINED)
    assert (answer["values"]["reason"], answer["values"]["path"]) == (reason, str(folder))
    assert answer["values"]["name"] == gone.split()[0]


def test_what_is_no_folder_or_no_configuration_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1", encoding="utf-8")
    for folder, reason in ((tmp_path / "gone", "no_folder"), (tmp_path, "bad_config")):
        with pytest.raises(Failure) as caught:
            pretrained_folder.look(folder)
        assert caught.value.values["reason"] == reason
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../secret"}}', encoding="utf-8")
    with pytest.raises(Failure) as caught:
        pretrained_folder.look(tmp_path)
    assert (caught.value.values["reason"], caught.value.values["name"]) == ("no_weights", "../secret")


class _Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.slow
def test_no_code_of_a_folder_is_run(tmp_path: Path, texts: Path) -> None:
    mark = tmp_path / "was run"
    folder = write_bert(tmp_path / "bert")
    code = f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
    (folder / "evil.py").write_text(code, encoding="utf-8")
    classes = {name: f"evil.{name}" for name in ("AutoConfig", "AutoModelForSequenceClassification")}
    change_config(folder, auto_map=classes)
    data, _ = fine_tuning.load(recipe_of(tmp_path, texts, folder), nothing)
    data.network("hugging_face", {})  # it is a BERT all the same
    change_config(folder, model_type="evil")
    with pytest.raises(Failure) as caught:
        fine_tuning.load(recipe_of(tmp_path / "2", texts, folder), nothing)[0].network("hugging_face", {})
    assert caught.value.values["reason"] == "unusable"
    change_config(folder, model_type="bert")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Bomb(mark), protocol=2))
    data, _ = fine_tuning.load(recipe_of(tmp_path / "3", texts, folder), nothing)
    with pytest.raises(Failure) as caught:
        data.network("hugging_face", {})
    assert caught.value.values["reason"] == "unusable"
    assert not mark.exists()


@pytest.mark.slow
def test_weights_of_another_network_are_refused_and_pickled_numbers_taken(tmp_path: Path, texts: Path) -> None:
    folder = write_bert(tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    data, _ = fine_tuning.load(recipe_of(tmp_path, texts, folder), nothing)
    network = data.network("hugging_face", {})
    assert torch.equal(
        network.state_dict()["bert.embeddings.word_embeddings.weight"], weights["embeddings.word_embeddings.weight"]
    )
    torch.save({f"other.{name}": value for name, value in weights.items()}, folder / "pytorch_model.bin")
    data, _ = fine_tuning.load(recipe_of(tmp_path / "2", texts, folder), nothing)
    with pytest.raises(Failure) as caught:
        data.network("hugging_face", {})
    assert (caught.value.values["reason"], caught.value.values["name"]) == ("other_weights", "bert")


def test_a_library_that_wants_a_newer_pytorch_was_said_to_be_a_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    words = "\nAutoModel requires the PyTorch library but it was not found\nin your environment."  # transformers 5
    failure = pretrained_folder.unusable(tmp_path, ImportError(words))
    assert failure.values["reason"] == "libraries"
    assert failure.values["detail"] == f"ImportError: {' '.join(words.split())}"
    assert pretrained_folder.unusable(tmp_path, ImportError("no sentencepiece")).values["reason"] == "unusable"
