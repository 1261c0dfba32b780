"""The tour's pictures are written wherever they are asked for."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import Folders
from aienv_gui.gui.tour.camera import Camera
from aienv_gui.gui.tour.runner import Wait
from tests.fakes.session import open_session


def is_over(wait: Wait) -> bool:
    return wait.trouble() is not None or bool(wait.condition())


def test_pictures_are_written_into_a_folder_that_is_not_there_yet(
    qtbot: QtBot, folders: Folders, tmp_path: Path
) -> None:
    target = tmp_path / "a 'new' 文件夹 🙂" / "tour"
    with open_session(qtbot, folders, look=False) as session:
        camera = Camera(session.services, session.window, target)
        for script in (camera.take("home"), camera.develop()):
            for wait in script:
                qtbot.waitUntil(partial(is_over, wait))
                assert wait.trouble() is None
    assert len(camera.taken) == 4
    assert all(not QImage(str(target / name)).isNull() for name in camera.taken)
