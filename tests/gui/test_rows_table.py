"""Tables of rows: sorted, filtered and as wide as they need to be, without asking Qt's style for each cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import verbatim
from aienv_gui.environments.records import PackageProgress, PackageState, PlannedFile
from aienv_gui.gui.widgets.package_rows import PackageRows
from aienv_gui.gui.widgets.rows_table import Column, RowsTable
from tests.fakes.session import open_session


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as session:
        yield session


def table_of(session: Session, rows: list[tuple[str, str, int]], *, several: bool = True) -> RowsTable:
    columns = (
        Column(verbatim("Name"), lambda row: row[0], share=1),
        Column(verbatim("Newest"), lambda row: row[1] or "–", key=lambda row: (not row[1], row[1])),
        Column(verbatim("Size"), lambda row: f"{row[2]} MB", key=lambda row: row[2], right=True),
    )
    table = RowsTable(session.services, columns, verbatim("Things"), session.window, several=several)
    table.resize(600, 300)
    table.show()
    table.set_rows(rows)
    return table


def shown(table: RowsTable, column: int = 0) -> list[str]:
    model = table.model()
    return [model.index(number, column).data() for number in range(model.rowCount())]


ROWS = [("torch", "", 90), ("Numpy", "2.4", 1000), ("attrs", "1.1", 2), ("zipp", "", 30)]


def test_columns_sort_by_what_they_mean(session: Session) -> None:
    table = table_of(session, ROWS)
    assert shown(table) == ["attrs", "Numpy", "torch", "zipp"]
    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert shown(table) == ["Numpy", "torch", "zipp", "attrs"]
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)  # what has a newer version comes first
    assert shown(table) == ["attrs", "Numpy", "torch", "zipp"]


def test_what_is_selected_moves_with_its_row(session: Session) -> None:
    table = table_of(session, ROWS)
    table.select(lambda row: row[0] in ("torch", "attrs"))
    assert [row[0] for row in table.selected_rows()] == ["attrs", "torch"]
    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert [row[0] for row in table.selected_rows()] == ["torch", "attrs"]
    table.set_filter("or")
    assert shown(table) == ["torch"]
    assert [row[0] for row in table.selected_rows()] == ["torch"]
    table.set_filter("")
    table.replace_rows([*ROWS, ("aaa", "", 5000)], lambda row: row[0])
    assert [row[0] for row in table.selected_rows()] == ["torch"]
    assert shown(table)[0] == "aaa"


def test_a_row_that_changes_goes_to_its_place(session: Session) -> None:
    table = table_of(session, ROWS)
    table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    table.rows_model.change_row(2, ("attrs", "1.1", 500))
    table.rows_model.tell_changed(2, 2)
    assert shown(table) == ["zipp", "torch", "attrs", "Numpy"]


def test_a_build_that_is_sorted_shows_each_package_beside_its_own_state(session: Session) -> None:
    rows = PackageRows(session.services, session.window)
    rows.set_files([PlannedFile(name, "1.0", "", "", "", 100) for name in ("c", "a", "b")])
    rows.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    rows.follow(PackageProgress("a", PackageState.INSTALLED))
    rows.flush()
    assert [row.file.package for row in rows.rows_model.rows] == ["c", "a", "b"]
    assert rows.rows_model.row_at(0).progress.state is PackageState.INSTALLED
    assert shown(rows)[0] == "a"


def test_nothing_is_cut_off_where_there_is_room(session: Session) -> None:
    long = [
        ("x", "1.2.3.post20261126+cu126.local", 7),
        ("y", "一个很长的中文版本名称一个很长的中文版本名称", 123_456_789),
    ]
    table = table_of(session, ROWS + long)
    for number in (1, 2):
        assert table.columnWidth(number) >= table.sizeHintForColumn(number)
        assert table.columnWidth(number) >= table.horizontalHeader().sectionSizeHint(number)
        assert table.columnWidth(number) <= table.sizeHintForColumn(number) + 12
    before = table.columnWidth(1)
    table.set_rows(ROWS)
    assert table.columnWidth(1) < before


def test_five_hundred_rows_ask_each_cell_a_few_times_at_most(session: Session) -> None:
    asked = 0

    def text(row: Any) -> str:
        nonlocal asked
        asked += 1
        return f"{row:05}"

    columns = (Column(verbatim("Name"), text, share=1), Column(verbatim("Other"), text))
    table = RowsTable(session.services, columns, verbatim("Things"), session.window)
    table.resize(600, 300)
    table.show()
    asked = 0
    table.set_rows(range(500))
    table.grab()
    assert asked < 4 * 500  # a proxy's sorting alone would ask 9,000 times


def test_a_switch_of_the_theme_leaves_place_selection_and_widths(session: Session) -> None:
    table = table_of(session, [(f"package-{number:03}", f"1.{number}", number) for number in range(200)])
    table.select(lambda row: row[2] == 150)
    table.grab()  # lays it out
    table.verticalScrollBar().setValue(90)
    widths = [table.columnWidth(number) for number in range(3)]
    for mode in ("dark", "light"):
        session.services.theme.set_mode(mode)
        table.grab()
        assert table.verticalScrollBar().value() == 90
        assert [row[2] for row in table.selected_rows()] == [150]
        assert [table.columnWidth(number) for number in range(3)] == widths
