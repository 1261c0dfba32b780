"""The machine and its trainings in a few short rows: for the compact view and the tray's tool tip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aienv_gui.core.wording import duration, percent, tr, tr_count
from aienv_gui.hardware.amounts import memory_share
from aienv_gui.hardware.card_names import short_name, silence
from aienv_gui.hardware.readings import Gpu, Snapshot
from aienv_gui.training.records import Run, RunState

_SINGLY: Final = 4  # more cards than this are summed up


@dataclass(frozen=True, slots=True)
class LoadRow:
    """A name, its numbers, and up to two bars: shares of one with the role of their colour."""

    name: str
    numbers: str
    bars: tuple[tuple[float, str], ...] = ()
    note: str = ""


def rows_of(snapshot: Snapshot, runs: Sequence[Run] = ()) -> tuple[LoadRow, ...]:
    """In the language of the moment. A reading that is missing is left out."""
    host = snapshot.host
    memory = host.memory_used_bytes / host.memory_total_bytes if host.memory_total_bytes else 0.0
    return (
        *_gpu_rows(snapshot.gpus),
        LoadRow("CPU", percent(host.cpu_percent / 100), ((host.cpu_percent / 100, "series_cpu"),)),
        LoadRow("RAM", memory_share(host.memory_used_bytes, host.memory_total_bytes), ((memory, "series_memory"),)),
        *(_run_row(run) for run in runs),
    )


def line_of(rows: Sequence[LoadRow]) -> str:
    """All of it in one line."""
    return " | ".join(" ".join(part for part in (row.name, row.numbers, row.note) if part) for row in rows)


def _gpu_rows(gpus: Sequence[Gpu]) -> list[LoadRow]:
    if len(gpus) <= _SINGLY:
        return [_gpu_row(gpu, gpus) for gpu in gpus]
    answering = [gpu for gpu in gpus if not gpu.lost]
    name = str(tr_count("{count} GPU", "{count} GPUs", len(gpus)))
    loads = [gpu.utilisation_percent.number for gpu in answering if gpu.utilisation_percent.number is not None]
    degrees = [gpu.temperature_celsius.number for gpu in answering if gpu.temperature_celsius.number is not None]
    memories = [
        (gpu.memory_used_bytes.number, gpu.memory_total_bytes.number)
        for gpu in answering
        if gpu.memory_used_bytes.number is not None and gpu.memory_total_bytes.number
    ]
    load = sum(loads) / len(loads) if loads else None
    used, total = sum(used for used, _ in memories), sum(total for _, total in memories)
    hottest = str(tr("up to {degrees} °C", degrees=round(max(degrees)))) if degrees else ""
    return [LoadRow(name, _numbers(load, hottest), _bars(load, used / total if total else None))]


def _gpu_row(gpu: Gpu, gpus: Sequence[Gpu]) -> LoadRow:
    name = str(short_name(gpu, gpus))
    why = silence(gpu)
    if why is not None:
        return LoadRow(name, str(why))
    used, total = gpu.memory_used_bytes.number, gpu.memory_total_bytes.number
    degrees = gpu.temperature_celsius.number
    load = gpu.utilisation_percent.number
    memory = used / total if used is not None and total else None
    return LoadRow(name, _numbers(load, "" if degrees is None else f"{degrees:.0f} °C"), _bars(load, memory))


def _numbers(load: float | None, degrees: str) -> str:
    parts = ["" if load is None else percent(load / 100), degrees]
    return "  ".join(part for part in parts if part) or str(tr("no readings"))


def _bars(load: float | None, memory: float | None) -> tuple[tuple[float, str], ...]:
    bars = () if load is None else ((load / 100, "series_gpu"),)
    return bars if memory is None else (*bars, (memory, "series_memory"))


def _run_row(run: Run) -> LoadRow:
    name = run.recipe.name
    if not run.total_steps:
        return LoadRow(name, "", note=str(tr("Starting")))
    share = run.step / run.total_steps
    note = ""
    if run.state is RunState.PAUSED:
        note = str(tr("Paused"))
    elif run.seconds_left is not None:
        note = str(tr("{time} left", time=duration(run.seconds_left[1])))
    return LoadRow(name, percent(share), ((share, "accent"),), note)
