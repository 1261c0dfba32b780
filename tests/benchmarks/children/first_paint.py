"""One start: of a bare window with an empty plot, or of AIEnv. Prints how long the first painted window took.

The time is counted from before the process was made (the second argument, seconds since the epoch).
"""

from __future__ import annotations

import json
import sys
import time

from PySide6.QtCore import QEvent, QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication, QMainWindow


class FirstPaint(QObject):
    """Ends the program once a whole window was painted for the first time, and keeps when that was."""

    def __init__(self, application: QApplication, began: float) -> None:
        super().__init__(application)
        self.seconds = 0.0
        self._began = began
        self._seen = False
        application.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and not self._seen:
            self._seen = True
            QTimer.singleShot(0, self._told)  # after all widgets, which are painted in one go
        return False

    @Slot()
    def _told(self) -> None:
        self.seconds = time.time() - self._began
        QApplication.exit(0)


def bare(began: float) -> float:
    import pyqtgraph

    application = QApplication([])
    first = FirstPaint(application, began)
    window = QMainWindow()
    window.setCentralWidget(pyqtgraph.PlotWidget())
    window.resize(1280, 820)
    window.show()
    application.exec()
    return first.seconds


def aienv(began: float, home: str) -> float:
    from aienv_gui import __main__ as program

    watches: list[FirstPaint] = []

    class Watched(QApplication):
        def __init__(self, arguments: list[str]) -> None:
            super().__init__(arguments)
            watches.append(FirstPaint(self, began))

    program.QApplication = Watched  # type: ignore[attr-defined,assignment]
    program.main(["--home", home])
    return watches[0].seconds


def start() -> None:
    kind, began, home = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    seconds = bare(began) if kind == "bare" else aienv(began, home)
    print(json.dumps({"seconds": seconds, "torch_imported": "torch" in sys.modules}))


if __name__ == "__main__":
    start()
