"""What the probe says about graphics cards, in verdicts; and how cards and drivers are told without asking a driver."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.wording import tr
from aienv_gui.environments.health.probe_run import Fate, Step
from aienv_gui.environments.health.verdict_words import (
    Presence,
    accelerator_verdict,
    death_words,
    failure_words,
    import_words,
    nvidia_presence,
)
from aienv_gui.environments.records import Environment, Maker, VerdictState

NOTHING = Presence(card=False, driver=False)
CARD = Presence(card=True, driver=False)
READY = Presence(card=True, driver=True)


def torch_says(**answer: Any) -> Step:
    ok = answer.pop("ok", True)
    whole = {"built_for": "", "available": False, "devices": [], **answer}
    return Step("accelerator:torch", Fate.ANSWERED, ok, answer=whole)


CUDA = {"built_for": "12.8"}
SEEN = {**CUDA, "available": True, "devices": ["NVIDIA RTX 4070"]}
NO_KERNEL = {"error": "AcceleratorError", "message": "CUDA error: no kernel image is available for execution"}


@pytest.mark.parametrize(
    ("step", "nvidia", "state", "words"),
    [
        (torch_says(), NOTHING, VerdictState.SKIPPED, "no NVIDIA card"),
        (torch_says(**CUDA), NOTHING, VerdictState.SKIPPED, "no NVIDIA card"),
        (torch_says(), READY, VerdictState.WARNING, "for the processor only"),
        (torch_says(**CUDA), CARD, VerdictState.WARNING, "no driver"),
        (torch_says(**CUDA), READY, VerdictState.FAILED, "built for 12.8, but does not see the card"),
        (torch_says(**SEEN, right=True), READY, VerdictState.PASSED, "PyTorch calculates on NVIDIA RTX 4070."),
        (torch_says(**SEEN, right=False), READY, VerdictState.FAILED, "calculates wrongly on NVIDIA RTX 4070"),
        (torch_says(ok=False, **NO_KERNEL), READY, VerdictState.FAILED, "no code for the graphics card"),
        (torch_says(ok=False, error="E", message="driver too old\nmore"), READY, VerdictState.FAILED, "driver too old"),
        (torch_says(ok=False, skipped=True), READY, VerdictState.SKIPPED, "could not be imported"),
        (Step("accelerator:torch", Fate.CRASHED, signal="SIGSEGV"), READY, VerdictState.FAILED, "crashed (SIGSEGV)"),
        (Step("accelerator:torch", Fate.TIMED_OUT), READY, VerdictState.FAILED, "It took more than 60 seconds."),
    ],
)
def test_accelerator_is_judged_by_framework_card_and_driver(
    step: Step, nvidia: Presence, state: VerdictState, words: str
) -> None:
    found, detail, cure = accelerator_verdict([step], nvidia)
    assert found is state
    assert words in str(detail)
    assert (cure is not None) == (state in (VerdictState.FAILED, VerdictState.WARNING))


def test_worst_framework_decides() -> None:
    tensorflow = Step("accelerator:tensorflow", Fate.ANSWERED, True, answer=torch_says(**CUDA).answer)
    state, detail, _ = accelerator_verdict([torch_says(**SEEN, right=True), tensorflow], READY)
    assert state is VerdictState.FAILED
    assert "TensorFlow" in str(detail)


def test_illegal_instruction_is_not_called_damage() -> None:
    words = str(death_words(Step("import:x", Fate.CRASHED, signal="SIGILL")))
    assert "another processor" in words


OURS = Environment(Path("/e"), Path("/e/bin/python"), "e", Maker.AIENV, "3.11.7")


def import_fails(error: str, message: str, words: str = "", missing: str = "") -> Step:
    answer = {"error": error, "message": message, "missing": missing}
    return Step("import:cv2", Fate.ANSWERED, answer=answer, words=words)


@pytest.mark.parametrize(
    ("step", "detail", "cure"),
    [
        (
            import_fails("ImportError", "libGL.so.1: cannot open shared object file: No such file or directory"),
            "cv2 cannot be imported. The system's library for drawing, libGL.so.1, is not installed",
            "opencv-python-headless",
        ),
        (
            import_fails(
                "ImportError",
                "numpy.core.multiarray failed to import",
                words="AttributeError: _ARRAY_API not found",
            ),
            "made for NumPy 1, but NumPy 2 is installed",
            "numpy<2",
        ),
        (
            Step(
                "import:tensorflow",
                Fate.CRASHED,
                signal="SIGABRT",
                words="The TensorFlow library was compiled to use AVX instructions, but these aren't available on your "
                "machine.",
            ),
            "tensorflow cannot be imported. TensorFlow needs a processor with AVX instructions",
            "conda-forge",
        ),
        (import_fails("ModuleNotFoundError", "No module named 'yaml'", missing="yaml"), "needs yaml", "Install"),
        (import_fails("ValueError", "the moon is full\nmore"), "ValueError: the moon is full", "Delete"),
        # What an installer means by these words, a program need not.
        (import_fails("OSError", "No solution found"), "OSError: No solution found", "Delete"),
        (Step("import:x", Fate.CRASHED, signal="SIGSEGV", words="moon"), "crashed (SIGSEGV)", "Delete"),
        (Step("import:x", Fate.ENDED, words="moon"), "The interpreter ended with: moon", "Delete"),
    ],
)
def test_an_import_that_fails_is_explained_where_it_is_known(step: Step, detail: str, cure: str) -> None:
    found, remedy = import_words(step, OURS)
    assert detail in str(found)
    assert cure in str(remedy)


def test_a_calculation_that_fails_is_explained_where_it_is_known() -> None:
    unknown = Step("computation:torch", Fate.ANSWERED, answer={"error": "E", "message": "moon\nsun"})
    rebuild = failure_words(torch_says(ok=False, **NO_KERNEL), tr("again"))[1]
    assert str(rebuild) == "Make a new environment with the build for this card."
    assert [str(text) for text in failure_words(unknown, tr("again"))] == ["moon", "again"]


def test_a_remark_explains_a_card_that_is_not_seen() -> None:
    remark = "UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040)."
    unseen = torch_says(**CUDA)
    step = Step(unseen.name, Fate.ANSWERED, True, answer=unseen.answer, words=remark)
    state, detail, cure = accelerator_verdict([step], READY)
    assert state is VerdictState.FAILED
    assert str(detail) == "PyTorch: The NVIDIA driver is too old for this build of the library."
    assert "Update the NVIDIA driver" in str(cure)


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
