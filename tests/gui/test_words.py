"""Words on widgets: said in the language of the moment, said again when it changes."""

from __future__ import annotations

import gc

import pytest
from PySide6.QtWidgets import QLabel, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.core.wording import language, tr, tr_count, verbatim
from aienv_gui.gui import words
from aienv_gui.gui.words import Language, say, system_language


def test_a_switch_says_everything_again_and_once(qtbot: QtBot) -> None:
    switch = Language()
    label, tabs = QLabel(), QTabWidget()
    qtbot.addWidget(label)
    qtbot.addWidget(tabs)
    tabs.addTab(QWidget(), "")
    tabs.addTab(QWidget(), "")
    say(label, "setText", tr("Settings"))
    say(label, "setToolTip", tr_count("A model is kept.", "{count} models are kept.", 3))
    say(tabs, "setTabText", tr("Log"), 1)
    assert (label.text(), label.toolTip(), tabs.tabText(1)) == ("Settings", "3 models are kept.", "Log")
    with qtbot.waitSignal(switch.changed):
        switch.use("zh_CN")
    assert (label.text(), label.toolTip(), tabs.tabText(1)) == ("设置", "已保留 3 个模型。", "日志")
    assert tabs.tabText(0) == ""
    with qtbot.assertNotEmitted(switch.changed):
        switch.use("zh_CN")
    switch.use("en")
    assert label.text() == "Settings"


def test_a_later_text_replaces_the_former(qtbot: QtBot) -> None:
    switch = Language()
    label = QLabel()
    qtbot.addWidget(label)
    say(label, "setText", tr("Settings"))
    say(label, "setText", tr("Home"))
    switch.use("zh_CN")
    assert label.text() == "主页"


def test_names_are_never_translated(qtbot: QtBot) -> None:
    switch = Language()
    label = QLabel()
    qtbot.addWidget(label)
    say(label, "setText", verbatim("Settings"))
    switch.use("zh_CN")
    assert label.text() == "Settings"


def test_a_deleted_widget_is_forgotten(qtbot: QtBot) -> None:
    label = QLabel()
    say(label, "setText", tr("Settings"))
    known = len(words._said)
    del label
    gc.collect()
    assert len(words._said) == known - 1


def test_a_widget_that_only_python_still_holds_does_not_break_the_switch(qtbot: QtBot) -> None:
    parent = QWidget()
    label = QLabel(parent)
    say(label, "setText", tr("Settings"))
    parent.deleteLater()
    del parent
    gc.collect()
    qtbot.wait(1)  # the deletion is an event
    switch = Language()
    switch.use("zh_CN")
    switch.use("en")


def test_an_unknown_language_is_a_bug(qtbot: QtBot) -> None:
    with pytest.raises(KeyError):
        Language().use("tlh")
    assert language() == "en"


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (["zh-Hans-CN", "zh", "en-US"], "zh_CN"),
        (["zh_TW"], "zh_CN"),
        (["de-DE", "zh-CN"], "zh_CN"),
        (["de-DE", "en-GB", "zh-CN"], "en"),
        (["fr-FR"], "en"),
        ([], "en"),
    ],
)
def test_the_systems_first_language_that_we_speak(
    monkeypatch: pytest.MonkeyPatch, offered: list[str], expected: str
) -> None:
    class Locale:
        @staticmethod
        def system() -> Locale:
            return Locale()

        def uiLanguages(self) -> list[str]:
            return offered

    monkeypatch.setattr(words, "QLocale", Locale)
    assert system_language() == expected
