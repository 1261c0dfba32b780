"""The build that is chosen: from the driver library itself (a fake, read by the real nvidia-ml-py) to the words."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from aienv_gui.core.processes import clean_environment
from aienv_gui.core.storage import resource
from aienv_gui.environments import accelerators
from aienv_gui.environments.accelerators import CPU, Choice, Kind, OtherCard, choices, choose, constraints, kind_of
from aienv_gui.gui.environment_work import Cards
from aienv_gui.hardware.cards.wire import from_line
from tests.fakes import nvml, snapshots

ROOT = Path(__file__).parents[3]
_LOOK = """
from aienv_gui.hardware.cards.nvidia import NvidiaReader
from aienv_gui.hardware.cards.wire import to_line
print(to_line(NvidiaReader().read()).decode())
"""
GTX_1080 = ("NVIDIA GeForce GTX 1080", "6.1")
RTX_2080 = ("NVIDIA GeForce RTX 2080", "7.5")
A100 = ("NVIDIA A100-SXM4-40GB", "8.0")
RTX_5090 = ("NVIDIA GeForce RTX 5090", "12.0")


@pytest.fixture(autouse=True)
def _linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("drivers")
    return {"new": nvml.build(folder / "new"), "old": nvml.build(folder / "old", old_driver=True)}


def seen(library: Path, driver: str, cards: list[tuple[str, str]], **settings: object) -> Cards:
    """What the application knows of these cards and this driver, asked of the driver library."""
    settings |= {"name": "|".join(name for name, _ in cards), "capability": "|".join(number for _, number in cards)}
    environment = clean_environment(nvml.environment(library, cards=len(cards), driver=driver, **settings))
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run([sys.executable, "-c", _LOOK], env=environment, capture_output=True, text=True, check=True)
    snapshot = snapshots.snapshot()
    return Cards.of(type(snapshot)(snapshot.time, snapshot.monotonic, snapshot.host, from_line(done.stdout)))


@dataclass(frozen=True)
class Case:
    driver: str
    cards: list[tuple[str, str]]
    build: str
    reason: str
    demands: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    others: dict[str, str] = field(default_factory=dict)
    library: str = "new"


CASES = {
    "pascal, new driver": Case(
        "580.95.05",
        [GTX_1080],
        "cu126",
        "Suits NVIDIA GeForce GTX 1080 and driver 580.95.05.",
        demands=("torch<2.15",),
        others={
            "cu130": "Has no code for NVIDIA GeForce GTX 1080.",
            "cu128": "Has no code for NVIDIA GeForce GTX 1080.",
            "cpu": "Would leave NVIDIA GeForce GTX 1080 unused.",
        },
    ),
    "turing": Case(
        "580.95.05",
        [RTX_2080],
        "cu130",
        "Suits NVIDIA GeForce RTX 2080 and driver 580.95.05.",
        others={"cu128": "Suits as well, but is older.", "cu126": "Suits as well, but is older."},
    ),
    "ampere, driver for CUDA 12.8": Case(
        "570.86.10",
        [A100],
        "cu128",
        "Suits NVIDIA A100-SXM4-40GB and driver 570.86.10.",
        others={"cu130": "Needs driver 580.65.06 or newer; here is 570.86.10."},
    ),
    "ampere, driver for CUDA 12.0": Case(
        "525.85.12", [A100], "cu126", "Suits NVIDIA A100-SXM4-40GB and driver 525.85.12.", demands=("torch<2.15",)
    ),
    "blackwell": Case(
        "580.95.05",
        [RTX_5090],
        "cu130",
        "Suits NVIDIA GeForce RTX 5090 and driver 580.95.05.",
        others={"cu126": "Has no code for NVIDIA GeForce RTX 5090."},
    ),
    "blackwell, driver too old": Case(
        "535.104.05",
        [RTX_5090],
        "cpu",
        "Driver 535.104.05 is too old for NVIDIA GeForce RTX 5090: version 570.26 or newer is needed. Update it to use "
        "the card.",
        others={
            "cu128": "Needs driver 570.26 or newer; here is 535.104.05.",
            "cu126": "Has no code for NVIDIA GeForce RTX 5090.",
        },
    ),
    "an old driver": Case(
        "470.256.02",
        [GTX_1080],
        "cpu",
        "Driver 470.256.02 is too old for NVIDIA GeForce GTX 1080: version 525.60.13 or newer is needed. Update it to "
        "use the card.",
        others={"cu126": "Needs driver 525.60.13 or newer; here is 470.256.02."},
        library="old",
    ),
    "mixed: one build for both": Case(
        "580.95.05",
        [A100, GTX_1080],
        "cu126",
        "Suits NVIDIA A100-SXM4-40GB, NVIDIA GeForce GTX 1080 and driver 580.95.05.",
        demands=("torch<2.15",),
        others={"cu130": "Has no code for NVIDIA GeForce GTX 1080."},
    ),
    "mixed: the lowest decides, and it is modern": Case(
        "580.95.05",
        [RTX_5090, RTX_2080],
        "cu130",
        "Suits NVIDIA GeForce RTX 5090, NVIDIA GeForce RTX 2080 and driver 580.95.05.",
    ),
    "mixed: none suits all, so the user is asked": Case(
        "580.95.05",
        [RTX_5090, GTX_1080],
        "cu130",
        "Suits NVIDIA GeForce RTX 5090 and driver 580.95.05. It cannot use NVIDIA GeForce GTX 1080.",
        left_out=("NVIDIA GeForce GTX 1080",),
        others={"cu126": "Would use NVIDIA GeForce GTX 1080, but not NVIDIA GeForce RTX 5090."},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_build_for_driver_and_cards(drivers: dict[str, Path], case: Case) -> None:
    cards = seen(drivers[case.library], case.driver, case.cards)
    assert [name for name, _ in cards.gpus] == [name for name, _ in case.cards]
    choice = choose(cards.driver_version, cards.gpus)
    assert choice.id == case.build
    assert str(choice.reason) == case.reason
    assert constraints(choice.id) == case.demands
    assert choice.left_out == case.left_out
    alternatives = {one.id: str(one.reason) for one in choice.alternatives}
    assert set(alternatives) == {"cu130", "cu128", "cu126", "cpu"} - {choice.id}
    assert alternatives | case.others == alternatives
    assert [one.instead for one in choice.alternatives if one.instead] == ([case.left_out] if case.left_out else [])


def test_no_driver(drivers: dict[str, Path]) -> None:
    cards = seen(drivers["new"], "580.95.05", [RTX_2080], init=9)
    choice = choose(cards.driver_version, cards.gpus)
    assert choice.id == CPU
    assert str(choice.reason) == "No NVIDIA card is ready for use on this computer."
    assert "Needs driver 580.65.06" in str(choice.alternatives[0].reason)


def test_a_card_that_does_not_tell_its_capability_and_one_that_nothing_runs_on() -> None:
    assert choose("580.95.05", [("card", None)]).id == "cu130"
    choice = choose("580.95.05", [("Tesla K80", (3, 7))])
    assert choice.id == CPU
    assert str(choice.reason) == "Tesla K80 cannot be used: no current build has code for it."


def ids(found: tuple[Choice, ...]) -> list[str]:
    return [one.id for one in found]


def test_cards_of_other_makers_are_offered_and_never_chosen() -> None:
    assert ids(choices()) == ["cpu", "cu130", "cu128", "cu126"]
    amd, intel = OtherCard(Kind.ROCM, ready=True), OtherCard(Kind.XPU, ready=True)
    assert ids(choices([amd])) == ["cpu", "cu130", "cu128", "cu126", "rocm7.2"]
    choice = choose("", [], [amd, intel])
    assert choice.id == CPU
    assert "card of another maker" in str(choice.reason)
    assert [one.id for one in choice.alternatives][:2] == ["rocm7.2", "xpu"]
    assert "/dev/kfd" in str(choice.alternatives[0].reason)
    beside = choose("580.95.05", [("card", (8, 9))], [amd])
    assert (beside.id, beside.alternatives[-2].id) == ("cu130", "rocm7.2")
    (missing,) = (one for one in choose("", [], [OtherCard(Kind.ROCM, ready=False)]).alternatives if "rocm" in one.id)
    assert str(missing.reason).startswith("The driver that calculates on this card is not there.")


def test_kinds_of_builds() -> None:
    kinds = [kind_of(one) for one in ("cpu", "cu126", "cu118", "rocm7.2", "rocm6.4", "xpu", "nonsense")]
    assert kinds == [Kind.CPU, Kind.CUDA, Kind.CUDA, Kind.ROCM, Kind.ROCM, Kind.XPU, Kind.CPU]


def test_macs_have_one_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert ids(choices()) == ["cpu"]
    assert "Mac" in str(choose("", []).reason)


def test_every_build_says_where_its_facts_are_from_and_when() -> None:
    data = tomllib.loads(resource("rules/accelerators.toml").read_text(encoding="utf-8"))
    assert {entry["kind"] for entry in data["build"]} == set(Kind) - {Kind.CPU}
    for entry in data["build"]:
        assert isinstance(entry["checked"], date)
        assert entry["sources"]
        assert all(source.startswith("https://") for source in entry["sources"])
        if entry["kind"] == "cuda":
            assert {"driver_linux", "driver_windows", "capability_min"} <= entry.keys()


def test_uv_knows_every_build() -> None:
    from aienv_gui.environments.uv.command import uv_program

    said = subprocess.run([uv_program(), "pip", "compile", "--help"], capture_output=True, text=True, check=True)
    for build in accelerators.builds():
        assert f" {build.id}" in said.stdout.replace("\n", " "), build.id
