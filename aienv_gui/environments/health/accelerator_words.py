"""What the probe's answers on graphics cards mean, in words; and whether there is an NVIDIA card at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.explain import Occasion, recognise
from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.health.frameworks import LIBRARIES
from aienv_gui.environments.health.probe_run import Fate, Step
from aienv_gui.environments.health.repairs import Judgement, Repairs, and_more, joined
from aienv_gui.environments.health.verdict_words import failure_words
from aienv_gui.environments.records import VerdictState

_NVIDIA: Final = "0x10de"
_DISPLAY_CLASS: Final = "0x03"
# That these calculate on the processor is ordinary where another library uses the card.
_OFTEN_ON_CPU: Final = {"jax", "keras", "onnxruntime"}
_MAKERS: Final = {"rocm": "AMD ROCm", "xpu": "Intel XPU"}


@dataclass(frozen=True, slots=True)
class Presence:
    """What the system tells of NVIDIA without asking the driver."""

    card: bool
    driver: bool


def nvidia_presence(root: Path = Path("/")) -> Presence:
    """Whether an NVIDIA card and its driver are there. Reads a few small files; `root` is the system's, or a test's."""
    if sys.platform == "win32":
        driver = (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").is_file()
        return Presence(card=driver, driver=driver)
    wsl = (root / "usr/lib/wsl/lib/libcuda.so.1").exists()
    driver = wsl or (root / "proc/driver/nvidia/version").exists() or (root / "dev/nvidiactl").exists()
    return Presence(card=driver or _card(root), driver=driver)


def _card(root: Path) -> bool:
    for device in (root / "sys/bus/pci/devices").glob("*"):
        with suppress(OSError):
            nvidia = (device / "vendor").read_text().strip() == _NVIDIA
            if nvidia and (device / "class").read_text().startswith(_DISPLAY_CLASS):
                return True
    return False


def judge_accelerator(steps: Sequence[Step], nvidia: Presence, repairs: Repairs) -> Judgement:
    """The verdict on the graphics cards. One step a library; the worst decides."""
    if not steps:
        return Judgement(VerdictState.SKIPPED, tr("It holds no framework that calculates on a graphics card."))
    judged = {step.name.partition(":")[2]: _judge(step, nvidia, repairs) for step in steps}
    passed = [one for one in judged.values() if one.state is VerdictState.PASSED]
    for state in (VerdictState.FAILED, VerdictState.WARNING):
        for name, one in judged.items():
            if one.state is state and not (passed and state is VerdictState.WARNING and name in _OFTEN_ON_CPU):
                return one
    if passed:
        return Judgement(VerdictState.PASSED, joined([one.detail for one in passed if one.detail is not None]))
    return next(iter(judged.values()))


def _judge(step: Step, nvidia: Presence, repairs: Repairs) -> Judgement:
    library = step.name.partition(":")[2]
    name = LIBRARIES[library]
    if step.fate is Fate.NOT_TRIED or step.answer.get("skipped"):
        return Judgement(VerdictState.SKIPPED, tr("Not checked, because its libraries could not be imported."))
    if not step.ok:
        reason, cure = failure_words(step, _update())
        return Judgement(VerdictState.FAILED, tr("{library} fails: {reason}", library=name, reason=reason), cure)
    cards: list[Mapping[str, Any]] = step.answer["devices"]
    wrong = [_wrong(name, card, repairs) for card in cards if card["state"] != "right"]
    if wrong:
        all_words = [one.detail for one in wrong if one.detail is not None]
        return Judgement(VerdictState.FAILED, and_more(all_words), wrong[0].cure, wrong[0].actions)
    if cards:
        devices = ", ".join(f"{card['name']} ({card['seconds']:.1f} s)" for card in cards)
        words = tr("{library} calculates rightly on {devices}.", library=name, devices=devices)
        return Judgement(VerdictState.PASSED, words)
    return _unseen(library, step, nvidia, repairs)


def _wrong(name: str, card: Mapping[str, Any], repairs: Repairs) -> Judgement:
    """A card on which the library does not do what it does on the processor."""
    if card["state"] == "no_code":
        return _no_code(name, card, repairs)
    if card["state"] == "wrong":
        return Judgement(
            VerdictState.FAILED,
            tr("{library} calculates wrongly on {devices}.", library=name, devices=card["name"]),
            tr("Update the NVIDIA driver. If that does not help, the card may be damaged."),
        )
    said = f"{card.get('error')}: {card.get('message')}"
    known = recognise(said, Occasion.RUN)
    if known is not None and known.code == "no_kernel_image":
        return _no_code(name, card, repairs)
    reason = known.cause if known is not None else verbatim(said.splitlines()[0][:300])
    return Judgement(
        VerdictState.FAILED,
        tr("{library} fails on {card}: {reason}", library=name, card=card["name"], reason=reason),
        known.cure if known is not None else _update(),
    )


def _no_code(name: str, card: Mapping[str, Any], repairs: Repairs) -> Judgement:
    if card.get("capability"):
        words = tr(
            "{library} has no code for {card} (compute capability {capability}); this build is for {built}.",
            library=name,
            card=card["name"],
            capability="{}.{}".format(*card["capability"]),
            built=", ".join(card.get("built") or ("?",)),
        )
    else:
        words = tr("This build of {library} has no code for {card}.", library=name, card=card["name"])
    return Judgement(VerdictState.FAILED, words, repairs.build_words, repairs.build)


def _unseen(library: str, step: Step, nvidia: Presence, repairs: Repairs) -> Judgement:
    """The library sees no card."""
    name, built_for, kind = LIBRARIES[library], step.get("built_for"), step.get("kind")
    if built_for and kind in _MAKERS:
        return Judgement(
            VerdictState.WARNING,
            tr("{library} is built for {build}, but does not see the card.", library=name, build=_MAKERS[kind]),
            tr("Check that the card's driver is installed and that you may use it (on Linux: the group “render”)."),
        )
    if not nvidia.card:
        return Judgement(
            VerdictState.SKIPPED, tr("There is no NVIDIA card in this computer; the processor calculates.")
        )
    if library == "tensorflow" and sys.platform == "win32":
        return Judgement(
            VerdictState.SKIPPED,
            tr("TensorFlow uses graphics cards on Linux only (on Windows: inside WSL); the processor calculates."),
        )
    if not built_for:
        return Judgement(
            VerdictState.WARNING,
            tr("There is an NVIDIA card, but this build of {library} is for the processor only.", library=name),
            repairs.build_words,
            repairs.build,
        )
    if not nvidia.driver:
        return Judgement(
            VerdictState.WARNING,
            tr("There is an NVIDIA card, but no driver for it."),
            tr("Install the NVIDIA driver."),
        )
    remark = recognise(step.words, Occasion.REMARK)
    if remark is not None:
        actions = repairs.build if remark.code == "driver_too_old" else ()
        words = tr("{library}: {words}", library=name, words=remark.cause)
        return Judgement(VerdictState.FAILED, words, remark.cure, actions)
    return Judgement(
        VerdictState.FAILED,
        tr("{library} is built for {build}, but does not see the card.", library=name, build=built_for),
        _update(),
        repairs.build,
    )


def _update() -> Text:
    return tr("Update the NVIDIA driver, or choose the build for an older one in a new environment.")
