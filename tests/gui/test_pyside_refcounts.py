"""PySide keeps its hands off the reference counts of True and None.

PySide6 6.12.0 loses one of True at each `Signal.emit()` and one of None at each call that returns nothing, on Python
3.10 and 3.11: the program aborts after a while. pyproject.toml keeps it out; this says so when somebody lets it in.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

_CALLS = 200  # few enough that the unsound one fails this test rather than the whole program
_TOLERANCE = 40  # what the rest of the program does meanwhile


class _Speaker(QObject):
    said = Signal()
    told = Signal(object)
    counted = Signal(bool)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.heard = 0

    @Slot()
    def hear(self) -> None:
        self.heard += 1


def _drift(call: Callable[[], object]) -> tuple[int, int]:
    """How many references of True and None are gone (or too many) after many calls."""
    call()
    gc.collect()
    before = sys.getrefcount(True), sys.getrefcount(None)
    for _ in range(_CALLS):
        call()
    gc.collect()
    return sys.getrefcount(True) - before[0], sys.getrefcount(None) - before[1]


def _calls(parent: QWidget) -> dict[str, Callable[[], object]]:
    speaker = _Speaker(parent)
    speaker.said.connect(speaker.hear)
    label = QLabel(parent)
    timer = QTimer(parent)
    return {
        "emit": speaker.said.emit,
        "emit_none": lambda: speaker.told.emit(None),
        "emit_true": lambda: speaker.counted.emit(True),
        "void_call": lambda: label.setText("text"),
        "void_call_of_qobject": lambda: timer.setInterval(10),
        "returns_bool": label.isVisible,
        "takes_bool": lambda: label.setEnabled(True),
        "returns_none": label.buddy,
    }


@pytest.mark.parametrize(
    "name",
    [
        "emit",
        "emit_none",
        "emit_true",
        "void_call",
        "void_call_of_qobject",
        "returns_bool",
        "takes_bool",
        "returns_none",
    ],
)
def test_calls_leave_the_reference_counts_alone(qtbot: QtBot, name: str) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    true, none = _drift(_calls(parent)[name])
    assert abs(true) < _TOLERANCE, f"True: {true:+d} after {_CALLS} calls"
    assert abs(none) < _TOLERANCE, f"None: {none:+d} after {_CALLS} calls"
