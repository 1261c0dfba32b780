"""What a test with a window must not leave behind: running timers, threads and animations, top-level widgets."""

from __future__ import annotations

import gc
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QAbstractAnimation, QCoreApplication, QEvent, QObject, QThread, QTimer
from PySide6.QtWidgets import QApplication, QWidget

_GRACE_S = 3.0

_Started = dict[int, tuple["weakref.ref[QObject]", str]]


@pytest.fixture(autouse=True)
def no_qt_leftovers(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test that leaves a timer, a thread or an animation running or a top-level widget alive.

    As in the program, no thread but this one takes rings of objects apart: a widget among them would end the process.
    """
    gc.disable()
    timers, threads, animations = _Started(), _Started(), _Started()
    monkeypatch.setattr(QTimer, "start", _recorded(QTimer.start, timers))
    monkeypatch.setattr(QThread, "start", _recorded(QThread.start, threads))
    monkeypatch.setattr(QAbstractAnimation, "start", _recorded(QAbstractAnimation.start, animations))
    before = {shiboken6.getCppPointer(widget)[0] for widget in qapp.topLevelWidgets()}
    yield

    def left() -> list[str]:
        return [
            *_running("timer", timers, lambda timer: timer.isActive()),
            *_running("thread", threads, lambda thread: thread.isRunning()),
            *_running("animation", animations, lambda a: a.state() == QAbstractAnimation.State.Running),
            *(_words(widget) for widget in _top_level(qapp) if shiboken6.getCppPointer(widget)[0] not in before),
        ]

    deadline = time.monotonic() + _GRACE_S
    _settle()
    found = left()
    if found:
        gc.collect()  # what only a ring of references keeps alive is no leak
        _settle()
        found = left()
    while found and time.monotonic() < deadline:  # a thread that is just ending
        time.sleep(0.01)
        _settle()
        found = left()
    gc.enable()
    if found:
        _clear(qapp, before, timers)
        pytest.fail("left behind:\n" + "\n".join(found), pytrace=False)


def _recorded(start: Callable[..., Any], started: _Started) -> Callable[..., Any]:
    def start_and_remember(self: QObject, *arguments: Any, **named: Any) -> Any:
        place = "".join(traceback.format_stack(limit=4)[:-1])
        key = id(self)
        # What is gone is forgotten: a test that looks for growth would find this record.
        started[key] = (weakref.ref(self, lambda _gone: started.pop(key, None)), place)
        return start(self, *arguments, **named)

    return start_and_remember


def _running(kind: str, started: _Started, runs: Callable[[Any], bool]) -> list[str]:
    found: list[str] = []
    for reference, place in list(started.values()):
        thing = reference()
        if thing is not None and shiboken6.isValid(thing) and runs(thing):
            found.append(f"running {kind} {thing.objectName() or thing!r}, started at\n{place}")
    return found


def _top_level(application: QApplication) -> list[QWidget]:
    # Qt keeps one tool tip label for the whole process; a window with a parent goes with its parent.
    return [
        widget
        for widget in application.topLevelWidgets()
        if shiboken6.isValid(widget) and widget.parent() is None and widget.metaObject().className() != "QTipLabel"
    ]


def _words(widget: QWidget) -> str:
    return f"top-level widget {type(widget).__name__} {widget.objectName()!r} ({widget.windowTitle()!r})"


def _settle() -> None:
    QCoreApplication.sendPostedEvents(None, 0)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def _clear(application: QApplication, before: set[int], timers: _Started) -> None:
    """End what can be ended, so that the next test is not blamed for this one."""
    for reference, _place in list(timers.values()):
        timer = reference()
        if isinstance(timer, QTimer) and shiboken6.isValid(timer):
            timer.stop()
    for widget in _top_level(application):
        if shiboken6.getCppPointer(widget)[0] not in before:
            widget.deleteLater()
    _settle()
