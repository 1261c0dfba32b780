"""The line at the bottom of the window: the cards of all makers, what is marked, and that it fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import verbatim
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.gui.widgets.status_strip import StatusStrip
from aienv_gui.hardware.limits import Verdict
from aienv_gui.hardware.readings import Disk, Driver, DriverState, Gpu, Maker, Snapshot, Value
from tests.fakes.session import open_session
from tests.fakes.snapshots import ABSENT, GIB, gpu, snapshot

LOST: dict[str, Any] = {
    "lost": True,
    "utilisation_percent": ABSENT,
    "memory_used_bytes": ABSENT,
    "temperature_celsius": ABSENT,
}
ASLEEP: dict[str, Any] = {**LOST, "lost": False, "asleep": True}
BUSY: dict[str, Any] = {
    "utilisation_percent": Value(100.0),
    "memory_used_bytes": Value(23.9 * GIB),
    "memory_total_bytes": Value(24.0 * GIB),
    "temperature_celsius": Value(101.0),
}


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        yield made


def send(session: Session, look: Snapshot, *verdicts: Verdict) -> StatusStrip:
    """A look as the feed takes it, with verdicts of the test's own where there are some."""
    feed = session.services.hardware
    feed._on_sampled(look)
    if verdicts:
        feed.verdicts = verdicts
        feed.sampled.emit(look)
    strip = session.window.strip
    assert isinstance(strip, StatusStrip)
    return strip


def radeon(index: int = 0, **changes: Any) -> Gpu:
    return gpu(index, uuid=f"AMD-{index}", name="Radeon RX 7900 XTX", maker=Maker.AMD, **changes)


def amd(*gpus: Gpu, state: DriverState = DriverState.READY) -> Driver:
    return Driver(state, gpus, maker=Maker.AMD)


def verdict(key: str, level: Any = "warn", *cards: str) -> Verdict:
    return Verdict(key, level, verbatim(f"About {key}."), verbatim(""), cards=cards)


def marks(strip: StatusStrip) -> dict[str, str]:
    cells = (*strip._gpus, strip._cpu, strip._memory, strip._disk)
    return {cell.name.text(): cell.marked for cell in cells if cell.marked and not cell.isHidden()}


def test_cards_of_two_makers_are_named_by_them(session: Session) -> None:
    strip = send(session, replace(snapshot(gpu()), others=(amd(radeon(temperature_celsius=ABSENT)),)))
    assert strip.line().startswith("NVIDIA 50 %  6/12 GB  60 °C | AMD 50 %  6/12 GB | CPU")
    assert "AMD: Radeon RX 7900 XTX" in strip.toolTip()


@pytest.mark.parametrize("state", [DriverState.NO_GPU, DriverState.NO_DRIVER, DriverState.STARTING])
def test_a_card_of_another_maker_alone_is_the_gpu(session: Session, state: DriverState) -> None:
    strip = send(session, replace(snapshot(state=state), others=(amd(radeon()),)))
    assert strip.line().startswith("GPU 50 %  6/12 GB  60 °C | CPU")


def test_a_driver_that_fails_is_said_beside_the_cards_of_another(session: Session) -> None:
    failed = snapshot(state=DriverState.UNRESPONSIVE)
    strip = send(session, replace(failed, others=(amd(radeon()),)))
    assert strip.line().startswith("NVIDIA driver does not answer | GPU 50 %")
    strip = send(session, replace(failed, others=(amd(radeon(0), radeon(1)),)))
    assert strip.line().startswith("NVIDIA driver does not answer | 2 GPUs 50 %  12/24 GB  up to 60 °C | CPU")


def test_a_card_without_its_driver_is_named_by_its_maker(session: Session) -> None:
    look = replace(snapshot(state=DriverState.NO_GPU), others=(amd(state=DriverState.NO_DRIVER),))
    assert send(session, look).line().startswith("GPU no AMD driver | CPU")
    assert send(session, snapshot(state=DriverState.NO_GPU)).line().startswith("GPU no NVIDIA GPU | CPU")


def test_a_sleeping_card_is_said_to_sleep(session: Session) -> None:
    assert send(session, snapshot(gpu(**ASLEEP))).line().startswith("GPU asleep | CPU")
    line = send(session, snapshot(gpu(0), gpu(1, **ASLEEP))).line()
    assert line.startswith("GPU 0 50 %  6/12 GB  60 °C | GPU 1 asleep | CPU")


