"""Word pieces: the same from the same text, any text in them and back, learnt, exact after a kill, used without us."""

from __future__ import annotations

import json
import math
import os
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn

from aienv_gui.engine import protocol
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.models import causal
from aienv_gui.engine.protocol import Code, Event
from aienv_gui.engine.recipe import Recipe, read_recipe
from aienv_gui.engine.tasks import language_model, running_text, tokens
from tests.engine import writing_runs
from tests.engine.engine_runs import curve, events, kill_at, predict, same_weights, train
from tests.engine.writing_runs import nothing, write_book
from tests.fakes.texts import sentences

OPTIONS: dict[str, Any] = {
    **{"tokens": "bpe", "vocabulary": 300},
    **{"context": 16, "width": 16, "heads": 2, "layers": 1, "dropout": 0.1},
}
STRANGE = "Ünï — 天气很好。 \t\r\n👩‍🔬🧪 \x00 اَلسَّلَامُ ¬"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_book(tmp_path_factory.mktemp("text"), "\n")


def make(run: Path, book: Path, **changes: Any) -> Path:
    return writing_runs.make(run, book, {**OPTIONS, **changes.pop("options", {})}, 6, **changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, book: Path) -> Path:
    made = make(tmp_path_factory.mktemp("gpt") / "run", book)
    assert train(made) == 0
    return made


@pytest.fixture
def recipe(tmp_path: Path, book: Path) -> Recipe:
    return read_recipe(make(tmp_path / "asked", book))


@pytest.fixture(scope="module")
def pieces() -> causal.Pieces:
    text = "\n".join(text for language in (0, 1) for text, _ in sentences(300, language=language))
    return causal.Pieces(tokens._learn([text], 600))


@pytest.mark.slow
def test_it_learns_and_can_be_compared_with_characters(run: Path) -> None:
    started = events(run, Event.STARTED)[-1]
    assert "tokenizers" in started["versions"]
    found = events(run, Event.EVALUATED)[-1]
    reached = {baseline["name"]: baseline["accuracy"] for baseline in found["baselines"]}
    assert reached["guessing"] < reached["piece_pairs"] < found["accuracy"]
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]))
    assert found["examples"] == started["data"]["counts"]["test"]["text"]
    assert 2 < found["characters"] / found["examples"] < 6
    bits = found["loss"] * found["examples"] / math.log(2)
    assert found["bits_per_character"] * found["characters"] == pytest.approx(bits)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_exactly(tmp_path: Path, book: Path, run: Path) -> None:
    other = make(tmp_path / "run", book, checkpoint_seconds=0.02)
    kill_at(other, 10, 25)
    assert train(other) == 0
    assert events(other, Event.STARTED)[-1]["step"] > 0
    assert curve(other) == curve(run)
    assert same_weights(other, run)


@pytest.mark.slow
def test_it_writes_on_the_same_for_the_same_seed_with_and_without_aienv(run: Path, tmp_path: Path) -> None:
    request = {"beginning": "the day ", "length": 61, "seed": 5}
    (answer,) = predict(run / "model", request)
    written = answer["text"]
    assert len(written) == 61
    assert predict(run / "model", {**request, "seed": 6})[0]["text"] != written
    assert len(predict(run / "model", {**request, "beginning": ""})[0]["text"]) == 61

    folder = run / "model"
    card = protocol.read_json(folder / protocol.CARD)
    assert card["needs"] == ["tokenizers"]
    source = runpy.run_path(str(folder / "network.py"))
    alone = source["of_card"](card)
    alone.load_state_dict(load_file(folder / protocol.WEIGHTS))
    own = source["pieces_of"](folder)
    assert source["generate"](alone, card["input"], "the day ", 61, pieces=own, seed=5) == written

    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in folder.iterdir():
        (damaged / file.name).write_bytes(file.read_bytes() if file.name != causal.TOKENIZER else b"{}")
    with pytest.raises(Failure) as caught:
        predict(damaged, request)
    assert caught.value.code == Code.BAD_MODEL


@pytest.mark.slow
def test_others_read_its_pieces(run: Path) -> None:
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(run / "model" / causal.TOKENIZER))
    ours = causal.pieces_of(run / "model")
    text = f"the sunny day {STRANGE}"
    assert theirs(text)["input_ids"] == ours.encode([text])[0]
    assert theirs.decode(ours.encode([text])[0], clean_up_tokenization_spaces=False) == text


