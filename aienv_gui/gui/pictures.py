"""Reading pictures for display: long functions for jobs, never for the GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from aienv_gui.core.tasks import Reporter

_LIMIT_MB = 1024  # of memory for one picture while it is scaled down; Qt's own limit is a quarter of it


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture scaled down for display; `image` is null where the file could not be read."""

    path: Path
    image: QImage


def read_thumbnails(paths: Sequence[Path], side: int, reporter: Reporter) -> tuple[Thumbnail, ...]:
    """Read pictures, turned as their EXIF data say, none larger than `side` pixels; each is a partial result too."""
    found: list[Thumbnail] = []
    QImageReader.setAllocationLimit(_LIMIT_MB)
    for path in paths:
        reporter.checkpoint()
        thumbnail = Thumbnail(path, _read(path, side))
        found.append(thumbnail)
        reporter.partial(thumbnail)
    return tuple(found)


def _read(path: Path, side: int) -> QImage:
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and max(size.width(), size.height()) > side:
        reader.setScaledSize(size.scaled(QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio))
        # A JPEG is scaled while it is read; all others are whole in memory first.
        if reader.format() != b"jpeg" and size.width() * size.height() * 4 > _LIMIT_MB * 2**20:
            return QImage()
    return reader.read()
