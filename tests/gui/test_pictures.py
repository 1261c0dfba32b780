"""Previews: of large pictures too, quiet about damaged ones."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMessageLogContext, QtMsgType

from aienv_gui.core.tasks import Silent
from aienv_gui.gui.crash_hooks import _on_qt_message
from aienv_gui.gui.pictures import read_thumbnails


@pytest.mark.slow
def test_a_picture_beyond_qts_own_limit_has_a_preview(tmp_path: Path) -> None:
    Image.fromarray(np.full((8500, 8500, 3), 90, np.uint8)).save(tmp_path / "poster.png", compress_level=1)
    (found,) = read_thumbnails([tmp_path / "poster.png"], 64, Silent())
    assert (found.image.width(), found.image.height()) == (64, 64)


def test_a_picture_that_claims_to_fill_the_memory_is_not_opened(tmp_path: Path) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    (found,) = read_thumbnails([tmp_path / "bomb.png"], 64, Silent())
    assert found.image.isNull()


def test_what_qt_says_of_a_damaged_picture_is_no_warning_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Context:
        category = "qt.gui.imageio.jpeg"

    with caplog.at_level(logging.DEBUG):
        context: QMessageLogContext = Context()  # type: ignore[assignment]
        _on_qt_message(QtMsgType.QtWarningMsg, context, "Corrupt JPEG data: premature end of data segment")
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]
