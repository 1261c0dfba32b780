"""A snapshot as plain text, to paste into a request for help."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence

from aienv_gui.core.wording import size, tr
from aienv_gui.hardware.amounts import memory_share, memory_size
from aienv_gui.hardware.driver_words import absence_words, describe, nvidia_words
from aienv_gui.hardware.limits import Verdict
from aienv_gui.hardware.readings import Gpu, Snapshot, Value


def as_text(snapshot: Snapshot, verdicts: Sequence[Verdict] = ()) -> str:
    """The hardware and its load in lines, in the current language. Names no user and no program."""
    host, nvidia = snapshot.host, snapshot.nvidia
    what, cure = nvidia_words(nvidia)
    lines = [str(describe(snapshot)), f"{platform.system()} {platform.release()}, Python {platform.python_version()}"]
    lines.append(
        str(
            tr(
                "CPU: {name}, {count} threads, {load} used",
                name=host.cpu_name,
                count=len(host.core_percents),
                load=f"{host.cpu_percent:.0f} %",
            )
        )
    )
    lines.append(str(tr("Memory: {share} used", share=memory_share(host.memory_used_bytes, host.memory_total_bytes))))
    lines.append(str(tr("Swap: {share} used", share=memory_share(host.swap_used_bytes, host.swap_total_bytes))))
    for disk in host.disks:
        free, total = size(disk.free_bytes), size(disk.total_bytes)
        lines.append(str(tr("Disk {mount}: {free} free of {total}", mount=disk.mount, free=free, total=total)))
    lines.append(f"NVIDIA: {what} {cure or ''}".rstrip())
    if nvidia.driver_version:
        lines.append(
            str(tr("Driver {driver}, CUDA up to {cuda}", driver=nvidia.driver_version, cuda=nvidia.cuda_version or "?"))
        )
    if nvidia.detail:
        lines.append(nvidia.detail)
    for gpu in nvidia.gpus:
        lines.extend(_gpu_lines(gpu))
    lines.extend(f"! {verdict.what}" for verdict in verdicts if verdict.level != "good")
    return "\n".join(lines)


def _gpu_lines(gpu: Gpu) -> list[str]:
    capability = ".".join(map(str, gpu.compute_capability)) if gpu.compute_capability else "?"
    rows = [
        (tr("Utilisation"), _say(gpu.utilisation_percent, lambda v: f"{v:.0f} %")),
        (tr("GPU memory"), _memory(gpu)),
        (tr("Temperature"), _say(gpu.temperature_celsius, lambda v: f"{v:.0f} °C")),
        (tr("Power"), _say(gpu.power_watts, lambda v: f"{v:.0f} W")),
        (tr("Clock"), _say(gpu.clock_mhz, lambda v: f"{v:.0f} MHz")),
        (tr("Fan"), _say(gpu.fan_percent, lambda v: f"{v:.0f} %")),
    ]
    title = tr(
        "GPU {index}: {name}, compute capability {capability}", index=gpu.index, name=gpu.name, capability=capability
    )
    return [str(title), *(f"  {label}: {value}" for label, value in rows)]


def _memory(gpu: Gpu) -> str:
    total = gpu.memory_total_bytes.number
    if total is None:
        return _say(gpu.memory_total_bytes, memory_size)
    return _say(gpu.memory_used_bytes, lambda used: memory_share(used, total))


def _say(value: Value, words: Callable[[float], str]) -> str:
    if value.number is not None:
        return words(value.number)
    return str(absence_words(value.absence)) if value.absence is not None else "–"
