"""The tables of packages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import verbatim
from aienv_gui.gui.widgets.rows_table import Column, RowsTable
from tests.fakes.session import open_session

ROWS = 300


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        yield made


def test_another_theme_does_not_measure_every_row_again_and_again(qtbot: QtBot, session: Session) -> None:
    asked: list[str] = []

    def version(row: str) -> str:
        asked.append(row)
        return row

    columns = (Column(verbatim("Name"), str, share=1), Column(verbatim("Version"), version))
    table = RowsTable(session.services, columns, verbatim("Packages"))
    qtbot.addWidget(table)
    table.set_rows(f"1.{number}" for number in range(ROWS))
    table.show()
    qtbot.waitExposed(table)
    narrow = table.columnWidth(1)
    asked.clear()
    for mode in ("dark", "light"):
        session.services.theme.set_mode(mode)
    assert len(asked) < 2 * 3 * ROWS  # it was forty times as much
    table.set_rows(("1.0", "a version that is much longer than the others"))
    qtbot.waitUntil(lambda: table.columnWidth(1) > 2 * narrow, timeout=1000)
