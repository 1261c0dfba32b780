"""What macOS's own programs say of a Mac's graphics, after their documented output."""

from __future__ import annotations

import json
import plistlib

import pytest

from aienv_gui.hardware.cards.apple import AppleReader, Chip, Load, chips_of, driver_of, loads_of
from aienv_gui.hardware.readings import Absence, DriverState, Maker, Value

GIB = 1024.0**3
_M3 = {
    "SPDisplaysDataType": [
        {
            "_name": "kHW_AppleM3ProItem",
            "spdisplays_mtlgpufamilysupport": "spdisplays_metal3",
            "spdisplays_ndrvs": [{"_name": "Color LCD", "spdisplays_pixels": "3024 x 1964"}],
            "spdisplays_vendor": "sppci_vendor_Apple",
            "sppci_bus": "spdisplays_builtin",
            "sppci_cores": "18",
            "sppci_device_type": "spdisplays_gpu",
            "sppci_model": "Apple M3 Pro",
        }
    ]
}
_WITH_CARD = {
    "SPDisplaysDataType": [
        {
            "_name": "Intel UHD Graphics 630",
            "spdisplays_vram_shared": "1536 MB",
            "sppci_model": "Intel UHD Graphics 630",
        },
        {"_name": "AMD Radeon Pro 5500M", "spdisplays_vram": "8 GB", "sppci_model": "AMD Radeon Pro 5500M"},
    ]
}
_STATISTICS = {
    "Alloc system memory": 9_105_309_696,
    "Device Utilization %": 23,
    "In use system memory": 1_572_864_000,
    "Renderer Utilization %": 22,
    "Tiler Utilization %": 7,
}
_ACCELERATOR = plistlib.dumps(
    [{"IOClass": "AGXAcceleratorG15X", "IOObjectClass": "AGXAcceleratorG15X", "PerformanceStatistics": _STATISTICS}]
)


def test_chip_and_its_cores() -> None:
    assert chips_of(json.dumps(_M3).encode()) == (Chip("Apple M3 Pro", 18, None),)


def test_macs_with_a_card_of_its_own_memory() -> None:
    chips = chips_of(json.dumps(_WITH_CARD).encode())
    assert chips == (Chip("Intel UHD Graphics 630", None, None), Chip("AMD Radeon Pro 5500M", None, 8 * GIB))


def test_load_and_memory() -> None:
    assert loads_of(_ACCELERATOR) == (Load(23.0, 1_572_864_000.0),)
    assert loads_of(b"") == ()
    assert loads_of(plistlib.dumps([{"IOClass": "an older one"}])) == (Load(None, None),)


@pytest.mark.parametrize("answer", [b"", b"not JSON", b"[]", b'{"SPDisplaysDataType": [1]}'])
def test_unknown_answer_of_system_profiler_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError):
        chips_of(answer)


@pytest.mark.parametrize("answer", [b"not a list", b"<plist><array>", plistlib.dumps(["text"])])
def test_unknown_answer_of_ioreg_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError):
        loads_of(answer)


def test_driver_of_a_mac() -> None:
    driver = driver_of(chips_of(json.dumps(_M3).encode()), loads_of(_ACCELERATOR), 36 * GIB)
    (gpu,) = driver.gpus
    assert (driver.state, driver.maker, gpu.maker) == (DriverState.READY, Maker.APPLE, Maker.APPLE)
    assert gpu.name == "Apple M3 Pro (18 cores)"
    assert gpu.utilisation_percent == Value(23.0)
    assert gpu.memory_total_bytes == Value(36 * GIB)  # the computer's, which it shares
    assert gpu.memory_free_bytes == Value(36 * GIB - 1_572_864_000)
    assert gpu.temperature_celsius == Value(absence=Absence.NOT_TOLD)


def test_chip_whose_load_is_not_told() -> None:
    (gpu,) = driver_of((Chip("Apple M9", None, None),), (), 8 * GIB).gpus
    assert gpu.utilisation_percent == gpu.memory_used_bytes == Value(absence=Absence.NOT_TOLD)
    assert driver_of((), (), 8 * GIB).state is DriverState.NO_GPU


def test_elsewhere_than_on_a_mac_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aienv_gui.hardware.cards.apple._NAMES", ("/nowhere/system_profiler",))
    driver = AppleReader().read()
    assert driver.state is DriverState.FAILED
    assert "system_profiler" in driver.detail
