"""What a processor or a card cannot do, in words: the engine's codes about memory, precision and missing devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.explain import Occasion, recognise
from aienv_gui.core.wording import Text, size, tr, verbatim
from aienv_gui.engine.protocol import Code


def _no_device(v: Mapping[str, Any]) -> Problem:
    known = recognise(str(v["reason"]), Occasion.RUN)
    return Problem(
        tr("The chosen device cannot be used."),
        cause=tr("{device}: {reason}", device=v.get("device", "?"), reason=known.cause if known else v["reason"]),
        cure=tr("Start a new training on the CPU or on “automatic”, or validate the environment to see why."),
        actions=(Action("open_page", tr("Open Environments"), "environments"),),
    )


def _out_of_memory(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There was not enough memory."),
        cause=tr("A single example needed more memory than {device} has free.", device=v.get("device", "?")),
        cure=tr(
            "Close other programs that use it, or start a new training with a smaller network or smaller examples."
        ),
    )


def _not_deterministic(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("A part of this network cannot be computed exactly on a GPU."),
        cause=verbatim(str(v.get("reason", ""))),
        cure=tr("Start it anew with “Continued on a GPU: Close, and fast” under Advanced, or on the CPU."),
    )


def _gpu_unusable(v: Mapping[str, Any]) -> Text:
    return tr(
        "{device} cannot be used ({reason}); the training goes on, on the CPU.",
        device=v.get("device", "GPU"),
        reason=v.get("reason", "?"),
    )


def _in_parts(v: Mapping[str, Any]) -> Text:
    return tr(
        "There is not enough memory for {batch} examples at once: each batch is computed in {parts} parts of {size}. "
        "It learns the same from them, a little more slowly.",
        batch=v.get("batch", "?"),
        parts=v.get("parts", "?"),
        size=v.get("size", "?"),
    )


def _no_bfloat16(v: Mapping[str, Any]) -> Text:
    return tr("{device} does not compute in bfloat16: it goes on in float32.", device=v.get("device", "?"))


def _team_lost(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The processes that share the work end again and again."),
        cause=tr("They were started {tries} times anew; the log tells why they ended.", tries=v.get("tries", "?")),
        cure=tr("Continue it; if they end again, start a new training with one process (under Advanced)."),
    )


def _follower_lost(v: Mapping[str, Any]) -> Text:
    return tr(
        "A process that shares the work was gone; it was started anew (try {tries} of {most}), and nothing is lost.",
        tries=v.get("tries", "?"),
        most=v.get("most", "?"),
    )


def _on_disk(v: Mapping[str, Any]) -> Text:
    return tr(
        "Decoded, these pictures take {size}, too much for the memory that is free: they are kept on the disk while it "
        "trains.",
        size=size(v.get("bytes", 0)),
    )


PROBLEMS = {
    Code.TEAM_LOST: _team_lost,
    Code.NO_DEVICE: _no_device,
    Code.OUT_OF_MEMORY: _out_of_memory,
    Code.NOT_DETERMINISTIC: _not_deterministic,
}
WARNINGS = {
    Code.FOLLOWER_LOST: _follower_lost,
    Code.GPU_UNUSABLE: _gpu_unusable,
    Code.IN_PARTS: _in_parts,
    Code.NO_BFLOAT16: _no_bfloat16,
    Code.ON_DISK: _on_disk,
}
