"""Translated words on widgets: said once, said again by themselves when the language changes."""

from __future__ import annotations

import weakref

from PySide6.QtCore import QLocale, QObject, Signal
from shiboken6 import isValid

from aienv_gui.core.storage import resource
from aienv_gui.core.wording import Text, language, use_language

_Key = tuple[str, tuple[object, ...]]


class Language(QObject):
    """The language of the window. `changed` is for what `say` cannot reach: item models, plots, delegates."""

    changed = Signal()

    def follow(self, setting: str) -> None:
        """Use the language of the setting: a code, or ``system``."""
        self.use(system_language() if setting == "system" else setting)

    def use(self, code: str) -> None:
        """Switch to a language (a key of `wording.LANGUAGES`) and say everything again. GUI thread only."""
        if code == language():
            return
        use_language(code, resource("locale"))
        for target, sayings in list(_said.items()):
            if not isValid(target):  # deleted by Qt, and still held by somebody in Python
                del _said[target]
                continue
            for (setter, arguments), text in list(sayings.items()):
                getattr(target, setter)(*arguments, str(text))
        self.changed.emit()


def system_language() -> str:
    """The first language of the system's list that the application speaks; English where there is none."""
    for name in QLocale.system().uiLanguages():
        prefix = name.replace("_", "-").split("-")[0].lower()
        if prefix == "zh":
            return "zh_CN"
        if prefix == "en":
            return "en"
    return "en"


_said: weakref.WeakKeyDictionary[QObject, dict[_Key, Text]] = weakref.WeakKeyDictionary()


def say(target: QObject, setter: str, text: Text, *arguments: object) -> None:
    """Call ``target.<setter>(*arguments, str(text))`` now and after each change of language.

    A later `say` with the same setter and arguments replaces the former. Examples:
    ``say(button, "setText", tr("Stop"))``, ``say(tabs, "setTabText", tr("Log"), 2)``. GUI thread only.
    """
    _said.setdefault(target, {})[(setter, arguments)] = text
    getattr(target, setter)(*arguments, str(text))
