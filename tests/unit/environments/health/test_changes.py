"""What has changed about the computer since a validation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.wording import verbatim
from aienv_gui.environments.health.changes import change_since, outdated
from aienv_gui.environments.records import Environment, Machine, MachineCard, Maker, Package, Verdict, VerdictState
from aienv_gui.gui.environment_work import Cards
from aienv_gui.hardware.readings import Driver, DriverState
from tests.fakes import snapshots

CARD, OTHER = MachineCard("RTX 4070", "GPU-1", (8, 9)), MachineCard("RTX 5090", "GPU-2", (12, 0))
THEN = Machine("570.86.10", (CARD,), "Linux-6.1", 1)
PASSED = (Verdict("interpreter", verbatim("x"), VerdictState.PASSED),)
PICTURES = Environment(
    Path("/e"), Path("/e/bin/python"), "pictures", Maker.AIENV, "3.11.7", (Package("torch", "2.14"),),
    health=PASSED, validated=1.0, machine=THEN,
)  # fmt: skip


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Machine("570.86.10", (CARD,), "Linux-6.2", 2), None),  # another kernel, another version of ours
        (None, None),
        (
            Machine("580.65.06", (CARD,)),
            "The NVIDIA driver was updated since “pictures” was validated: 570.86.10 became",
        ),
        (Machine("", (CARD,)), "The NVIDIA driver that was there when “pictures” was validated is gone."),
        (Machine("570.86.10", (CARD, OTHER)), "Another graphics card is in this computer than when “pictures” was"),
        (Machine("580.65.06", (OTHER,)), "Another graphics card is in this computer"),
        (Machine("570.86.10"), "A graphics card that was there when “pictures” was validated is not seen any more."),
    ],
)
def test_driver_and_cards_are_compared(now: Machine | None, words: str | None) -> None:
    change = change_since(PICTURES, now)
    assert (change is None) == (words is None)
    assert words is None or str(change).startswith(words)
    assert outdated([PICTURES], now) == (() if words is None else (PICTURES,))


def test_a_driver_that_is_new() -> None:
    before = replace(PICTURES, machine=Machine())
    assert "An NVIDIA driver was installed" in str(change_since(before, Machine("580.65.06")))
    assert "Another graphics card" in str(change_since(before, Machine("580.65.06", (CARD,))))


def test_no_change_matters_where_nothing_calculates_on_cards_or_nothing_was_found() -> None:
    now = Machine("580.65.06", (CARD,))
    assert change_since(replace(PICTURES, packages=(Package("numpy", "2.0"),)), now) is None
    assert change_since(replace(PICTURES, machine=None), now) is None
    assert change_since(replace(PICTURES, health=()), now) is None


def test_a_driver_that_has_not_answered_yet_is_no_change() -> None:
    def machine_of(nvidia: Driver) -> Machine | None:
        return Cards.of(replace(snapshots.snapshot(), nvidia=nvidia)).machine

    card = snapshots.gpu(compute_capability=(8, 9))
    assert Cards.of(None).machine is None
    for state in (DriverState.STARTING, DriverState.UNRESPONSIVE, DriverState.CRASHED, DriverState.LOST):
        assert machine_of(Driver(state)) is None
    assert machine_of(Driver(DriverState.READY, (card, replace(card, lost=True)), "580.65.06")) is None
    assert machine_of(Driver(DriverState.NO_DRIVER)) == Machine()
    assert machine_of(Driver(DriverState.READY, (card,), "580.65.06")) == Machine(
        "580.65.06", (MachineCard(card.name, card.uuid, (8, 9)),)
    )
