"""The page Models with a model that the real engine trained, in the real window."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import ImageOps
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.engine import protocol
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui.pages.model_parts.try_picture import TryPicture
from aienv_gui.gui.pages.models import ModelsPage
from aienv_gui.gui.plots.confusion_matrix import ConfusionMatrix
from aienv_gui.gui.widgets.picture_drop import PictureDrop
from aienv_gui.training.records import Mistake
from tests.engine import engine_runs
from tests.fakes.pictures import SHAPES, draw, write_pictures
from tests.fakes.session import open_session
from tests.gui.training_pages import OWN

PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the real engine on four kinds of shapes."""
    home = tmp_path_factory.mktemp("trained")
    run = engine_runs.make_run(home / "run", write_pictures(home / "shapes"), settings={"epochs": 4})
    assert engine_runs.train(run) == 0
    return run


@pytest.fixture
def session(qtbot: QtBot, folders: Folders, trained: Path) -> Iterator[Session]:
    shutil.copytree(trained, folders.runs / "shapes")
    with open_session(qtbot, folders, look=False) as session:
        session.services.environments.items = (OWN,)
        yield session


@pytest.fixture
def page(qtbot: QtBot, session: Session) -> ModelsPage:
    session.services.navigator.open("models")
    page = session.window.page
    assert isinstance(page, ModelsPage)
    qtbot.waitUntil(lambda: page.current is not None, timeout=PATIENCE_MS)
    return page


def try_picture(qtbot: QtBot, try_it: TryPicture, picture: Path) -> None:
    try_it.try_picture(picture)
    qtbot.waitUntil(lambda: not try_it.busy, timeout=PATIENCE_MS)


def test_an_empty_page_leads_to_training(qtbot: QtBot, folders: Folders) -> None:
    with open_session(qtbot, folders, look=False) as session:
        session.services.navigator.open("models")
        page = session.window.page
        assert isinstance(page, ModelsPage)
        assert page.empty.isVisible()
        assert page.empty.button is not None
        page.empty.button.click()
        assert session.window.page.name == "train"


def test_the_result_is_that_of_the_engine(page: ModelsPage, folders: Folders) -> None:
    card = json.loads((folders.runs / "shapes" / "model" / protocol.CARD).read_text(encoding="utf-8"))
    confusion = card["evaluation"]["confusion"]
    lines = page.details.confusion.as_table().splitlines()
    assert lines[0].split("\t")[1:] == sorted(SHAPES)
    assert [[int(cell) for cell in line.split("\t")[1:]] for line in lines[1:]] == confusion
    assert page.details.headline.text() == f"{card['evaluation']['accuracy'] * 100:.1f} % right"


@pytest.mark.slow
def test_a_picture_gets_the_answer_of_the_model(qtbot: QtBot, page: ModelsPage, trained: Path) -> None:
    pictures = [trained.parent / "shapes" / shape / "003.png" for shape in SHAPES]
    right = 0
    for picture in pictures:
        try_picture(qtbot, page.details.try_it, picture)
        answers = page.details.try_it.bars.answers
        assert sum(probability for _, probability in answers) == pytest.approx(1, abs=1e-3)
        right += answers[0][0] == picture.parent.name
    assert right >= 3


@pytest.mark.slow
def test_the_program_that_is_shown_works(page: ModelsPage, trained: Path, tmp_path: Path) -> None:
    program = tmp_path / "use.py"
    program.write_text(page.details.program.toPlainText(), encoding="utf-8")
    pictures = [trained.parent / "shapes" / shape / "003.png" for shape in SHAPES]
    answers = [
        subprocess.run([sys.executable, "-I", program, picture], capture_output=True, text=True, check=True).stdout
        for picture in pictures
    ]
    assert sum(answer.strip() == picture.parent.name for answer, picture in zip(answers, pictures, strict=True)) >= 3


