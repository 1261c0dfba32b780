"""What the probe's answers mean, in words: failed imports, killed interpreters, calculations that fail."""

from __future__ import annotations

import re

from aienv_gui.core.explain import Explanation, Occasion, recognise
from aienv_gui.core.wording import Text, duration, tr, verbatim
from aienv_gui.environments.health.probe_run import Fate, Step, limit_of


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


def import_words(step: Step, rebuild: Text) -> tuple[Text, Text]:
    """Why a module cannot be imported, and the cure: `rebuild` where nothing better is known."""
    module = step.name.partition(":")[2]
    known = known_failure(step)
    if known is not None:
        return tr("{module} cannot be imported. {reason}", module=module, reason=known.cause), known.cure
    if step.fate is not Fate.ANSWERED:
        return tr("{library}: {words}", library=module, words=death_words(step)), rebuild
    missing, message = step.get("missing"), step.get("message").strip()
    if missing.startswith(f"{module}."):
        return tr("{module}: its part {missing} is missing.", module=module, missing=missing), rebuild
    if missing == module:
        return tr("{module} is not installed.", module=module), rebuild
    if missing:
        return (
            tr("{module} needs {missing}, which is not installed.", module=module, missing=missing),
            tr("Install what is missing. {rebuild}", rebuild=rebuild),
        )
    library = re.match(r"(\S+\.so[.\d]*): cannot open shared object file", message)
    if library is not None:
        return (
            tr("{module} needs the library {library}, which is not there.", module=module, library=library[1]),
            tr("Install the system's package that has it. {rebuild}", rebuild=rebuild),
        )
    if re.search(r"file too short|invalid ELF header|DLL load failed", message):
        return (
            tr("{module}: a library file is damaged or cut short.", module=module),
            rebuild,
        )
    if step.get("error") in ("SyntaxError", "IndentationError") or "null bytes" in message:
        return tr("{module}: one of its files is damaged.", module=module), rebuild
    reason = f"{step.get('error')}: {message.splitlines()[0][:300] if message else ''}".rstrip(": ")
    return tr("{module} cannot be imported. {reason}", module=module, reason=reason), rebuild


def failure_words(step: Step, cure: Text) -> tuple[Text, Text]:
    """Why a calculation failed, and what to do: `cure` where nothing better is known."""
    known = known_failure(step)
    if known is not None:
        return known.cause, known.cure
    if step.fate is not Fate.ANSWERED:
        return death_words(step), cure
    lines = step.get("message").strip().splitlines()
    return verbatim(lines[0][:300] if lines else step.get("error")), cure
