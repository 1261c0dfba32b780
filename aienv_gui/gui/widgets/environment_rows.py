"""The list of environments: three lines each (name and health; what is in it; where it is), with a filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.discovery.foreign_files import one_line
from aienv_gui.environments.health.frameworks import accelerator_of, frameworks_of, overall
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import STATES
from aienv_gui.gui.widgets.verdict_list import HEALTH_WORDS
from aienv_gui.gui.words import say

Index = QModelIndex | QPersistentModelIndex

_ENVIRONMENT: Final = Qt.ItemDataRole.UserRole
_SEARCH: Final = Qt.ItemDataRole.UserRole + 1
_HEIGHT: Final = 76
_MARGIN: Final = 12
_LONGEST: Final = 4096  # characters of a path

MAKER_WORDS: Final[dict[Maker, Text]] = {
    Maker.AIENV: tr("made by AIEnv"),
    Maker.BUILT_IN: tr("built in"),
    Maker.CONDA: tr("conda"),
    Maker.MAMBA: verbatim("mamba"),
    Maker.MICROMAMBA: verbatim("micromamba"),
    Maker.PIXI: verbatim("pixi"),
    Maker.VENV: tr("venv"),
    Maker.VIRTUALENV: verbatim("virtualenv"),
    Maker.UV: verbatim("uv"),
    Maker.UV_TOOL: tr("a program of uv"),
    Maker.PIPX: tr("a program of pipx"),
    Maker.POETRY: verbatim("Poetry"),
    Maker.PIPENV: verbatim("Pipenv"),
    Maker.PYENV: tr("pyenv"),
    Maker.ASDF: verbatim("asdf"),
    Maker.MISE: verbatim("mise"),
    Maker.UV_PYTHON: tr("a Python of uv"),
    Maker.HOMEBREW: verbatim("Homebrew"),
    Maker.SYSTEM: tr("the system's"),
}


def health_words(environment: Environment) -> tuple[str, Text]:
    """The badge of an environment: its state and word."""
    if environment.broken is not None:
        return "bad", tr("Broken")
    return HEALTH_WORDS[overall(environment)]


def contents(environment: Environment) -> str:
    """What is in an environment, in one line."""
    parts = [
        f"Python {environment.python_version}" if environment.python_version else str(tr("Python of unknown version"))
    ]
    parts += [f"{framework.name} {framework.version}" for framework in frameworks_of(environment)[:2]]
    accelerator = accelerator_of(environment)
    if accelerator is not None:
        parts.append(str(accelerator))
    return " · ".join(parts)


def _places(environment: Environment) -> str:
    """Where an environment lies and which project it belongs to; folders may be called anything."""
    places = [environment.prefix] if environment.project is None else [environment.prefix, environment.project]
    return "\n".join(one_line(str(place), _LONGEST) for place in places)


class _Model(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.items: tuple[Environment, ...] = ()

    def set_items(self, items: tuple[Environment, ...]) -> None:
        self.beginResetModel()
        self.items = items
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        environment = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return environment.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return _places(environment)
        if role == _ENVIRONMENT:
            return environment
        if role == _SEARCH:
            maker = MAKER_WORDS[environment.maker]
            packages = " ".join(package.name for package in environment.packages)
            return f"{environment.name}\n{contents(environment)}\n{_places(environment)}\n{maker}\n{packages}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return str(
                tr(
                    "{name}, {health}, {contents}, {maker}",
                    name=environment.name,
                    health=health_words(environment)[1],
                    contents=contents(environment),
                    maker=MAKER_WORDS[environment.maker],
                )
            )
        return None


class _Delegate(QStyledItemDelegate):
    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = services.theme

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(200, _HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        environment: Environment = index.data(_ENVIRONMENT)
        self.initStyleOption(option, index)
        option.text = ""
        style = option.widget.style() if option.widget is not None else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        state, word = health_words(environment)
        icon, role = STATES[state]
        area = option.rect.adjusted(_MARGIN, 9, -_MARGIN, -9)
        strong = QFont(option.font)
        strong.setWeight(QFont.Weight.DemiBold)
        small = QFont(option.font)
        small.setPointSizeF(small.pointSizeF() * 0.92)
        height = area.height() // 3
        lines = [QRect(area.left(), area.top() + height * number, area.width(), height) for number in range(3)]
        painter.save()
        words = str(word)
        width = QFontMetrics(small).horizontalAdvance(words)
        badge = QRect(lines[0].right() - width, lines[0].top(), width + 1, height)
        ratio = option.widget.devicePixelRatioF() if option.widget is not None else 1.0
        picture = self._theme.icon(icon, role).pixmap(QSize(14, 14), ratio)
        painter.drawPixmap(badge.left() - 19, lines[0].center().y() - 6, picture)
        painter.setFont(small)
        painter.setPen(self._theme.color(role))
        painter.drawText(badge, _LEFT, words)
        painter.setFont(strong)
        painter.setPen(self._theme.color("text"))
        _elided(painter, lines[0].adjusted(0, 0, -(width + 28), 0), environment.name, strong)
        painter.setFont(small)
        _elided(painter, lines[1], contents(environment), small)
        painter.setPen(self._theme.color("muted"))
        maker = f"{MAKER_WORDS[environment.maker]} · "
        _elided(painter, lines[2], maker, small)
        used = QFontMetrics(small).horizontalAdvance(maker)
        place = lines[2].adjusted(used, 0, 0, 0)
        _elided(painter, place, one_line(str(environment.prefix), _LONGEST), small, Qt.TextElideMode.ElideMiddle)
        painter.restore()


_LEFT: Final = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)


def _elided(
    painter: QPainter, area: QRect, text: str, font: QFont, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight
) -> None:
    painter.drawText(area, _LEFT, QFontMetrics(font).elidedText(text, mode, area.width()))


class EnvironmentRows(QListView):
    """`picked` is emitted with the environment whenever another one is selected, by the user or by `select`."""

    picked = Signal(object)  # Environment | None

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Model(self)
        self._filter = QSortFilterProxyModel(self)
        self._filter.setSourceModel(self._model)
        self._filter.setFilterRole(_SEARCH)
        self._filter.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setModel(self._filter)
        self.setItemDelegate(_Delegate(services, self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        say(self, "setAccessibleName", tr("Environments"))
        self.selectionModel().selectionChanged.connect(self._on_selected)
        services.theme.changed.connect(self._repaint)
        services.language.changed.connect(self._repaint)
        self._silent = False

    @property
    def current(self) -> Environment | None:
        """The environment that is selected."""
        index = self.currentIndex()
        return index.data(_ENVIRONMENT) if index.isValid() and self.selectionModel().isSelected(index) else None

    @property
    def shown_rows(self) -> int:
        """How many the filter lets through."""
        return self._filter.rowCount()

    def set_items(self, items: tuple[Environment, ...]) -> None:
        """Show these; the selection stays with its environment, without `picked` being emitted."""
        prefix = self.current.prefix if self.current is not None else None
        self._silent = True
        self._model.set_items(items)
        if prefix is not None:
            self.select(prefix)
        self._silent = False

    def set_filter(self, text: str) -> None:
        """Show only those whose name, contents, maker or place holds `text`."""
        self._filter.setFilterFixedString(text.strip())

    def select(self, prefix: Path) -> bool:
        """Select the environment at `prefix`; False where it is not in the list."""
        for number in range(self._filter.rowCount()):
            index = self._filter.index(number, 0)
            if index.data(_ENVIRONMENT).prefix == prefix:
                self.setCurrentIndex(index)
                self.scrollTo(index)
                return True
        return False

    def select_first(self) -> None:
        if self._filter.rowCount():
            self.setCurrentIndex(self._filter.index(0, 0))

    @Slot(QItemSelection, QItemSelection)
    def _on_selected(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        if not self._silent:
            self.picked.emit(self.current)

    @Slot()
    def _repaint(self) -> None:
        self.viewport().update()
