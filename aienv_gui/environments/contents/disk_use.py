"""How much room a folder takes, and how much of it deleting would free."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aienv_gui.core.tasks import Reporter


@dataclass(frozen=True, slots=True)
class DiskUse:
    """`shared_bytes` of `total_bytes` are hard links to files that others hold too (the cache, other environments)."""

    total_bytes: int
    shared_bytes: int
    files: int

    @property
    def own_bytes(self) -> int:
        """What deleting the folder frees."""
        return self.total_bytes - self.shared_bytes


def measure(folder: Path, reporter: Reporter) -> DiskUse:
    """Add up the files below `folder`, each once; about 0.4 s for 7,000 files. Links are not followed.

    What vanishes or may not be read while it counts is left out. Raises `Cancelled`.
    """
    return measure_together((folder,), reporter)


def measure_together(folders: Sequence[Path], reporter: Reporter) -> DiskUse:
    """As `measure`, of several folders as if they were one: a file that only they share is freed with them."""
    total = shared = files = 0
    seen: dict[tuple[int, int], int] = {}  # files linked more than once: how often we met them
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    waiting = [str(folder) for folder in folders]
    while waiting:
        reporter.checkpoint()
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    status = Path(entry.path).lstat()  # the entry's own has no st_nlink on Windows
                    files += 1
                    if status.st_nlink > 1:
                        key = (status.st_dev, status.st_ino)
                        seen[key] = seen.get(key, 0) + 1
                        sizes[key] = (status.st_size, status.st_nlink)
                    else:
                        total += status.st_size
        except OSError:
            continue
    for key, (count, links) in sizes.items():
        total += count
        if links > seen[key]:
            shared += count
    return DiskUse(total, shared, files)
