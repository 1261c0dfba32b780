"""The confusion matrix says what its sides mean however few classes it has, and stays small however many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aienv_gui.gui.plots.confusion_matrix import ConfusionMatrix
from aienv_gui.gui.theme import Theme


@pytest.fixture
def matrix(qtbot: QtBot, qapp: QApplication) -> Iterator[ConfusionMatrix]:
    theme = Theme()
    theme.set_mode("light")
    made = ConfusionMatrix(theme)
    qtbot.addWidget(made)
    yield made
    theme.deleteLater()


def _diagonal(count: int) -> list[list[int]]:
    return [[7 * (row == column) for column in range(count)] for row in range(count)]


def _ink(image: QImage, place: QRect) -> list[int]:
    """The columns of `place` in which something is drawn."""
    background = image.pixelColor(image.width() - 1, image.height() - 1)
    rows = range(place.top(), place.bottom())
    columns = range(place.left(), place.right())
    return [x for x in columns if any(image.pixelColor(x, y) != background for y in rows)]


def test_the_words_above_a_matrix_of_two_classes_are_whole(matrix: ConfusionMatrix) -> None:
    """They were cut to the two cells below them: "he model's answ"."""
    matrix.set_matrix(["a", "b"], _diagonal(2))
    matrix.resize(matrix.minimumSizeHint())
    ink = _ink(matrix.grab().toImage(), QRect(0, 0, matrix.width(), matrix.fontMetrics().height()))
    whole = matrix.fontMetrics().boundingRect("The model's answer").width()
    assert ink[-1] - ink[0] + 1 >= whole - 2


def test_many_classes_ask_for_no_more_room_than_a_dozen(matrix: ConfusionMatrix) -> None:
    matrix.set_matrix([f"n{number:07d}" for number in range(12)], _diagonal(12))
    dozen = matrix.minimumSizeHint()
    matrix.set_matrix([f"n{number:07d}" for number in range(400)], _diagonal(400))
    assert matrix.minimumSizeHint() == dozen
    assert matrix.heightForWidth(2000) < 900
    assert matrix.sizeHint().width() < 900


def test_long_names_are_told_apart_by_their_ends(matrix: ConfusionMatrix) -> None:
    names = ["photographs_of_2023_cats", "photographs_of_2023_dogs"]
    matrix.set_matrix(names, _diagonal(2))
    labels = [matrix._label(name) for name in names]
    assert labels[0] != labels[1]
    assert all(label.startswith("pho") and "…" in label for label in labels)


def test_names_beside_small_cells_are_as_high_as_others(matrix: ConfusionMatrix) -> None:
    """They were cut to the height of their cell, which may be a point."""
    heights = []
    for count in (3, 200):
        matrix.set_matrix(["HHHHH"] * count, _diagonal(count))
        matrix.resize(600, matrix.heightForWidth(600))
        image = matrix.grab().toImage()
        background = image.pixelColor(image.width() - 1, image.height() - 1)
        x = matrix._margin_left() - 11  # within the last letter of the names
        rows = [y for y in range(matrix._margin_top() - 10, image.height()) if image.pixelColor(x, y) != background]
        first = [y for y, number in zip(rows, range(rows[0], rows[-1] + 1), strict=False) if y == number]
        heights.append(len(first))
    assert heights[1] >= heights[0] > 5
