"""What a card is called in few words beside the others of the machine, and why it tells nothing of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.hardware.readings import Gpu, Maker

MAKER_NAMES: Final = {Maker.NVIDIA: "NVIDIA", Maker.AMD: "AMD", Maker.INTEL: "Intel", Maker.APPLE: "Apple"}


def short_name(gpu: Gpu, gpus: Sequence[Gpu]) -> Text:
    """Numbered where there are several, with its maker where there are several of these: each counts from zero."""
    if len(gpus) <= 1:
        return tr("GPU")
    if len({one.maker for one in gpus}) == 1:
        return tr("GPU {index}", index=gpu.index)
    maker = MAKER_NAMES[gpu.maker]
    alone = sum(one.maker is gpu.maker for one in gpus) == 1
    return verbatim(maker if alone else f"{maker} {gpu.index}")


def silence(gpu: Gpu) -> Text | None:
    """Why a card has no readings at all, in a word; None where it should have some."""
    if gpu.lost:
        return tr("lost")
    if gpu.refused:
        return tr("no permission")
    return tr("asleep") if gpu.asleep else None
