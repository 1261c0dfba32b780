"""The Hardware page and the strip below every page, in the real window, with the real bindings on a fake driver."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.gui.widgets.fact_grid import FactRow
from aienv_gui.hardware.card_facts import facts_of
from aienv_gui.hardware.readings import (
    Absence,
    Battery,
    Container,
    Disk,
    Driver,
    DriverState,
    Ecc,
    GpuProcess,
    Maker,
    OwnCost,
    Pressure,
    Snapshot,
    Throttle,
    Value,
)
from tests.fakes import nvml
from tests.fakes.session import open_session
from tests.fakes.snapshots import ABSENT, GIB, full_gpu, gpu, snapshot

PATIENCE_MS = 30_000

Opener = Callable[..., AbstractContextManager[Session]]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    """The window on a machine that nothing looks at: the tests send snapshots of their own."""
    with open_session(qtbot, folders, look=False) as made:
        yield made


@pytest.fixture
def watched(qtbot: QtBot, folders: Folders, driver: Path, monkeypatch: pytest.MonkeyPatch) -> Opener:
    """The window on a machine with the fake driver: ``with watched(cards=8, faults=...) as session``."""

    @contextmanager
    def watch(**settings: object) -> Iterator[Session]:
        cards = settings.pop("cards", 1)
        assert isinstance(cards, int)
        for name, value in nvml.environment(driver, cards=cards, **settings).items():
            monkeypatch.setenv(name, value)
        with open_session(qtbot, folders, look=False) as session:
            session.services.readiness._root = folders.data  # a system that tells nothing of itself
            session.services.hardware.start()
            qtbot.waitUntil(lambda: _state(session) is not DriverState.STARTING, timeout=PATIENCE_MS)
            yield session

    return watch


def _state(session: Session) -> DriverState:
    latest = session.services.hardware.latest
    return DriverState.STARTING if latest is None else latest.nvidia.state


def send(session: Session, look: Snapshot) -> None:
    """A look as the feed takes it, drawn at once."""
    session.services.hardware._on_sampled(look)
    if isinstance(session.window.page, HardwarePage):
        session.window.page._pacer.finish()


def page_of(session: Session) -> HardwarePage:
    session.services.navigator.open("hardware")
    page = session.window.page
    assert isinstance(page, HardwarePage)
    return page


@pytest.mark.parametrize("cards", [1, 8])
def test_every_card_of_a_real_driver_interface(watched: Opener, cards: int) -> None:
    with watched(cards=cards, still=1) as session:
        page = page_of(session)
        for index in range(cards):
            card = page.gpu_card(nvml.card_uuid(index))
            assert card is not None
            assert card.utilisation.value == f"{40 + index} %"
            assert card.badge.text() == "Busy"
        assert "Ready to train on" in page.overview.title.text()
        assert "580.65.06" in page.driver.text()


@pytest.mark.parametrize(
    ("settings", "state", "strip", "title"),
    [
        ({"cards": 0}, DriverState.NO_GPU, "no NVIDIA GPU", "training will run on the CPU"),
        ({"init": 9}, DriverState.NO_DRIVER, "no NVIDIA driver", "No NVIDIA driver found"),
        ({"init": 18}, DriverState.MISMATCH, "restart the computer", "driver was updated"),
        ({"init": 4}, DriverState.NO_PERMISSION, "no permission", "no permission"),
        ({"init": 999}, DriverState.FAILED, "driver error", "does not work properly"),
        ({"crash": 1}, DriverState.CRASHED, "driver crashed", "does not work properly"),
        ({"faults": "0:lost"}, DriverState.LOST, "lost", "stopped answering"),
    ],
)
def test_each_failure_of_the_driver_in_words(
    watched: Opener, settings: dict[str, object], state: DriverState, strip: str, title: str
) -> None:
    with watched(**settings) as session:
        page = page_of(session)
        assert _state(session) is state
        assert f"GPU {strip}" in session.window.strip.line()
        assert title in page.overview.title.text()
        assert page.readiness.cure.text()
        assert not page.cpu.isHidden()


def test_driver_that_stops_answering(session: Session) -> None:
    page = page_of(session)
    send(session, snapshot(state=DriverState.UNRESPONSIVE))
    assert "does not answer" in page.overview.title.text()
    assert "driver does not answer" in session.window.strip.line()


def test_what_the_driver_says_of_programs(watched: Opener) -> None:
    with watched(cards=2, processes=f"1:{os.getpid()}:2048") as session:
        page = page_of(session)
        model = page.processes.table.model()
        assert model.rowCount() == 1
        row = [str(model.index(0, column).data()) for column in range(model.columnCount())]
        assert row[2:4] == ["1", "2 GB"]
        assert row[9:] == ["Computing", str(os.getpid())]


def test_table_of_programs_follows_and_keeps_the_selection(session: Session) -> None:
    page = page_of(session)
    send(session, snapshot(gpu()))
    assert page.processes.isHidden()
    assert page.no_processes.text() == "No program holds GPU memory at the moment."
    first = GpuProcess(11, "python", "ada", Value(2.0 * GIB), "compute")
    second = GpuProcess(12, "", "ada", ABSENT, "graphics")
    send(session, snapshot(gpu(processes=(first, second))))
    page.processes.table.selectRow(0)
    grown = GpuProcess(11, "python", "ada", Value(3.0 * GIB), "compute")
    send(session, snapshot(gpu(processes=(grown, second))))
    model = page.processes.table.model()
    assert model.index(0, 3).data() == "3 GB"
    assert model.index(1, 0).data() == "Unknown program"
    assert model.index(1, 3).data(Qt.ItemDataRole.ToolTipRole) == "This card does not report it."
    assert [row.process.pid for row in page.processes.table.selected_rows()] == [11]
    send(session, snapshot(gpu(processes=(second,))))
    assert model.rowCount() == 1


def test_missing_values_say_why(session: Session) -> None:
    page = page_of(session)
    send(session, snapshot(gpu(temperature_celsius=ABSENT)))
    card = page.gpu_card("GPU-0")
    assert card is not None
    assert card.temperature.accessibleDescription() == "This card does not report it."
    assert card.temperature.value == ""
    assert "fan unknown" in card._summary.text()


def test_cards_come_and_go(session: Session) -> None:
    page = page_of(session)
    send(session, snapshot(gpu(0), gpu(1)))
    kept = page.gpu_card("GPU-1")
    send(session, snapshot(gpu(1), gpu(2)))
    assert page.gpu_card("GPU-0") is None
    assert page.gpu_card("GPU-1") is kept
    send(session, snapshot(state=DriverState.NO_GPU))
    assert page.gpu_card("GPU-1") is None
    assert page.processes_card.isHidden()


def test_limits_are_said_on_the_page_and_counted_in_the_strip(session: Session) -> None:
    page = page_of(session)
    full = (Disk("/", 1, 10**9, 10**12),)
    for moment in range(11):  # one look alone does not say that the memory is full
        send(session, snapshot(gpu(), moment=float(moment), memory_used_bytes=31 * GIB, disks=full))
    assert "2 warnings" in session.window.strip.line()
    words = [row.words.text() for row in page.verdicts.rows if not row.isHidden()]
    assert any("The memory is nearly full" in text for text in words)
    for moment in range(11, 60):
        send(session, snapshot(gpu(), moment=float(moment)))
    assert "warning" not in session.window.strip.line()
    assert all(row.isHidden() for row in page.verdicts.rows)
    assert page.verdicts.minimumHeight() > 0  # the page does not jump while somebody looks at it
    session.services.navigator.open("home")
    assert page.verdicts.isHidden()


def test_nothing_is_drawn_while_another_page_is_shown(session: Session) -> None:
    page = page_of(session)
    send(session, snapshot(gpu(utilisation_percent=Value(10.0))))
    session.services.navigator.open("home")
    send(session, snapshot(gpu(utilisation_percent=Value(77.0))))
    card = page.gpu_card("GPU-0")
    assert card is not None
    assert card.utilisation.value == "10 %"
    page_of(session)
    assert card.utilisation.value == "77 %"


def test_copy_as_text(session: Session) -> None:
    page = page_of(session)
    send(session, snapshot(gpu()))
    assert page.primary is not None
    page.primary.click()
    assert "NVIDIA GeForce RTX 4070" in QGuiApplication.clipboard().text()
    assert page.primary.text() == "Copied"
    page._copied.timeout.emit()
    assert page.primary.text() == "Copy as text"


def test_page_and_strip_change_their_language(session: Session) -> None:
    page = page_of(session)
    send(session, snapshot(gpu()))
    session.services.language.use("zh_CN")
    assert page.title.text() == "硬件"
    assert "可以使用" in page.overview.title.text()
    assert "剩余" in session.window.strip.line()
    card = page.gpu_card("GPU-0")
    assert card is not None
    assert card.temperature.accessibleName() == "温度"
    session.services.language.use("en")
    assert "free" in session.window.strip.line()


def test_details_are_made_when_unfolded_and_say_why_a_value_is_missing(session: Session) -> None:
    page = page_of(session)
    send(session, snapshot(full_gpu(memory_temperature_celsius=ABSENT, encoder_percent=Value(0.0))))
    card = page.gpu_card(full_gpu().uuid)
    assert card is not None
    assert card.facts is None
    card.fold.click()
    assert card.facts is not None
    rows = {row.name.text(): row for row in card.facts.findChildren(FactRow)}
    assert rows["Video encoder"].value.text() == "0 %"
    assert rows["Energy"].value.text() == "2.50 kWh"
    assert rows["PCIe generation"].value.text() == "4 of 5"
    assert rows["NVLink"].value.text() == "17 of 18 active"
    assert rows["Memory temperature"].value.text() == "–"
    assert rows["Memory temperature"].toolTip() == "Memory temperature: This card does not report it."
    assert rows["Memory temperature"].value.accessibleName() == "Memory temperature: This card does not report it."
    send(session, snapshot(full_gpu(encoder_percent=Value(12.0), throttle=Absence.OLD_DRIVER), moment=1.0))
    assert rows["Video encoder"].value.text() == "12 %"
    assert rows["Held back"].toolTip() == "Held back: The driver is too old to report it."
    session.services.language.use("zh_CN")
    page._pacer.finish()
    assert rows["Video encoder"].name.text() == "视频编码器"
    card.copy.click()
    assert "2.50 kWh" in QGuiApplication.clipboard().text()


def test_no_field_of_a_card_is_left_out_or_blank(session: Session) -> None:
    """Whatever a card does not tell stands there with its reason: never zero, never an empty cell."""
    titles = [str(group.title) for group in facts_of(gpu(), snapshot().nvidia)]
    for card in (gpu(), full_gpu(), gpu(virtual=True), full_gpu(ecc=Ecc(), nvlinks=Absence.IN_WSL)):
        groups = facts_of(card, snapshot(card).nvidia)
        assert [str(group.title) for group in groups] == titles
        for group in groups:
            for fact in group.facts:
                assert (fact.value is None) != (fact.reason is None), str(fact.title)
                assert str(fact.value or fact.reason)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"throttle": frozenset({Throttle.POWER_CAP})}, "Busy"),  # as every card under full load
        ({"throttle": frozenset({Throttle.HEAT, Throttle.POWER_CAP})}, "Held back"),
        ({"temperature_celsius": Value(91.0)}, "Hot"),
        ({"asleep": True}, "Asleep"),
        ({"lost": True}, "Lost"),
    ],
)
def test_the_state_of_a_card_in_a_word(session: Session, changes: dict[str, Any], word: str) -> None:
    page = page_of(session)
    send(session, snapshot(full_gpu(**changes), gpu(1)))
    card = page.gpu_card(full_gpu().uuid)
    assert card is not None
    assert card.badge.text() == word


def test_cards_of_other_makers_stand_beside_and_are_named(session: Session) -> None:
    page = page_of(session)
    look = snapshot(gpu(0))
    amd = Driver(
        DriverState.READY, (gpu(0, uuid="AMD-0", name="Radeon RX 7900 XTX", maker=Maker.AMD),), maker=Maker.AMD
    )
    send(session, replace(look, others=(amd,)))
    card = page.gpu_card("AMD-0")
    assert card is not None
    assert card.title.text() == "AMD GPU 0: Radeon RX 7900 XTX"
    assert page.gpu_card("GPU-0") is not None


def test_evidence_of_a_verdict_is_unfolded(session: Session) -> None:
    page = page_of(session)
    for moment in range(40):
        send(session, snapshot(gpu(temperature_celsius=Value(95.0)), moment=float(moment)))
    row = next(row for row in page.verdicts.rows if row.verdict.key == "gpu_hot")
    assert row.evidence.isHidden()
    row.fold.click()
    assert not row.evidence.isHidden()
    assert "95" in row.evidence.text()


def test_what_the_host_tells_is_on_its_cards(session: Session) -> None:
    page = page_of(session)
    send(
        session,
        snapshot(
            gpu(),
            cpu_celsius=Value(61.0),
            pressure=Pressure(12.0, 0.0, 0.0, 33.0, 20.0),
            container=Container("docker", 2.0, 4 * GIB, 3 * GIB),
            battery=Battery(54.0, plugged=False),
            own=OwnCost(0.8, 210 * 1024**2),
            disks=(Disk("/", 1, 10**11, 10**12, busy_percent=Value(45.0)), Disk("/net", 1, 1, 2, answers=False)),
            swap_total_bytes=GIB,
            swapped_bytes_s=2e6,
        ),
    )
    words = " ".join(label.text() for label in page.findChildren(QLabel))
    for part in ("61 °C", "a disk 33 %", "2 cores and 3/4 GB", "Battery 54 %", "0.8 % of one core", "45 % busy"):
        assert part in words, part
    assert "does not answer; last seen" in words
    assert "2.0 MB/s moved" in words
