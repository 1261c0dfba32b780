"""What the probe says about graphics cards, in verdicts with cures and buttons."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.wording import verbatim
from aienv_gui.environments.accelerators import Choice
from aienv_gui.environments.health.accelerator_words import Presence, judge_accelerator, nvidia_presence
from aienv_gui.environments.health.probe_run import Fate, Step
from aienv_gui.environments.health.repairs import Repairs
from aienv_gui.environments.records import Environment, Maker, VerdictState

NOTHING = Presence(card=False, driver=False)
CARD = Presence(card=True, driver=False)
READY = Presence(card=True, driver=True)
OURS = Environment(Path("/e"), Path("/e/bin/python"), "e", Maker.AIENV, "3.11.7")
THEIRS = Environment(Path("/e"), Path("/e/bin/python"), "e", Maker.VENV, "3.11.7")
ADVISED = Choice("cu126", verbatim("NVIDIA CUDA 12.6"), verbatim("suits"))
REPAIRS = Repairs(OURS, "cu130", ADVISED)

CUDA = {"built_for": "13.0", "kind": "cuda"}
RTX = {"name": "NVIDIA RTX 4070", "capability": [8, 9], "built": ["sm_75", "sm_80"], "seconds": 0.84}
GTX = {"name": "GTX 1080", "capability": [6, 1], "built": ["sm_75", "sm_80"], "seconds": 0.0}
RIGHT, WRONG, NO_CODE = {**RTX, "state": "right"}, {**RTX, "state": "wrong"}, {**GTX, "state": "no_code"}
NO_KERNEL = {"error": "AcceleratorError", "message": "CUDA error: no kernel image is available for execution"}


def says(*cards: dict[str, Any], library: str = "torch", words: str = "", **answer: Any) -> Step:
    ok = answer.pop("ok", True)
    whole = {"built_for": "", "kind": "cuda", "available": bool(cards), "devices": list(cards), **answer}
    return Step(f"accelerator:{library}", Fate.ANSWERED, ok, answer=whole, words=words)


@pytest.mark.parametrize(
    ("step", "nvidia", "state", "words", "action"),
    [
        (says(), NOTHING, "skipped", "no NVIDIA card", ""),
        (says(**CUDA), NOTHING, "skipped", "no NVIDIA card", ""),
        (says(), READY, "warning", "for the processor only", "use_build cu126"),
        (says(**CUDA), CARD, "warning", "no driver", ""),
        (says(**CUDA), READY, "failed", "built for 13.0, but does not see the card", "use_build cu126"),
        (says(RIGHT, **CUDA), READY, "passed", "PyTorch calculates rightly on NVIDIA RTX 4070 (0.8 s).", ""),
        (says(RIGHT, WRONG, **CUDA), READY, "failed", "calculates wrongly on NVIDIA RTX 4070", ""),
        (
            says(RIGHT, NO_CODE, **CUDA),
            READY,
            "failed",
            "PyTorch has no code for GTX 1080 (compute capability 6.1); this build is for sm_75, sm_80.",
            "use_build cu126",
        ),
        (
            says({**RTX, "state": "failed", **NO_KERNEL}, **CUDA),
            READY,
            "failed",
            "no code for NVIDIA RTX 4070",
            "use_build cu126",
        ),
        (
            says({**RTX, "state": "failed", "error": "RuntimeError", "message": "moon\nsun"}, **CUDA),
            READY,
            "failed",
            "PyTorch fails on NVIDIA RTX 4070: RuntimeError: moon",
            "",
        ),
        (says(NO_CODE, WRONG, **CUDA), READY, "failed", ".\nPyTorch ", "use_build cu126"),
        (says(ok=False, error="E", message="driver too old\nmore"), READY, "failed", "driver too old", ""),
        (says(ok=False, skipped=True), READY, "skipped", "could not be imported", ""),
        (says(built_for="7.2", kind="rocm"), NOTHING, "warning", "built for AMD ROCm, but does not see", ""),
        (
            says(
                words="CUDA initialization: The NVIDIA driver on your system is too old (found version 11040).", **CUDA
            ),
            READY,
            "failed",
            "PyTorch: The NVIDIA driver is too old for this build of the library.",
            "use_build cu126",
        ),
        (Step("accelerator:torch", Fate.CRASHED, signal="SIGSEGV"), READY, "failed", "crashed (SIGSEGV)", ""),
        (Step("accelerator:torch", Fate.TIMED_OUT), READY, "failed", "It took more than 60 seconds.", ""),
    ],
)
def test_accelerator_is_judged_by_framework_card_and_driver(
    step: Step, nvidia: Presence, state: str, words: str, action: str
) -> None:
    judged = judge_accelerator([step], nvidia, REPAIRS)
    assert judged.state == state
    assert words in str(judged.detail)
    assert (judged.cure is not None) == (state in ("failed", "warning"))
    assert " ".join(f"{one.name} {one.argument}" for one in judged.actions) == action


def test_worst_library_decides() -> None:
    judged = judge_accelerator([says(RIGHT, **CUDA), says(library="tensorflow", **CUDA)], READY, REPAIRS)
    assert judged.state is VerdictState.FAILED
    assert "TensorFlow" in str(judged.detail)


def test_all_that_calculate_are_named() -> None:
    judged = judge_accelerator([says(RIGHT, **CUDA), says(RIGHT, library="keras", **CUDA)], READY, REPAIRS)
    assert str(judged.detail) == (
        "PyTorch calculates rightly on NVIDIA RTX 4070 (0.8 s). Keras calculates rightly on NVIDIA RTX 4070 (0.8 s)."
    )


def test_a_library_that_is_ordinarily_on_the_processor_disturbs_nobody_beside_one_that_uses_the_card() -> None:
    onnx = says(library="onnxruntime")
    assert judge_accelerator([onnx], READY, REPAIRS).state is VerdictState.WARNING
    assert judge_accelerator([says(RIGHT, **CUDA), onnx], READY, REPAIRS).state is VerdictState.PASSED
    assert judge_accelerator([says(RIGHT, **CUDA), says(library="tensorflow")], READY, REPAIRS).state == "warning"


@pytest.mark.parametrize(
    "repairs", [Repairs(OURS, "cu126", ADVISED), Repairs(THEIRS, "", ADVISED), Repairs(OURS, "cu130"), Repairs(OURS)]
)
def test_no_button_that_would_change_nothing(repairs: Repairs) -> None:
    judged = judge_accelerator([says(NO_CODE, **CUDA)], READY, repairs)
    assert judged.actions == ()
    assert str(judged.cure) == "Make a new environment with the build for this card."


def test_card_and_driver_are_told_apart(tmp_path: Path) -> None:
    if sys.platform == "win32":
        assert nvidia_presence().card == nvidia_presence().driver
        return
    assert nvidia_presence(tmp_path) == NOTHING
    for number, (vendor, kind) in enumerate([("0x8086", "0x030000"), ("0x10de", "0x040300")]):
        device = tmp_path / "sys/bus/pci/devices" / f"0000:0{number}:00.0"
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "class").write_text(f"{kind}\n")
    assert nvidia_presence(tmp_path) == NOTHING  # Intel's graphics, and an NVIDIA sound device
    (device / "class").write_text("0x030200\n")
    assert nvidia_presence(tmp_path) == CARD
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text("580.65")
    assert nvidia_presence(tmp_path) == READY