def test_what_many_cards_do_not_tell_is_counted(session: Session) -> None:
    cards = (gpu(0, utilisation_percent=Value(20.0)), gpu(1, utilisation_percent=Value(40.0)), gpu(2, **LOST))
    strip = send(session, snapshot(*cards, gpu(3, **LOST)))
    assert strip.line().startswith("4 GPUs 30 %  12/24 GB  up to 60 °C  2 lost | CPU 25 % | RAM 8/32 GB | Disk")
    assert "GPU 2: lost" in strip.toolTip()
    assert list(marks(strip)) == ["4 GPUs"]  # by the rule itself, not by a verdict of the test's


def test_a_disk_that_does_not_answer_has_no_numbers(session: Session) -> None:
    strip = send(session, snapshot(gpu(), disks=(Disk("/", 1, 10**12, 2 * 10**12, answers=False),)))
    assert "Disk does not answer" in strip.line()


def test_what_a_verdict_is_about_is_marked(session: Session) -> None:
    strip = send(
        session, snapshot(gpu()), verdict("gpu_hot", "warn", "GPU-0"), verdict("disk", "bad"), verdict("battery")
    )
    assert marks(strip) == {"GPU": "warn", "Disk": "bad"}
    assert "3 warnings" in strip.line()
    assert "About gpu_hot." in strip.toolTip()
    assert "About battery." in strip.accessibleDescription()
    strip = send(session, snapshot(gpu()), verdict("gpu_well_used", "good"))
    assert marks(strip) == {}
    assert "About" not in strip.toolTip() + strip.accessibleDescription()


def test_of_two_cards_the_one_that_is_meant_is_marked(session: Session) -> None:
    strip = send(session, snapshot(gpu(0), gpu(1)), verdict("gpu_hot", "warn", "GPU-1"))
    assert marks(strip) == {"GPU 1": "warn"}
    assert "1 warning" in strip.line()
    assert marks(send(session, snapshot(gpu(0), gpu(1)), verdict("no_card"))) == {}
    many = send(session, snapshot(*(gpu(index) for index in range(5))), verdict("gpu_hot", "bad", "GPU-4"))
    assert marks(many) == {"5 GPUs": "bad"}


def _many(count: int) -> Snapshot:
    state = DriverState.READY if count else DriverState.MISMATCH
    return snapshot(
        *(gpu(index, **BUSY) for index in range(count)),
        state=state,
        cpu_percent=100.0,
        memory_used_bytes=int(511.9 * GIB),
        memory_total_bytes=512 * GIB,
    )


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize(
    "look",
    [
        *(_many(count) for count in (0, 1, 2, 3, 8, 16)),
        replace(_many(1), others=(amd(radeon(**BUSY)),)),
        replace(_many(0), others=(amd(radeon(0, **BUSY), radeon(1, **LOST)),)),
        replace(_many(14), others=(amd(radeon(0, **LOST), radeon(1, **ASLEEP)),)),
    ],
    ids=["0", "1", "2", "3", "8", "16", "two makers", "a fault and two cards", "some silent"],
)
def test_it_fits_beside_a_warning_at_1024_pixels(session: Session, look: Snapshot, language: str) -> None:
    session.services.language.use(language)
    strip = send(session, look, *(verdict(key) for key in ("gpu_hot", "memory", "disk", "waiting_cpu")))
    assert marks(strip)
    assert strip.sizeHint().width() <= 1024


def test_it_names_two_cards(session: Session) -> None:
    send(session, snapshot(gpu(0), gpu(1, temperature_celsius=ABSENT)))
    assert session.window.strip.line().startswith("GPU 0 50 %  6/12 GB  60 °C | GPU 1 50 %  6/12 GB | CPU")


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_it_opens_the_page_by_keyboard(qtbot: QtBot, session: Session, key: Qt.Key) -> None:
    send(session, snapshot(gpu()))
    strip = session.window.strip
    strip.setFocus()
    qtbot.keyClick(strip, key)
    assert isinstance(session.window.page, HardwarePage)


def test_it_is_read_as_a_sentence(session: Session) -> None:
    send(session, snapshot(gpu()))
    strip = session.window.strip
    assert strip.accessibleName() == "Hardware"
    assert strip.accessibleDescription().startswith(strip.line())


def test_numbers_do_not_move_what_stands_beside_them(session: Session) -> None:
    strip = session.window.strip
    send(session, snapshot(gpu(), cpu_percent=100.0))
    before = strip._disk.x()
    send(session, snapshot(gpu(), cpu_percent=5.0))
    strip._row.activate()
    assert strip._disk.x() == before