@pytest.mark.slow
def test_the_same_text_gives_the_same_pieces_in_any_process(tmp_path: Path) -> None:
    text = "\n".join(text for text, _ in sentences(2000, language=1)) + "\n".join(text for text, _ in sentences(2000))
    (tmp_path / "text").write_text(text, encoding="utf-8")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from aienv_gui.engine.tasks import tokens\n"
        "text = Path(sys.argv[2]).read_text(encoding='utf-8')\n"
        "parts = [text[n : n + 700] for n in range(0, len(text), 700)]\n"
        "described = tokens._learn(parts, 900)\n"
        "print(described, tokens._word_pieces(described).cut(parts))\n"
    )
    said = set()
    for number, threads in ((0, 1), (1, 4), (2, 3)):
        command = [sys.executable, "-c", program, str(Path(__file__).parents[2]), str(tmp_path / "text")]
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "RAYON_NUM_THREADS": str(threads)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        said.add(done.stdout)
    assert len(said) == 1
    assert len(next(iter(said))) > 100_000


@pytest.mark.parametrize("text", [STRANGE, "", " ", "the sunny day", "今天天气晴朗", "".join(map(chr, range(1, 3000)))])
def test_any_text_is_written_in_pieces_and_read_back(pieces: causal.Pieces, text: str) -> None:
    (found,) = pieces.encode([text])
    assert b"".join(pieces.spelt[number] for number in found).decode("utf-8") == text


def test_pieces_are_learnt_up_to_a_limit_and_halves_of_characters_are_survived(pieces: causal.Pieces) -> None:
    (found,) = pieces.encode(["the sunny day"])
    assert [pieces.spelt[number] for number in found] == [b"the", b" sunny", b" day"]
    assert pieces.encode(["a\ud83dz"]) == pieces.encode(["a?z"])
    alike = causal.Pieces(tokens._learn(["ab" * 5000 + "天" * 5000] * 3, 5000))
    assert max(map(len, alike.spelt)) <= 24
    assert len(causal.Pieces(tokens._learn(["a\ud83dz"], 10)).spelt) == 256


def test_a_length_counts_characters(pieces: causal.Pieces) -> None:
    found = tokens._word_pieces(json.dumps(json.loads(pieces._tokenizer.to_str())))
    for text in (STRANGE, "今天天气晴朗", "the sunny day"):
        (numbers,) = found.cut([text])
        assert int(found.lengths[torch.tensor(numbers)].sum()) == len(text)


