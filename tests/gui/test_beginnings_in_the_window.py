"""What a training for pictures begins with, as it is chosen: nothing, an own model, weights from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.engine import protocol
from aienv_gui.environments.records import Package
from aienv_gui.gui.pages.model_parts.model_details import ModelDetails
from aienv_gui.gui.pages.train_parts.new_training import NewTraining
from aienv_gui.training import model_store, run_store
from aienv_gui.training.records import TABLE
from tests.fakes.pictures import write_pictures
from tests.gui.training_pages import OWN, PATIENCE_MS, new_training, open_training_session

OPTIONS = {"channels": 1, "size": 16, "widths": [4, 8], "dropout": 0.0, "normalise": True}


def make_model(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    card = {
        "version": 1,
        "task": "image_classification",
        "name": "Shapes",
        "created": 1_700_000_000.0,
        "classes": ["a", "b"],
        "architecture": "compact_convnet",
        "options": OPTIONS,
        "evaluation": {"loss": 0.5, "accuracy": 0.75, "confusion": [[3, 1], [1, 3]], "worst": []},
        **changes,
    }
    (folder / protocol.CARD).write_text(json.dumps(card), encoding="utf-8")
    (folder / protocol.WEIGHTS).write_bytes(b"weights")
    return folder


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    yield from open_training_session(qtbot, folders)


def choose(new: NewTraining, index: int) -> None:
    new.beginning.source.setCurrentIndex(index)
    new.beginning.source.activated.emit(index)


def offered(new: NewTraining) -> list[str]:
    return [new.beginning.source.itemText(index) for index in range(new.beginning.source.count())]


def ready(qtbot: QtBot, new: NewTraining, tmp_path: Path) -> None:
    new.pictures.choose_folder(write_pictures(tmp_path / "shapes", each=4))
    qtbot.waitUntil(lambda: new.missing() is None and new.beginning._job is None, timeout=PATIENCE_MS)


def test_own_models_are_offered_and_give_the_network(
    qtbot: QtBot, session: Session, folders: Folders, tmp_path: Path
) -> None:
    own = make_model(folders.models / "Shapes")
    make_model(folders.runs / "copied" / protocol.MODEL)  # the run's own of the same
    make_model(folders.models / "Fruits", task="tabular", classes=[])
    damaged = make_model(folders.models / "Damaged")
    (damaged / protocol.WEIGHTS).unlink()
    _, new = new_training(session)
    ready(qtbot, new, tmp_path)
    assert offered(new) == [
        "nothing: everything is learnt anew",
        "Shapes (2 classes, 75.0 % right)",
        "other weights...",
    ]
    assert not new.beginning.freeze.isVisible()
    assert (new.recipe().start_from, new.recipe().architecture) == (None, "residual_net")
    assert "freeze" not in new.recipe().settings

    choose(new, 1)
    new.beginning.freeze.setValue(2)
    assert new.beginning.freeze.isVisible()
    new.model.choose("residual")  # decides how it learns
    recipe = new.recipe()
    assert (recipe.start_from, recipe.architecture, recipe.options) == (own, "compact_convnet", OPTIONS)
    assert (recipe.preset, recipe.settings["freeze"], recipe.settings["learning_rate"]) == ("residual", 2, 0.01)

    run = run_store.create(recipe, folders)
    asked = protocol.read_json(run / protocol.RECIPE)["model"]
    assert Path(asked["start_from"]) == own
    copy = run / protocol.START / "Shapes"
    assert sorted(path.name for path in copy.iterdir()) == [protocol.CARD, protocol.WEIGHTS]
    choose(new, 0)
    assert new.recipe().start_from is None
    new.show_recipe(run_store.read_recipe(run))
    new.open()  # looks for the models again
    qtbot.waitUntil(lambda: new.beginning._job is None and new.missing() is None, timeout=PATIENCE_MS)
    assert new.recipe() == replace(recipe, name=new.place.name.text(), settings=new.recipe().settings)
    assert new.recipe().settings["freeze"] == 2
    session.services.language.use("zh_CN")
    assert offered(new)[1] == "Shapes（2 个类别，正确率 75.0 %）"
    assert new.beginning.source.currentIndex() == 1
    new.choose_task(TABLE)
    assert not new.beginning.isVisible()


def test_weights_from_elsewhere_want_their_file_and_their_package(
    qtbot: QtBot, session: Session, folders: Folders, tmp_path: Path
) -> None:
    _, new = new_training(session)
    ready(qtbot, new, tmp_path)
    choose(new, 1)
    assert new.reason.text() == "Choose the file of the weights to start from."
    weights = tmp_path / "resnet18.pth"
    weights.write_bytes(b"weights")
    new.beginning._on_file(str(weights))
    assert new.reason.text().startswith("The environment lacks torchvision")
    able = replace(OWN, packages=(*OWN.packages, Package("torchvision", "0.24")))
    session.services.environments.items = (able,)
    session.services.environments.changed.emit()
    assert new.missing() is None
    recipe = new.recipe()
    assert (recipe.architecture, recipe.options, recipe.start_from) == ("torchvision:resnet18", {}, weights)
    assert recipe.settings["learning_rate"] == 0.001  # the preset's is for beginning with chance
    new.beginning.network.setCurrentText("resnet18")
    assert new.reason.text().startswith("Name their network as torchvision:NAME")
    new.beginning.network.setCurrentText("timm:resnet18")
    assert new.reason.text().startswith("The environment lacks timm")
    choose(new, 0)
    assert new.missing() is None
    assert new.recipe().settings["learning_rate"] == 0.01

    run = run_store.create(recipe, folders)
    assert (run / protocol.START / "resnet18.pth").read_bytes() == b"weights"
    new.show_recipe(run_store.read_recipe(run))
    assert (new.recipe().start_from, new.recipe().architecture) == (weights, "torchvision:resnet18")
    assert "resnet18.pth" in new.beginning._path.text()
    new.model.advanced.learning_rate.setText("0.02")  # the user's own stays
    choose(new, 0)
    choose(new, 1)
    assert new.recipe().settings["learning_rate"] == 0.02


def test_a_model_tells_what_it_started_from_and_what_it_needs(qtbot: QtBot, session: Session, folders: Folders) -> None:
    started = {"name": "resnet18.pth", "architecture": "", "taken": 120, "fresh": 4}
    library = {"architecture": "torchvision:resnet18", "needs": ["torchvision"]}
    own = make_model(folders.models / "Birds", started_from=started, **library)
    details = ModelDetails(session.services)
    qtbot.addWidget(details)
    details.set_model(model_store.read(own))
    said = details._facts["network"].text()
    assert said == "torchvision:resnet18, 0 parameters; it started from “resnet18.pth”; needs torchvision"
