"""What the probe's answers mean, in words: failed imports, killed interpreters, graphics cards that are not seen."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aienv_gui.core.explain import Explanation, Occasion, recognise
from aienv_gui.core.wording import Text, duration, tr, verbatim
from aienv_gui.environments.health.probe_run import Fate, Step, limit_of
from aienv_gui.environments.records import Environment, Maker, VerdictState

_NVIDIA: Final = "0x10de"
_DISPLAY_CLASS: Final = "0x03"


def rebuild(environment: Environment) -> Text:
    """The cure for an environment that is not whole."""
    if environment.maker is Maker.AIENV:
        return tr("Delete the environment and make it again; its downloads are kept.")
    if environment.maker is Maker.BUILT_IN:
        return tr("Install AIEnv again.")
    return tr("Repair it with the program that made it, or make a new environment here.")


def known_failure(step: Step) -> Explanation | None:
    """What is known of the failure that a step's library tells of; None for one that no rule knows."""
    if step.fate is Fate.ANSWERED:
        return recognise(f"{step.words}\n{step.get('error')}: {step.get('message')}", Occasion.RUN)
    if step.fate in (Fate.CRASHED, Fate.ENDED):
        return recognise(step.words, Occasion.RUN)
    return None


def death_words(step: Step) -> Text:
    """How a step took the interpreter's life."""
    if step.fate is Fate.TIMED_OUT:
        return tr("It took more than {limit}.", limit=duration(limit_of(step.name)))
    if step.fate is Fate.NOT_TRIED:
        return tr("Not tried: too much went wrong before.")
    if step.signal == "SIGILL":
        return tr(
            "The interpreter was stopped ({signal}): a library is made for another processor.", signal=step.signal
        )
    if step.fate is Fate.CRASHED:
        return tr(
            "The interpreter crashed ({signal}): a library file is damaged or cut short.", signal=step.signal or "?"
        )
    lines = [line.strip() for line in step.words.splitlines() if line.strip()]
    if lines:
        telling = next((line for line in reversed(lines) if re.search(r"[Ee]rror|cannot|not found", line)), lines[-1])
        return tr("The interpreter ended with: {words}", words=telling[:300])
    return tr("The interpreter ended without a word.")


def import_words(step: Step, environment: Environment) -> tuple[Text, Text]:
    """Why a module cannot be imported, and the cure."""
    module = step.name.partition(":")[2]
    known = known_failure(step)
    if known is not None:
        return tr("{module} cannot be imported. {reason}", module=module, reason=known.cause), known.cure
    if step.fate is not Fate.ANSWERED:
        return tr("{library}: {words}", library=module, words=death_words(step)), rebuild(environment)
    missing, message = step.get("missing"), step.get("message").strip()
    if missing and missing.split(".")[0] == module:
        return tr("{module} is not installed.", module=module), rebuild(environment)
    if missing:
        return (
            tr("{module} needs {missing}, which is not installed.", module=module, missing=missing),
            tr("Install what is missing. {rebuild}", rebuild=rebuild(environment)),
        )
    library = re.match(r"(\S+\.so[.\d]*): cannot open shared object file", message)
    if library is not None:
        return (
            tr("{module} needs the library {library}, which is not there.", module=module, library=library[1]),
            tr("Install the system's package that has it. {rebuild}", rebuild=rebuild(environment)),
        )
    if re.search(r"file too short|invalid ELF header|DLL load failed", message):
        return (
            tr("{module}: a library file is damaged or cut short.", module=module),
            rebuild(environment),
        )
    if step.get("error") in ("SyntaxError", "IndentationError") or "null bytes" in message:
        return tr("{module}: one of its files is damaged.", module=module), rebuild(environment)
    reason = f"{step.get('error')}: {message.splitlines()[0][:300] if message else ''}".rstrip(": ")
    return tr("{module} cannot be imported. {reason}", module=module, reason=reason), rebuild(environment)


def failure_words(step: Step, cure: Text) -> tuple[Text, Text]:
    """Why a calculation failed, and what to do: `cure` where nothing better is known."""
    known = known_failure(step)
    if known is not None:
        return known.cause, known.cure
    if step.fate is not Fate.ANSWERED:
        return death_words(step), cure
    lines = step.get("message").strip().splitlines()
    return verbatim(lines[0][:300] if lines else step.get("error")), cure


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


def accelerator_verdict(steps: Sequence[Step], nvidia: Presence) -> tuple[VerdictState, Text, Text | None]:
    """The verdict on the graphics card: state, detail and cure. One step a framework."""
    if not steps:
        return VerdictState.SKIPPED, tr("It holds no framework that calculates on a graphics card."), None
    judged = [_one(step, nvidia) for step in steps]
    for state in (VerdictState.FAILED, VerdictState.WARNING, VerdictState.PASSED):
        for verdict in judged:
            if verdict[0] is state:
                return verdict
    return judged[0]


def _one(step: Step, nvidia: Presence) -> tuple[VerdictState, Text, Text | None]:
    name = {"torch": "PyTorch", "tensorflow": "TensorFlow"}[step.name.partition(":")[2]]
    if step.fate is Fate.NOT_TRIED or step.answer.get("skipped"):
        return VerdictState.SKIPPED, tr("Not checked, because its libraries could not be imported."), None
    update = tr("Update the NVIDIA driver, or choose the build for an older one in a new environment.")
    if not step.ok:
        reason, cure = failure_words(step, update)
        return VerdictState.FAILED, tr("{library} fails: {reason}", library=name, reason=reason), cure
    if step.answer["available"]:
        devices = ", ".join(step.answer["devices"])
        if step.answer.get("right", True):
            return VerdictState.PASSED, tr("{library} calculates on {devices}.", library=name, devices=devices), None
        return (
            VerdictState.FAILED,
            tr("{library} calculates wrongly on {devices}.", library=name, devices=devices),
            tr("Update the NVIDIA driver. If that does not help, the card may be damaged."),
        )
    if not nvidia.card:
        return VerdictState.SKIPPED, tr("There is no NVIDIA card in this computer; the processor calculates."), None
    if not step.answer["built_for"]:
        return (
            VerdictState.WARNING,
            tr("There is an NVIDIA card, but this build of {library} is for the processor only.", library=name),
            tr("Make a new environment with the build for this card."),
        )
    if not nvidia.driver:
        return (
            VerdictState.WARNING,
            tr("There is an NVIDIA card, but no driver for it."),
            tr("Install the NVIDIA driver."),
        )
    remark = recognise(step.words, Occasion.REMARK)
    if remark is not None:
        return VerdictState.FAILED, tr("{library}: {words}", library=name, words=remark.cause), remark.cure
    return (
        VerdictState.FAILED,
        tr("{library} is built for {build}, but does not see the card.", library=name, build=step.get("built_for")),
        update,
    )
