"""The two columns of a settings card: names on the left, fields on the right."""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label


def form_in(card: Card) -> QFormLayout:
    """A form at the end of a card."""
    form = QFormLayout()
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(12)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    card.body.addLayout(form)
    return form


def add_row(form: QFormLayout, title: Text, field: QWidget, *, buddy: QWidget | None = None) -> None:
    """A field with its name; `buddy` is what the name stands for where `field` only holds it."""
    label = Label(title)
    label.setFixedWidth(200)
    label.setBuddy(buddy or field)
    form.addRow(label, field)
