"""Work on disks that may not answer: a network folder whose server is gone lets every call on it wait for ever.

Such a call cannot be ended. It is made in a thread of its own, left alone after a while, and nothing more is asked of
that disk.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

import psutil

from aienv_gui.core.tasks import Reporter

T = TypeVar("T")

_POLL_S: Final = 0.05
_OWN_MISSES: Final = 3
_REMOTE: Final = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afp",
    "fuse.sshfs",
    "fuse.rclone",
    "davfs",
    "ceph",
    "lustre",
    "glusterfs",
)


class NoAnswer(Exception):
    """The disk did not answer in time."""


@dataclass(slots=True)
class _End:
    """The last thing a thread hands over: nothing, or what it failed with."""

    error: BaseException | None = None


def gathered(make: Callable[[], Iterable[T]], limit_s: float, reporter: Reporter) -> list[T]:
    """What an iterator gives, as far as it comes within `limit_s` seconds. It runs in a thread that may be left alone.

    Raises `Cancelled` and what the iterator raises.
    """
    found: list[T] = []
    with suppress(NoAnswer):
        for item in _arriving(make, limit_s, reporter):
            found.append(item)
    return found


def _arriving(make: Callable[[], Iterable[T]], limit_s: float, reporter: Reporter) -> Iterator[T]:
    handed: queue.SimpleQueue[T | _End] = queue.SimpleQueue()

    def work() -> None:
        try:
            for item in make():
                handed.put(item)
            handed.put(_End())
        except BaseException as error:  # raised again in the thread that waits
            handed.put(_End(error))

    threading.Thread(target=work, name="patience", daemon=True).start()
    deadline = time.monotonic() + limit_s
    while True:
        reporter.checkpoint()
        try:
            item = handed.get(timeout=_POLL_S)
        except queue.Empty:
            if time.monotonic() > deadline:
                raise NoAnswer from None
            continue
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item


@dataclass(slots=True)
class Patience(Generic[T]):
    """Asks one thing after another, each for `limit_s` seconds at most, and no more of a disk that did not answer.

    The disks of the program and of the user's home are only busy: they may fail to answer three times. `mounts`: where
    disks begin; a path belongs to the longest that it starts with.
    """

    limit_s: float
    mounts: frozenset[str] = field(default_factory=lambda: mount_points())
    _missed: dict[str, int] = field(default_factory=dict)  # disk -> answers that did not come

    def ask(self, path: Path, question: Callable[[], T], reporter: Reporter) -> T:
        """The answer to a question about `path`. Raises `NoAnswer`, `Cancelled` and what the question raises."""
        mount = self.mount_of(path)
        if self._missed.get(mount, 0) >= (_OWN_MISSES if mount in self._own() else 1):
            raise NoAnswer
        try:
            return next(_arriving(lambda: (question(),), self.limit_s, reporter))
        except NoAnswer:
            self._missed[mount] = self._missed.get(mount, 0) + 1
            raise

    def _own(self) -> set[str]:
        return {self.mount_of(Path(sys.prefix)), self.mount_of(Path.home())}

    def mount_of(self, path: Path) -> str:
        """Where the disk of a path begins, by its name alone: links are not followed."""
        parents = (str(path), *map(str, path.parents))
        return next((parent for parent in parents if parent in self.mounts), "")


def mount_points(*, remote: bool = False) -> frozenset[str]:
    """Where disks begin, from the system's table; `remote`: only those of other computers. Asks no disk."""
    try:
        partitions = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return frozenset()
    return frozenset(p.mountpoint for p in partitions if not remote or p.fstype.lower().startswith(_REMOTE))
