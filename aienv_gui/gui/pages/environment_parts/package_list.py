"""The table of an environment's packages, filled in as more becomes known about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from aienv_gui.core.wording import size, tr
from aienv_gui.environments.records import Engine, Package
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.rows_table import Column, RowsTable

if TYPE_CHECKING:
    from aienv_gui.environments.contents.packages import PackageFacts

NEWEST, SIZE, REQUIRED_BY = 2, 3, 4  # the columns' numbers
_ROOM: Final = {False: 420, True: 500}  # pixels from which all columns have room: without and with *Newest*
_LEAST_HEIGHT: Final = 80  # pixels
_DASH: Final = "–"


@dataclass(frozen=True, slots=True)
class PackageRow:
    """A package with what is known of it so far."""

    name: str
    version: str
    facts: PackageFacts | None = None
    newest: str = ""  # where there is a newer one than what is installed

    @property
    def size_bytes(self) -> int | None:
        return self.facts.size_bytes if self.facts is not None else None


class PackageList(RowsTable):
    """Rows are `PackageRow`s. What was selected stays selected while facts come in."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        columns = (
            Column(tr("Package"), lambda row: row.name, share=1),
            Column(tr("Version"), lambda row: row.version),
            Column(tr("Newest"), lambda row: row.newest or _DASH, key=lambda row: (not row.newest, row.newest)),
            Column(tr("Size"), _size, key=lambda row: row.size_bytes or 0, right=True),
            Column(tr("Required by"), _required_by, key=_required_count, right=True),
        )
        super().__init__(services, columns, tr("Installed packages"), parent, several=True)
        self._packages: tuple[Package, ...] = ()
        self._facts: dict[str, PackageFacts] = {}
        self._newest: Mapping[str, str] = {}
        self.setColumnHidden(NEWEST, True)
        self.setMinimumHeight(_LEAST_HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """In a small window the names need the room; what requires a package is also said below the table."""
        newest = not self.isColumnHidden(NEWEST)
        self.setColumnHidden(REQUIRED_BY, self.viewport().width() < _ROOM[newest])

    @property
    def packages(self) -> tuple[Package, ...]:
        """What is shown."""
        return self._packages

    def show_packages(self, packages: tuple[Package, ...]) -> None:
        """Show these; what was known of others is forgotten."""
        self._packages, self._facts, self._newest = packages, {}, {}
        self.setColumnHidden(NEWEST, True)
        self._fit()
        self._fill()

    def add_facts(self, facts: tuple[PackageFacts, ...]) -> None:
        self._facts = {one.name: one for one in facts}
        self._fill()

    def add_newest(self, newest: Mapping[str, str]) -> None:
        """The packages of which there is a newer version."""
        self._newest = newest
        self.setColumnHidden(NEWEST, not newest)
        self._fit()
        self._fill()

    @property
    def engine(self) -> Engine | None:
        """What installs packages here; None while that is not known."""
        if not self._facts:
            return None
        return Engine.CONDA if any(one.installer == "conda" for one in self._facts.values()) else Engine.UV

    @property
    def names(self) -> tuple[str, ...]:
        """The packages that are selected."""
        return tuple(row.name for row in self.selected_rows())

    def _fill(self) -> None:
        known = self._facts or self._packages  # the facts tell conda's own names, and what is no Python package
        rows = [
            PackageRow(one.name, one.version, self._facts.get(one.name), self._newest.get(one.name, ""))
            for one in (known.values() if isinstance(known, dict) else known)
        ]
        self.replace_rows(rows, lambda row: row.name)


def _size(row: PackageRow) -> str:
    return size(row.size_bytes) if row.size_bytes is not None else _DASH


def _required_by(row: PackageRow) -> str:
    return str(len(row.facts.required_by)) if row.facts is not None else _DASH


def _required_count(row: PackageRow) -> int:
    return len(row.facts.required_by) if row.facts is not None else -1
