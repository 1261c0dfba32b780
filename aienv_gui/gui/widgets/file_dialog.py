"""Asks for a folder or a file; the window goes on meanwhile. What was chosen goes to `use`, unless it is cancelled.

Qt's static functions would stop the window until the dialog closes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from aienv_gui.core.wording import Text, tr

TABLES = "*.csv *.tsv *.txt *.data *.jsonl *.ndjson *.xlsx *.xlsm *.parquet *.pq"


def ask_for_folder(parent: QWidget, title: Text, use: Callable[[str], object], *, start: Path | None = None) -> None:
    """Ask for a folder that is there, beginning at `start`."""
    dialog = _dialog(parent, title, use)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    if start is not None:
        dialog.setDirectory(str(start))
    dialog.open()


def ask_for_file(
    parent: QWidget, title: Text, use: Callable[[str], object], *, kind: Text | None = None, patterns: str = ""
) -> None:
    """Ask for a file that is there; `kind` names what the `patterns` (``*.png *.jpg``) match."""
    dialog = _dialog(parent, title, use)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    if kind is not None:
        dialog.setNameFilters([f"{kind} ({patterns})", f"{tr('All files')} (*)"])
    dialog.open()


def ask_where_to_save(parent: QWidget, title: Text, use: Callable[[str], object], *, name: str) -> None:
    """Ask for a file to write, called `name` unless the user changes it; an existing one is confirmed by the dialog."""
    dialog = _dialog(parent, title, use)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.selectFile(name)
    dialog.open()


def _dialog(parent: QWidget, title: Text, use: Callable[[str], object]) -> QFileDialog:
    dialog = QFileDialog(parent.window(), str(title))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(use)
    return dialog
