"""What the test of the sources found: a row each, with its steps, its speed, and what is wrong."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, size, tr
from aienv_gui.environments.sources.reach import Reach, Source, StepTime, seconds_words, source_words, step_words
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.card import line
from aienv_gui.gui.widgets.flow import FlowLayout
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class ReachRow(QWidget):
    """One source: under test, reached, or not."""

    def __init__(self, source: Source, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reach: Reach | None = None
        self._source = source
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 8, 0, 8)
        outer.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(Label(source_words(source), role="strong", parent=self), 1)
        self.speed = Label(role="muted", parent=self)
        self.speed.setWordWrap(False)
        self.badge = StateBadge(self)
        head.addWidget(self.speed)
        head.addWidget(self.badge)
        outer.addLayout(head)
        self._address = Label(role="mono", parent=self)
        outer.addWidget(self._address)
        self._steps = QWidget(self)
        outer.addWidget(self._steps)
        self._flow = FlowLayout(self._steps)
        self.cause = Label(role="bad", parent=self)
        self.cure = Label(parent=self)
        outer.addWidget(self.cause)
        outer.addWidget(self.cure)
        self.wait()

    def wait(self) -> None:
        """Show that it is under test."""
        self.reach = None
        self._state("busy", tr("Under test"))
        for widget in (self.speed, self._address, self._steps, self.cause, self.cure):
            widget.hide()

    def give_up(self) -> None:
        """Show that nothing is known, where nothing is."""
        if self.reach is None:
            self._state("neutral", tr("Not tested"))

    def show_reach(self, reach: Reach) -> None:
        """Show what was found."""
        self.reach = reach
        if reach.usable:
            self._state("good", tr("Reached"))
        else:
            self._state("bad", tr("Cannot be used"))
        self._address.say(reach.address)
        self._address.show()
        if reach.bytes_s is not None:
            self.speed.say(tr("{size} a second", size=size(reach.bytes_s)))
            self.speed.show()
        for taken in reach.steps:
            self._flow.addWidget(_step(taken, self._steps))
        self._steps.setVisible(bool(reach.steps))
        if reach.cause is not None and reach.cure is not None:
            self.cause.say(reach.cause)
            self.cure.say(reach.cure)
            self.cause.show()
            self.cure.show()

    def _state(self, state: str, word: Text) -> None:
        self.badge.set_state(state, word)
        say(self, "setAccessibleName", tr("{source}: {state}", source=source_words(self._source), state=word))


def _step(taken: StepTime, parent: QWidget) -> QWidget:
    """A step's icon, name and time."""
    widget = QWidget(parent)
    row = QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 8, 0)
    row.setSpacing(4)
    icon = QLabel(widget)
    icon.setProperty("icon_size", 14)
    show_icon(icon, "error" if taken.failed else "success", "bad" if taken.failed else "good", "setPixmap")
    words = Label(
        tr("{step} failed after {time}", step=step_words(taken.step), time=seconds_words(taken.seconds))
        if taken.failed
        else tr("{step} {time}", step=step_words(taken.step), time=seconds_words(taken.seconds)),
        role="caption",
        parent=widget,
    )
    words.setWordWrap(False)
    row.addWidget(icon, 0, Qt.AlignmentFlag.AlignVCenter)
    row.addWidget(words)
    return widget


class ReachList(QWidget):
    """The rows of all sources, below each other; hidden until a test is begun."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        say(self, "setAccessibleName", tr("What the test found"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.rows: dict[Source, ReachRow] = {}
        self.hide()

    def begin(self) -> None:
        """Show every source as under test."""
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.rows = {}
        for source in Source:
            self._column.addWidget(line(self))
            self.rows[source] = ReachRow(source, self)
            self._column.addWidget(self.rows[source])
        self.show()

    def add(self, reach: Reach) -> None:
        self.rows[reach.source].show_reach(reach)

    def end(self) -> None:
        """The test is over, however it ended."""
        for row in self.rows.values():
            row.give_up()