@pytest.mark.slow
def test_a_broken_picture_is_named_and_the_next_one_works(
    qtbot: QtBot, page: ModelsPage, trained: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "kaputt 坏 🙂.png"
    broken.write_bytes(b"not a picture")
    try_it = page.details.try_it
    try_picture(qtbot, try_it, broken)
    assert try_it.problem.problem is not None
    assert broken.name in str(try_it.problem.problem)
    assert not try_it.bars.answers
    try_picture(qtbot, try_it, trained.parent / "shapes" / "dot" / "000.png")
    assert try_it.problem.problem is None
    assert try_it.bars.answers


def test_without_an_environment_the_page_says_what_to_do(qtbot: QtBot, session: Session, page: ModelsPage) -> None:
    session.services.environments.items = ()
    session.services.environments.changed.emit()
    page.details.try_it.try_picture(Path("any.png"))
    problem = page.details.try_it.problem.problem
    assert problem is not None
    assert problem.code == "no_environment"


def test_an_environment_that_was_deleted_meanwhile_is_said(qtbot: QtBot, session: Session, page: ModelsPage) -> None:
    gone = Environment(Path("/gone"), Path("/gone/bin/python"), "gone", Maker.VENV, "3", OWN.packages)
    session.services.environments.items = (gone,)
    session.services.environments.changed.emit()
    try_picture(qtbot, page.details.try_it, Path("any.png"))
    assert isinstance(page.details.try_it.problem.problem, Problem)


def test_saving_to_a_folder_gives_the_whole_model(qtbot: QtBot, page: ModelsPage, tmp_path: Path) -> None:
    target = tmp_path / "meine Modelle 模型"
    target.mkdir()
    page.details.save_to(str(target))
    qtbot.waitUntil(lambda: page.details.saved.isVisible(), timeout=PATIENCE_MS)
    (saved,) = target.iterdir()
    assert {"model.safetensors", "card.json", "network.py"} <= {file.name for file in saved.iterdir()}


def test_a_kept_model_can_be_deleted_and_the_run_keeps_its_own(
    qtbot: QtBot, session: Session, page: ModelsPage, folders: Folders
) -> None:
    assert not page.details.delete_button.isVisible()
    page.details.keep_button.click()
    qtbot.waitUntil(lambda: page.list.count() == 2, timeout=PATIENCE_MS)
    (kept,) = folders.models.iterdir()
    qtbot.waitUntil(lambda: page.details.keep_button.text() == "Kept", timeout=PATIENCE_MS)
    page.details.keep_button.click()  # leads to the copy; once it made another one, without a sign
    qtbot.waitUntil(lambda: page.current is not None and page.current.folder == kept, timeout=PATIENCE_MS)
    page.details.delete_button.click()
    dialog = next(d for d in session.window.findChildren(QDialog) if d.isVisible())
    answer = next(b for b in dialog.findChildren(type(page.details.delete_button)) if b.text() == "Delete")
    answer.click()
    qtbot.waitUntil(lambda: page.list.count() == 1, timeout=PATIENCE_MS)
    assert not kept.exists()
    qtbot.waitUntil(lambda: page.details.keep_button.text() == "Keep this model", timeout=PATIENCE_MS)
    assert (folders.runs / "shapes" / "model" / protocol.WEIGHTS).is_file()


def test_a_damaged_model_is_shown_with_the_reason(qtbot: QtBot, session: Session, folders: Folders) -> None:
    (folders.runs / "shapes" / "model" / protocol.WEIGHTS).unlink()
    session.services.navigator.open("models")
    page = session.window.page
    assert isinstance(page, ModelsPage)
    qtbot.waitUntil(lambda: page.current is not None, timeout=PATIENCE_MS)
    assert page.details.headline.text() == "Damaged"
    assert not page.details.try_it.isEnabled()


def test_the_matrix_is_read_with_the_keyboard(qtbot: QtBot, session: Session) -> None:
    matrix = ConfusionMatrix(session.services.theme)
    qtbot.addWidget(matrix)
    matrix.set_matrix(["cat", "dog"], [[8, 2], [0, 5]])
    said: list[str] = []
    matrix.sentence_changed.connect(lambda text: said.append(str(text)))
    matrix.resize(matrix.sizeHint())
    matrix.show()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down):
        qtbot.keyClick(matrix, key)
    assert said == [
        "8 of 10 examples of “cat” were recognised.",
        "2 of 10 examples of “cat” were taken for “dog”.",
        "5 of 5 examples of “dog” were recognised.",
    ]
    assert matrix.accessibleDescription() == said[-1]


@pytest.mark.parametrize("count", [2, 10, 50])
def test_the_matrix_has_room_for_few_and_many_classes(qtbot: QtBot, session: Session, count: int) -> None:
    matrix = ConfusionMatrix(session.services.theme)
    qtbot.addWidget(matrix)
    matrix.set_matrix(
        [f"class number {i}" for i in range(count)], [[i + j for j in range(count)] for i in range(count)]
    )
    matrix.resize(800, matrix.heightForWidth(800))
    matrix.show()
    image = matrix.grab().toImage()
    corner = matrix._rect(count - 1, count - 1, matrix._cell(800)).center().toPoint()
    assert image.rect().contains(corner)
    assert image.pixelColor(corner + QPoint(0, int(matrix._cell(800) / 2) - 3)) != session.services.theme.color(
        "surface"
    )


