"""Minutes of a real machine, kept as tables: read back for the rules, and made anew by

python -m tests.fakes.recordings FILE    (trains the sample on the CPU, without Qt, and keeps what the sampler saw)
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.storage import resource
from aienv_gui.hardware.limits import Work
from aienv_gui.hardware.readings import DriverState, Snapshot
from aienv_gui.hardware.sampler import Sampler
from aienv_gui.training.records import Recipe
from aienv_gui.training.story import Story
from tests.engine.engine_runs import end, make_run, start
from tests.fakes.snapshots import snapshot

_SECONDS: Final = 75
_HOST: Final = ("cpu_percent", "memory_used_bytes", "memory_total_bytes", "disk_read_bytes_s", "disk_written_bytes_s")
_TYPES: Final = (float, int, int, float, float)
_COLUMNS: Final = ("seconds", *_HOST, "cores", "phase", "waiting_share", "waiting_before")


def replayed(file: Path) -> Iterator[tuple[Snapshot, Work]]:
    """Each look, of a machine without a card, and the training of that moment."""
    with file.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            host: dict[str, Any] = {name: type_(row[name]) for name, type_ in zip(_HOST, _TYPES, strict=True)}
            host["core_percents"] = (host["cpu_percent"],) * int(row["cores"])
            look = snapshot(state=DriverState.NO_GPU, moment=float(row["seconds"]), **host)
            share, before = (float(row[name]) if row[name] else None for name in ("waiting_share", "waiting_before"))
            work = Work("digits", "cpu", phase=row["phase"], waiting_share=share, waiting_before=before, run="digits-1")
            yield look, work


def record(file: Path) -> None:
    """Train the sample on the CPU for some time, from before its start on."""
    with tempfile.TemporaryDirectory() as folder, file.open("w", encoding="utf-8", newline="") as out:
        root = Path(folder)
        with zipfile.ZipFile(resource("samples/digits.zip")) as archive:
            archive.extractall(root / "digits")
        run = make_run(
            root / "run", root / "digits", model={}, preset="balanced", threads=None, settings={"epochs": 99}
        )
        recipe = Recipe(name="digits", folder=root, preset="balanced", architecture="", settings={})
        story, sampler = Story(run, recipe), Sampler(root)
        table = csv.writer(out, lineterminator="\n")
        table.writerow(_COLUMNS)
        process = None
        sampler.start()
        try:
            began = time.monotonic()
            for second in range(_SECONDS):
                time.sleep(max(0.0, began + second - time.monotonic()))
                if second == 5:
                    process = start(run)
                story.update(alive=process is not None)
                table.writerow(_row(sampler.sample(), story, time.monotonic() - began))
        finally:
            sampler.stop()
            if process is not None:
                end(process)


def _row(look: Snapshot, story: Story, seconds: float) -> list[object]:
    run, host = story.run, replace(look.host, cpu_percent=round(look.host.cpu_percent, 1))
    shares = [None if share is None else round(share, 4) for share in (run.waiting_share, run.waiting_before)]
    rounded = [getattr(host, name) for name in _HOST[:3]] + [round(getattr(host, name)) for name in _HOST[3:]]
    return [round(seconds, 2), *rounded, len(host.core_percents), run.phase, *shares]


if __name__ == "__main__":
    record(Path(sys.argv[1]))
