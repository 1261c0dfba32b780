"""A model that others have trained, in the real window: chosen, looked at by the real engine, and what it made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.engine import protocol
from aienv_gui.environments.records import Package
from aienv_gui.gui.pages.models import ModelsPage
from aienv_gui.training import model_store
from aienv_gui.training.records import PRETRAINED, TEXTS
from tests.fakes.texts import sentences, write_folder
from tests.gui.training_pages import OWN, PATIENCE_MS, new_training, open_training_session


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    yield from open_training_session(qtbot, folders)


@pytest.mark.slow
def test_a_model_to_begin_with_is_chosen_and_looked_at(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    _, new = new_training(session)
    new.choose_task(TEXTS)
    new.texts.choose_folder(write_folder(tmp_path / "weather", sentences(120)))
    assert not new.model.pretrained.isVisible()
    new.model.choose("text_pretrained")
    chooser = new.model.pretrained
    assert chooser.isVisible()
    assert new.model.needs.words.text() == "This model needs transformers, which “built in” does not have."
    assert new.reason.text() == "The environment lacks transformers."
    session.services.environments.items = (replace(OWN, packages=(*OWN.packages, Package("transformers", "5.0"))),)
    session.services.environments.changed.emit()
    assert not new.model.needs.isVisible()
    qtbot.waitUntil(lambda: new.texts.found is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "Choose the folder of the model" in new.reason.text(), timeout=PATIENCE_MS)

    (tmp_path / "no model").mkdir()
    chooser.choose(tmp_path / "no model")
    qtbot.waitUntil(chooser.problem.isVisible, timeout=PATIENCE_MS)
    assert "config.json is missing" in str(chooser.problem.problem.cause)
    assert not new.start_button.isEnabled()
    chooser.choose(_folder(tmp_path / "my bert"))
    qtbot.waitUntil(lambda: chooser.found is not None, timeout=PATIENCE_MS)
    assert chooser.words.text() == "A network of the kind bert: 2 layers of 16 values, 1 B"
    assert new.place.name.text() == "weather, my bert"
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    recipe = new.recipe()
    assert (recipe.architecture, recipe.options) == (PRETRAINED, {"folder": str(tmp_path / "my bert"), "length": 256})

    (tmp_path / "my bert").rename(tmp_path / "gone")
    new.show_recipe(recipe)
    qtbot.waitUntil(chooser.problem.isVisible, timeout=PATIENCE_MS)
    assert "is not there" in str(chooser.problem.problem.cause)
    new.model.choose("text_balanced")
    assert not chooser.isVisible()
    assert new.place.name.text() == "weather, my bert"  # it is the user's now
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    assert "folder" not in new.recipe().options


def _folder(folder: Path) -> Path:
    """All that is looked at before a training."""
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"model_type": "bert", "num_hidden_layers": 2, "hidden_size": 16}', encoding="utf-8"
    )
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.slow
def test_what_it_made_is_described_and_asked_by_their_library(qtbot: QtBot, session: Session, folders: Folders) -> None:
    folder = folders.models / "mine"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x")
    card = {
        **{"version": 1, "task": TEXTS, "name": "mine", "created": 1.0, "classes": ["bad", "good"], "parameters": 7},
        **{"architecture": PRETRAINED, "options": {}, "preset": "text_pretrained", "evaluation": None},
        "input": {"config": {"model_type": "bert"}, "length": 46, "padding": 0},
    }
    protocol.write_json(folder / protocol.CARD, card)
    model = model_store.read(folder)
    assert model.broken is None
    session.services.navigator.open("models", folder)
    page = session.window.page
    assert isinstance(page, ModelsPage)
    details = page.details
    qtbot.waitUntil(lambda: details.model is not None, timeout=PATIENCE_MS)
    assert details._facts["input"].text() == "46 pieces of words of a text; a network of the kind bert"
    assert "transformers" in details._needs.text()
    assert f'pipeline("text-classification", model={str(folder)!r})' in details.program.toPlainText()
    assert details.try_text.isVisible()