def test_a_matrix_that_is_not_square_is_refused(qtbot: QtBot, session: Session) -> None:
    matrix = ConfusionMatrix(session.services.theme)
    qtbot.addWidget(matrix)
    with pytest.raises(ValueError, match="one row"):
        matrix.set_matrix(["a", "b"], [[1, 2]])


def test_dropping_a_file_tries_it(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    place = PictureDrop(session.services.theme)
    qtbot.addWidget(place)
    urls = [SimpleNamespace(isLocalFile=lambda: True, toLocalFile=lambda: str(tmp_path / "a b.png"))]
    event = SimpleNamespace(mimeData=lambda: SimpleNamespace(urls=lambda: urls), acceptProposedAction=lambda: None)
    with qtbot.waitSignal(place.chosen) as chosen:
        place.dropEvent(event)  # type: ignore[arg-type]
    assert chosen.args == [tmp_path / "a b.png"]


@pytest.mark.parametrize("code", ["en", "zh_CN"])
def test_a_model_fits_in_a_small_window(qtbot: QtBot, session: Session, page: ModelsPage, code: str) -> None:
    session.services.language.use(code)
    session.window.resize(1024, 700)

    mistakes = [Mistake(f"{number}.png", "a cat", "a dog", 0.9) for number in range(12)]
    page.details.mistakes_card.show()
    page.details.mistakes.set_mistakes(Path(), mistakes)
    qtbot.waitUntil(lambda: page.scroll_area.width() < 900)
    line = page.details.mistakes.layout().itemAt(0).sizeHint().height()
    qtbot.waitUntil(lambda: page.details.mistakes.height() > 1.5 * line)  # they wrap
    assert page.scroll_area.horizontalScrollBar().maximum() == 0


def test_moving_over_a_large_matrix_paints_only_the_cursor(
    session: Session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a hundred classes each repaint of all cells froze the window for seconds."""
    painted: list[int] = []
    original = ConfusionMatrix._paint_points

    def counted(self: ConfusionMatrix, painter: QPainter) -> None:
        painted.append(1)
        original(self, painter)

    monkeypatch.setattr(ConfusionMatrix, "_paint_points", counted)
    matrix = ConfusionMatrix(session.services.theme)
    qtbot.addWidget(matrix)
    classes = [f"class {number}" for number in range(100)]
    matrix.set_matrix(classes, [[5 * (row == column) for column in range(100)] for row in range(100)])
    matrix.resize(700, matrix.heightForWidth(700))
    matrix.show()
    qtbot.waitExposed(matrix)
    image = matrix.grab().toImage()
    inside = matrix._rect(7, 7, matrix._cell(700)).center().toPoint()
    assert image.pixelColor(inside) != image.pixelColor(matrix._rect(7, 60, matrix._cell(700)).center().toPoint())
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(matrix, key)
        matrix.grab()
    assert painted == [1]


@pytest.mark.slow
def test_a_picture_unlike_those_of_the_training_can_be_tried_with_dark_and_light_swapped(
    page: ModelsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    try_it = page.details.try_it
    chalk = draw("across", 16, random.Random(2))
    chalk.save(tmp_path / "chalk.png")
    ImageOps.invert(chalk).save(tmp_path / "ink.png")
    try_picture(qtbot, try_it, tmp_path / "chalk.png")
    as_trained = try_it.bars.answers
    assert not try_it.swap.isVisible()
    try_picture(qtbot, try_it, tmp_path / "ink.png")
    assert try_it.swap.isVisible()
    assert try_it.bars.answers != as_trained
    try_it.swap.click()
    qtbot.waitUntil(lambda: not try_it.busy, timeout=PATIENCE_MS)
    assert try_it.bars.answers == as_trained
    assert not try_it.note.isVisible()
    assert try_it.swap.isVisible()  # to go back


def test_choosing_a_mistake_shows_the_answer_and_another_model_its_beginning(
    qtbot: QtBot, session: Session, page: ModelsPage, trained: Path
) -> None:
    """The answer appeared above what was seen, so that choosing seemed to do nothing."""
    session.window.resize(session.window.minimumSize())
    page.details.mistakes_card.show()
    page.details.mistakes.set_mistakes(trained.parent / "shapes", [Mistake("dot/000.png", "dot", "frame", 0.9)])
    bar = page.scroll_area.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 300)
    bar.setValue(bar.maximum())
    (button,) = page.details.mistakes._buttons.values()
    button.click()
    seen = page.details.try_it.visibleRegion().boundingRect().height()
    assert seen > 100
    assert page.details.try_it.busy
    assert page.current is not None
    other = session.services.folders.models / "other"
    shutil.copytree(page.current.folder, other)
    page.shown(other)
    qtbot.waitUntil(lambda: page.current is not None and page.current.folder == other, timeout=PATIENCE_MS)
    assert bar.value() == 0