class Parrot(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """Says these tokens one after another, whatever it hears; where one is barred, the lowest number that is not."""

    def __init__(self, numbers: list[int], size: int) -> None:
        super().__init__()
        self.numbers, self.size, self.heard = list(numbers), size, list[list[int]]()

    def forward(self, texts: Tensor) -> Tensor:
        self.heard.append(texts[0].tolist())
        scores = -1e6 * torch.arange(1, self.size + 1, dtype=torch.float64).expand(*texts.shape, self.size).clone()
        scores[0, -1, self.numbers.pop(0) if self.numbers else 0] = 0.0
        return scores


def written(pieces: causal.Pieces, parrot: Parrot, beginning: str, length: int) -> str:
    wanted = {"tokens": "bpe", "pieces": len(pieces.spelt), "context": 32}
    return causal.generate(parrot, wanted, beginning, length, pieces=pieces, temperature=0.1)


def test_characters_of_several_pieces_come_whole(pieces: causal.Pieces) -> None:
    (science,) = pieces.encode(["🧪é天"])
    assert len(science) > 3
    for length in (1, 2, 3):
        parrot = Parrot(science, len(pieces.spelt))
        assert written(pieces, parrot, "", length) == "🧪é天"[:length]
    # What is no character at all is marked, counted, and the rest goes on; the last piece may be longer than asked.
    (sunny,) = pieces.encode([" sunny"])
    broken = [science[0], science[0], *sunny]
    assert written(pieces, Parrot(broken, len(pieces.spelt)), "", 5) == "�� su"


def test_a_beginning_ends_within_a_piece(pieces: causal.Pieces) -> None:
    (sunny,) = pieces.encode([" sunny"])
    for beginning in ("the ", "the su", "the sunny"):
        parrot = Parrot([*sunny, *sunny], len(pieces.spelt))
        said = written(pieces, parrot, beginning, 12)
        assert (beginning + said).startswith("the sunny sunny"[: len(beginning) + 12])
        assert len(said) == 12
        assert parrot.heard[0] == pieces.encode(["the"])[0]
    # Spelt in shorter pieces, it is the same beginning still.
    (space, *_), (day,) = pieces.encode([" ", " day"])
    parrot = Parrot([space, *[day] * 30], len(pieces.spelt))
    said = written(pieces, parrot, "the sunny", 8)
    heard = b"".join(pieces.spelt[number] for number in parrot.heard[-1]).decode("utf-8")
    assert (said, heard) == (" day day", "the sunny day")
    with pytest.raises(ValueError, match="pieces_of"):
        causal.generate(Parrot([], 9), {"tokens": "bpe", "pieces": 9, "context": 8}, "", 1)


def test_only_what_is_trained_with_is_learnt_from(recipe: Recipe, tmp_path: Path) -> None:
    running = running_text.read(recipe.folder, {}, nothing)
    parts = running_text.split(running, recipe.settings.seed)
    said = {name: "".join(running.text[start:stop] for start, stop in part) for name, part in parts.items()}
    other = list(running.text)
    for start, stop in parts["test"]:
        other[start:stop] = "ζ" * (stop - start)
    taught = [running.text[start:stop] for start, stop in parts["train"]]
    data, _ = language_model.load(recipe, nothing)
    assert data.tokens.learnt == tokens.of(recipe, taught).learnt
    assert data.tokens.learnt != tokens.of(recipe, ["".join(other)]).learnt
    # Examples follow one another, lie within their split and are found in the text by their names.
    for name, chosen in data.splits.items():
        assert len(chosen) > 0
        texts, following = data._stretches(data.starts[chosen])
        assert torch.equal(texts[:, 1:], following[:, :-1])
        for one, place in zip(texts.tolist(), data.names(chosen), strict=True):
            spelt = b"".join(_spelt(data, number) for number in one)
            began = int(place.rpartition(" ")[2])
            assert running.text[began:].startswith(spelt.decode("utf-8"))
            assert spelt.decode("utf-8") in said[name]


def _spelt(data: language_model.Data, number: int) -> bytes:
    return bytes.fromhex(data.tokens.learnt.split(" ")[number])


def test_it_begins_with_the_pieces_of_the_model_that_it_begins_with(
    recipe: Recipe, tmp_path: Path, pieces: causal.Pieces
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    own, _ = language_model.load(replace(recipe, start_from=folder), nothing)
    (folder / causal.TOKENIZER).write_text(pieces._tokenizer.to_str(), encoding="utf-8")
    taken, _ = language_model.load(replace(recipe, start_from=folder), nothing)
    assert (own.tokens.size, taken.tokens.size) == (300, len(pieces.spelt))
    # Other pieces are other data: a run that was begun with some does not go on with others.
    assert own.fingerprint != taken.fingerprint != running_text.read(recipe.folder, {}, nothing).fingerprint


def test_it_looks_back_no_further_than_there_is_text_to_judge_by(tmp_path: Path, book: Path) -> None:
    asked = read_recipe(make(tmp_path / "asked", book, options={"context": 100_000}))
    data, _ = language_model.load(asked, nothing)
    assert 100 < data.context < 2000
    assert all(len(chosen) > 0 for chosen in data.splits.values())


def test_other_tokens_are_refused(tmp_path: Path, book: Path) -> None:
    asked = read_recipe(make(tmp_path / "asked", book, options={"tokens": "syllables"}))
    with pytest.raises(Failure) as caught:
        language_model.load(asked, nothing)
    assert caught.value.code == Code.BAD_RECIPE
    assert "syllables" in caught.value.values["reason"]


def test_without_the_library_it_is_named(tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    characters = read_recipe(make(tmp_path / "letters", book, options={"tokens": "characters"}))
    assert not language_model.load(characters, nothing)[0].tokens.pieces
    with pytest.raises(ModuleNotFoundError) as caught:
        language_model.load(read_recipe(make(tmp_path / "asked", book)), nothing)
    assert caught.value.name == "tokenizers"
