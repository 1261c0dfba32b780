"""AMD's and Intel's cards, told by the kernel."""

from __future__ import annotations

from pathlib import Path

from aienv_gui.hardware.cards.bus import OtherCard, other_cards


def card(root: Path, number: int, vendor: str, address: str, driver: str) -> None:
    device = root / "sys/devices/pci0000:00" / address
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    (root / "drivers" / driver).mkdir(parents=True, exist_ok=True)
    (device / "driver").symlink_to(root / "drivers" / driver)
    place = root / "sys/class/drm" / f"card{number}"
    place.mkdir(parents=True)
    (place / "device").symlink_to(device)
    (place.parent / f"card{number}-HDMI-A-1").mkdir()


def test_a_machine_without_any(tmp_path: Path) -> None:
    assert other_cards(tmp_path) == ()
    card(tmp_path, 0, "0x10de", "0000:01:00.0", "nvidia")
    assert other_cards(tmp_path) == ()


def test_amd_needs_its_device(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x1002", "0000:03:00.0", "amdgpu")
    assert other_cards(tmp_path) == (OtherCard("amd", ready=False),)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").touch()
    assert other_cards(tmp_path) == (OtherCard("amd", ready=True),)


def test_intel_cards_and_the_graphics_in_its_processors(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x8086", "0000:00:02.0", "i915")
    assert other_cards(tmp_path) == ()
    card(tmp_path, 1, "0x8086", "0000:03:00.0", "i915")
    assert other_cards(tmp_path) == (OtherCard("intel", ready=True),)


def test_graphics_in_a_processor_with_the_new_driver(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x8086", "0000:00:02.0", "xe")
    assert other_cards(tmp_path) == (OtherCard("intel", ready=True),)
