"""What the readings mean in words: each state its own, each limit with a cure, silence where nothing is known."""

from __future__ import annotations

import getpass
from dataclasses import replace
from datetime import datetime

import pytest

from aienv_gui.core.storage import resource
from aienv_gui.core.wording import tr, use_language
from aienv_gui.hardware.amounts import memory_share, memory_size
from aienv_gui.hardware.driver_words import absence_words, card_words, describe, nvidia_words
from aienv_gui.hardware.limits import Verdict
from aienv_gui.hardware.readings import Absence, Driver, DriverState, GpuProcess, Maker, Value
from aienv_gui.hardware.report import as_text
from tests.fakes.snapshots import ABSENT, GIB, gpu, snapshot

_REFUSED = Value(absence=Absence.NO_PERMISSION)


def test_one_card() -> None:
    assert str(describe(snapshot(gpu()))) == "Ready to train on NVIDIA GeForce RTX 4070, 12 GB"


def test_card_whose_memory_is_unknown() -> None:
    assert str(describe(snapshot(gpu(memory_total_bytes=ABSENT)))) == "Ready to train on NVIDIA GeForce RTX 4070"


def test_equal_cards_are_counted() -> None:
    words = str(describe(snapshot(*(gpu(index) for index in range(8)))))
    assert words == "Ready to train on 8 x NVIDIA GeForce RTX 4070, 12 GB each"


def test_different_cards_are_named() -> None:
    words = str(describe(snapshot(gpu(0), gpu(1, name="NVIDIA H100"))))
    assert words == "Ready to train on 2 GPUs (NVIDIA GeForce RTX 4070, NVIDIA H100)"


def test_lost_card_among_others() -> None:
    words = str(describe(snapshot(gpu(0), gpu(1, lost=True))))
    assert words == "Ready to train on NVIDIA GeForce RTX 4070, 12 GB; 1 GPU does not answer"


def test_refused_card_is_not_counted() -> None:
    refused = gpu(1, name="", utilisation_percent=_REFUSED, memory_total_bytes=_REFUSED)
    assert str(describe(snapshot(gpu(0), refused))) == "Ready to train on NVIDIA GeForce RTX 4070, 12 GB"


def test_driver_without_a_usable_card_is_no_error() -> None:
    refused = gpu(utilisation_percent=_REFUSED, memory_total_bytes=_REFUSED)
    assert "No NVIDIA GPU found" in str(describe(snapshot()))
    assert "stopped answering" in str(describe(snapshot(gpu(lost=True))))
    assert "no permission" in str(describe(snapshot(refused)))
    assert str(describe(snapshot(gpu(name="", asleep=True)))) == "Ready to train on a GPU"


def test_every_state_has_words_of_its_own() -> None:
    told = {state: tuple(map(str, nvidia_words(snapshot(state=state, detail="x").nvidia))) for state in DriverState}
    assert len(set(told.values())) == len(DriverState)
    for state, (_, cure) in told.items():
        assert (cure == "None") == (state in (DriverState.READY, DriverState.STARTING)), state


@pytest.mark.parametrize("maker", [Maker.AMD, Maker.INTEL, Maker.APPLE])
def test_every_state_of_other_makers_has_words_that_name_them(maker: Maker) -> None:
    answers = [Driver(state, detail="x", maker=maker) for state in DriverState]
    told = {driver.state: tuple(map(str, card_words(driver))) for driver in answers}
    assert len({what for what, _ in told.values()}) == len(DriverState) - 1  # the library's mismatch is an error as any
    for state, (what, cure) in told.items():
        assert maker.lower() in what.lower(), state
        assert "NVIDIA" not in what + cure
        assert (cure == "None") == (state in (DriverState.READY, DriverState.STARTING)), state


def test_missing_library_of_amd_has_the_cure_that_suits_it() -> None:
    what, cure = card_words(Driver(DriverState.NO_LIBRARY, maker=Maker.AMD))
    assert "AMD" in str(what)
    assert "amd-smi-lib" in str(cure)


def test_since_when_a_driver_is_silent() -> None:
    since = datetime(2026, 11, 3, 14, 3).timestamp()
    for maker, name in ((Maker.NVIDIA, "NVIDIA"), (Maker.AMD, "AMD")):
        silent = Driver(DriverState.UNRESPONSIVE, maker=maker, silent_since=since)
        assert str(card_words(silent)[0]) == f"The {name} driver has not answered since 14:03."
        assert str(card_words(replace(silent, silent_since=None))[0]) == f"The {name} driver does not answer."


def test_every_state_describes_the_workstation() -> None:
    for state in DriverState:
        words = str(describe(snapshot(gpu(), state=state)))
        assert words
        assert "{" not in words
    assert "restart the computer" in str(describe(snapshot(state=DriverState.MISMATCH)))
    assert "CPU" in str(describe(snapshot(state=DriverState.NO_GPU)))


def test_unknown_error_keeps_the_drivers_own_words() -> None:
    what, _ = nvidia_words(snapshot(state=DriverState.FAILED, detail="Unknown Error (999)").nvidia)
    assert "Unknown Error (999)" in str(what)


def test_every_absence_has_words() -> None:
    assert len({str(absence_words(absence)) for absence in Absence}) == len(Absence)


def test_report_names_parts_but_no_person_and_no_program() -> None:
    process = GpuProcess(4711, "secret-tool", getpass.getuser(), Value(1.0 * GIB), "compute")
    hot = snapshot(gpu(processes=(process,), temperature_celsius=Value(91.0)))
    warning = Verdict("gpu_hot", "warn", tr("GPU"), tr("Idle"))
    text = as_text(hot, [warning, replace(warning, level="good", what=tr("Busy"))])
    assert "NVIDIA GeForce RTX 4070" in text
    assert "580.65.06" in text
    assert "In use: 6/12 GB" in text
    assert "Fan: This card does not report it." in text
    assert "! GPU" in text
    assert "+ Busy" in text  # also that all is well
    assert "secret-tool" not in text
    assert "4711" not in text


def test_report_speaks_chinese() -> None:
    use_language("zh_CN", resource("locale"))
    text = as_text(snapshot(gpu()))
    assert "已使用：6/12 GB" in text or "已使用: 6/12 GB" in text
    assert "Temperature" not in text


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (12 * GIB, "12 GB"),
        (12288 * 1024**2 - 1, "12 GB"),
        (9.14 * GIB, "9.1 GB"),
        (512 * 1024**2, "512 MB"),
        (0, "0 MB"),
    ],
)
def test_memory_is_counted_as_it_is_sold(count: float, words: str) -> None:
    assert memory_size(count) == words


def test_memory_shares_have_one_unit() -> None:
    assert memory_share(9.14 * GIB, 12 * GIB) == "9.1/12 GB"
    assert memory_share(100 * 1024**2, 512 * 1024**2) == "100/512 MB"
    assert memory_share(0.2 * GIB, 128 * GIB) == "0.2/128 GB"
