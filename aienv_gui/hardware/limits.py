"""What limits the machine right now, and what to try, in words.

Silent where it does not know: every verdict is a rule that rests on readings, and shows them as its evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from aienv_gui.core.wording import Text, percent, size, tr
from aienv_gui.hardware.amounts import memory_share
from aienv_gui.hardware.history import History
from aienv_gui.hardware.readings import Gpu, Snapshot

# Consumer cards slow themselves down at 83 to 90 degrees, data centre cards a little later.
HOT_CELSIUS: Final = 87.0
GPU_MEMORY_FULL: Final = 0.95
MEMORY_FULL: Final = 0.93
DISK_LOW_BYTES: Final = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """A training that runs now, as its own record tells."""

    name: str
    device: str  # "cpu", "cuda:0"...
    paused: bool = False
    phase: str = ""  # loading, training, validating, testing, saving
    waiting_share: float | None = None  # of its time, for the next batch: 0 to 1
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something that limits the machine now, what to try, and the readings that show it. `key` is a stable name."""

    key: str
    level: Literal["good", "warn", "bad"]
    what: Text
    cure: Text
    evidence: tuple[Text, ...] = ()


def assess(snapshot: Snapshot, history: History, work: Sequence[Work] = ()) -> tuple[Verdict, ...]:  # noqa: ARG001
    """What limits the machine right now, the worst first; empty where nothing does or nothing is known."""
    found = _gpu_notices(snapshot.nvidia.gpus)
    host = snapshot.host
    if host.memory_total_bytes and host.memory_used_bytes / host.memory_total_bytes >= MEMORY_FULL:
        found.append(
            Verdict(
                "memory",
                "bad",
                tr(
                    "The memory is nearly full ({share}).",
                    share=memory_share(host.memory_used_bytes, host.memory_total_bytes),
                ),
                tr("Close programs you do not need, or train with a smaller batch size."),
            )
        )
    if host.disks and host.disks[0].free_bytes < DISK_LOW_BYTES:
        disk = host.disks[0]
        found.append(
            Verdict(
                "disk",
                "bad",
                tr("The disk is nearly full: {free} are free on {disk}.", free=size(disk.free_bytes), disk=disk.mount),
                tr("Free some space; new environments and checkpoints need it. Deleting an unused environment helps."),
            )
        )
    return tuple(sorted(found, key=lambda verdict: verdict.level != "bad"))


def _gpu_notices(gpus: tuple[Gpu, ...]) -> list[Verdict]:
    found: list[Verdict] = []
    lost = [gpu for gpu in gpus if gpu.lost]
    if lost and len(lost) < len(gpus):  # where all are lost, the state of the driver says it
        found.append(
            Verdict(
                "gpu_lost",
                "bad",
                tr("{gpu} no longer answers.", gpu=_which(lost, gpus)),
                tr("Restart the computer. If it happens again, check the card's power cables and its temperature."),
            )
        )
    hot = [gpu for gpu in gpus if (gpu.temperature_celsius.number or 0.0) >= HOT_CELSIUS]
    if hot:
        hottest = max(gpu.temperature_celsius.number or 0.0 for gpu in hot)
        found.append(
            Verdict(
                "gpu_hot",
                "warn",
                tr(
                    "{gpu}: {degrees} °C. At about this temperature a card slows itself down.",
                    gpu=_which(hot, gpus),
                    degrees=f"{hottest:.0f}",
                ),
                tr("Clean the fans, give the computer more air, or lower the card's power limit."),
            )
        )
    full = [gpu for gpu in gpus if _memory_share(gpu) >= GPU_MEMORY_FULL]
    if full:
        share = percent(max(_memory_share(gpu) for gpu in full))
        found.append(
            Verdict(
                "gpu_memory",
                "warn",
                tr("{gpu}: the memory is {percent} full.", gpu=_which(full, gpus), percent=share),
                tr("Train with a smaller batch size, or close other programs that use the card."),
            )
        )
    return found


def _which(some: list[Gpu], gpus: tuple[Gpu, ...]) -> Text:
    """The cards by their numbers; without a number where there is only one."""
    if len(gpus) == 1:
        return tr("GPU")
    return tr("GPU {index}", index=", ".join(str(gpu.index) for gpu in some))


def _memory_share(gpu: Gpu) -> float:
    used, total = gpu.memory_used_bytes.number, gpu.memory_total_bytes.number
    return used / total if used is not None and total else 0.0
