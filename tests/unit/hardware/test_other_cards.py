"""AMD's and Intel's cards, told by the kernel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aienv_gui.hardware.cards.bus import OtherCard, cards_on_bus, makers_present, other_cards
from aienv_gui.hardware.cards.pci_names import name_of
from aienv_gui.hardware.readings import Maker
from tests.fakes.pci_bus import plug_in

_LIST = """# the list of PCI devices
1001  Kolter Electronic
\t744c  Not a card
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t7448  Navi 31 [Radeon Pro W7900]
\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX]
\t\t1002 0e3b  Radeon RX 7900 XTX [of a certain maker]
\t740c  Aldebaran/MI200 [Instinct MI250X/MI250]
8086  Intel Corporation
\t56a0  DG2 [Arc A770]
\te20b  Battlemage G21 [Intel Arc B580]
\t1234  A chip without another name
"""


def test_a_machine_without_any(tmp_path: Path) -> None:
    assert other_cards(tmp_path) == ()
    plug_in(tmp_path, "0000:01:00.0", vendor="0x10de", driver="nvidia")
    assert other_cards(tmp_path) == ()
    assert makers_present(tmp_path) == frozenset()
    assert [card.maker for card in cards_on_bus(tmp_path)] == [Maker.NVIDIA]


def test_amd_needs_its_device(tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0")
    assert other_cards(tmp_path) == (OtherCard("amd", ready=False),)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").touch()
    assert other_cards(tmp_path) == (OtherCard("amd", ready=True),)


def test_intel_cards_and_the_graphics_in_its_processors(tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:00:02.0", vendor="0x8086", driver="i915")
    assert other_cards(tmp_path) == ()
    plug_in(tmp_path, "0000:03:00.0", vendor="0x8086", driver="i915")
    assert other_cards(tmp_path) == (OtherCard("intel", ready=True),)


def test_graphics_in_a_processor_with_the_new_driver(tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:00:02.0", vendor="0x8086", driver="xe")
    assert other_cards(tmp_path) == (OtherCard("intel", ready=True),)


def test_card_without_a_driver_is_on_the_bus_but_no_card_to_calculate_on(tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0", driver="")
    (card,) = cards_on_bus(tmp_path)
    assert (card.maker, card.ids, card.driver, card.screen) == (Maker.AMD, "1002:744c", "", None)
    assert other_cards(tmp_path) == ()


def test_card_for_calculating_only_is_a_card_and_a_sound_device_is_none(tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0", kind="0x120000")
    plug_in(tmp_path, "0000:03:00.1", kind="0x040300", driver="snd_hda_intel")
    assert [card.address for card in cards_on_bus(tmp_path, Maker.AMD)] == ["0000:03:00.0"]


def test_whose_cards_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert makers_present(tmp_path) == frozenset()
    plug_in(tmp_path, "0000:00:02.0", vendor="0x8086", driver="i915")
    assert makers_present(tmp_path) == frozenset()  # the graphics of a processor is no use for training
    plug_in(tmp_path, "0000:03:00.0")
    plug_in(tmp_path, "0000:04:00.0", vendor="0x8086", driver="xe")
    assert makers_present(tmp_path) == {Maker.AMD, Maker.INTEL}
    monkeypatch.setattr(sys, "platform", "darwin")
    assert makers_present(tmp_path) == {Maker.APPLE}


@pytest.mark.parametrize(
    ("vendor", "model", "name"),
    [
        ("0x1002", "0x744c", "AMD Radeon RX 7900 XT/7900 XTX"),
        ("0x1002", "0x740c", "AMD Instinct MI250X/MI250"),
        ("0x1002", "0xffff", "AMD card 1002:ffff"),
        ("0x8086", "0x56a0", "Intel Arc A770"),
        ("0x8086", "0xe20b", "Intel Arc B580"),
        ("0x8086", "0x1234", "Intel A chip without another name"),
    ],
)
def test_names_by_the_list_of_devices(tmp_path: Path, vendor: str, model: str, name: str) -> None:
    listing = tmp_path / "usr/share/misc/pci.ids"
    listing.parent.mkdir(parents=True)
    listing.write_text(_LIST)
    plug_in(tmp_path, "0000:03:00.0", vendor=vendor, model=model)
    (card,) = cards_on_bus(tmp_path)
    assert name_of(card, tmp_path) == name


def test_without_the_list_a_card_is_called_by_its_numbers(tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0")
    (card,) = cards_on_bus(tmp_path)
    assert name_of(card, tmp_path) == "AMD card 1002:744c"
