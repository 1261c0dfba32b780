"""*Try it* for tables: a field for each column, filled with what is usual; the model fills in the one it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.pages.model_parts.try_it import TryIt
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.training.model_store import Model, usual_values

_WIDTH, _HEIGHT = 380, 320


class TryRow(TryIt):
    prompt = tr("Fill in what you know: the model answers. An empty field counts as not known.")
    trying = tr("Try a row")

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        self.fields: dict[str, QLineEdit | QComboBox] = {}
        super().__init__(services, parent)

    def _make_input(self) -> QWidget:
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        self._scroll = QScrollArea(left)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFixedWidth(_WIDTH)
        self._scroll.setMaximumHeight(_HEIGHT)
        say(self._scroll, "setAccessibleName", tr("The columns"))
        self.button = Button(tr("Answer"), icon="play", parent=left)
        self.button.clicked.connect(self._ask)
        column.addWidget(self._scroll)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        return left

    def set_model(self, model: Model) -> None:
        if self._model is None or self._model.folder != model.folder:
            self._make_fields(model)
        super().set_model(model)

    def _make_fields(self, model: Model) -> None:
        form = QWidget()
        rows = QFormLayout(form)
        rows.setContentsMargins(0, 0, 8, 0)
        self.fields = {}
        for column, usual in usual_values(model):
            name = str(column["name"])
            field = self._field(column, usual, form)
            say(field, "setAccessibleName", tr("{text}", text=name))
            label = Label(tr("{text}", text=name), parent=form)
            label.setWordWrap(True)
            label.setBuddy(field)
            rows.addRow(label, field)
            self.fields[name] = field
        self._scroll.setWidget(form)
        for widget in (form, self._scroll.viewport()):  # the card shines through
            widget.setAutoFillBackground(False)
        self._scroll.setMinimumHeight(min(form.sizeHint().height(), _HEIGHT))

    def _field(self, column: Mapping[str, Any], usual: str, parent: QWidget) -> QLineEdit | QComboBox:
        if column["kind"] == "category":
            box = QComboBox(parent)
            box.setEditable(True)  # a value that was never seen can be asked about: it is said
            box.addItems([str(value) for value in column["values"]])
            box.setCurrentText(usual)
            return box
        line = QLineEdit(usual, parent)
        line.returnPressed.connect(self._ask)
        return line

    def _request(self) -> dict[str, Any] | None:
        row = {
            name: field.currentText() if isinstance(field, QComboBox) else field.text()
            for name, field in self.fields.items()
        }
        return {"rows": [row]} if row else None

    def _show_warnings(self, warnings: list[Text]) -> None:
        names = {f"line{index}": warning for index, warning in enumerate(warnings)}
        self.note.say(Text("\n".join(f"{{{name}}}" for name in names), names))
        self.note.show()
