"""A snapshot as plain text, to paste into a request for help: every reading, or why there is none.

It names no user and no program: it may be read by strangers.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence

from aienv_gui.core.wording import size, tr, tr_count
from aienv_gui.hardware.amounts import memory_share
from aienv_gui.hardware.card_facts import facts_of
from aienv_gui.hardware.driver_words import describe, nvidia_words
from aienv_gui.hardware.host_facts import disk_fact, network_fact, processor_facts, swap_fact
from aienv_gui.hardware.limits import Verdict
from aienv_gui.hardware.readings import Driver, Gpu, Host, Snapshot


def as_text(snapshot: Snapshot, verdicts: Sequence[Verdict] = ()) -> str:
    """The hardware and its load in lines, in the current language."""
    lines = [
        str(describe(snapshot)),
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        *_verdict_lines(verdicts),
        "",
        *_host_lines(snapshot.host),
    ]
    for driver in (snapshot.nvidia, *snapshot.others):
        lines += ["", *_driver_lines(driver)]
        for gpu in driver.gpus:
            lines += ["", *card_lines(gpu, driver)]
    return "\n".join(lines)


def card_lines(gpu: Gpu, driver: Driver) -> list[str]:
    """All that is known of a card."""
    lines = [str(tr("GPU {index}: {name}", index=gpu.index, name=gpu.name or tr("Unknown card")))]
    for group in facts_of(gpu, driver):
        lines.append(f"  {group.title}")
        lines += [f"    {fact.title}: {fact.value or fact.reason}" for fact in group.facts]
    kinds = Counter(process.kind for process in gpu.processes)
    counted = tr_count("{count} program uses it", "{count} programs use it", len(gpu.processes))
    lines.append(f"  {counted}" + "".join(f", {kind}: {count}" for kind, count in sorted(kinds.items())))
    return lines


def _verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    lines = []
    for verdict in verdicts:
        lines.append(f"{'+' if verdict.level == 'good' else '!'} {verdict.what}")
        lines += [f"    {fact}" for fact in verdict.evidence]
    return lines


def _host_lines(host: Host) -> list[str]:
    memory = memory_share(host.memory_used_bytes, host.memory_total_bytes)
    lines = [str(tr("CPU: {load} used", load=f"{host.cpu_percent:.0f} %"))]
    lines += [f"  {fact}" for fact in processor_facts(host)]
    lines.append(str(tr("Memory: {share} used", share=memory)))
    lines.append(f"  {swap_fact(host)}")
    for number, disk in enumerate(host.disks, start=1):
        # The mount may hold the user's name: removable disks are mounted below it.
        mount = disk.mount if disk.mount == "/" or len(disk.mount) <= 3 else str(number)
        lines.append(str(tr("Disk {mount}: {fact}", mount=mount, fact=disk_fact(disk))))
    rates = (size(host.disk_read_bytes_s), size(host.disk_written_bytes_s))
    lines.append(str(tr("Disks: {read}/s read, {written}/s written", read=rates[0], written=rates[1])))
    lines += [str(network_fact(network)) for network in host.networks]
    return lines


def _driver_lines(driver: Driver) -> list[str]:
    what, cure = nvidia_words(driver)
    lines = [f"{driver.maker.value.upper()}: {what} {cure or ''}".rstrip()]
    if driver.detail:
        lines.append(driver.detail)
    return lines
