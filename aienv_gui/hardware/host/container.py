"""What a container, or a control group of the system, allows: less than the machine has.

The limits of a group hold for all below it, so every group from ours to the root counts. Version 2 of control groups is
one tree; version 1 has a tree for each resource.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from aienv_gui.hardware.readings import Container

_UNLIMITED: Final = 1 << 60  # version 1 writes "no limit" as a number that no machine has


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit of the memory, and the file that tells how much of it is used."""

    amount: int
    used: Path


class ContainerReader:
    """Finds the limits once; a look reads one small file. `root` and `environment` are the system's, or a test's."""

    def __init__(self, root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> None:
        self._kind = container_kind(root, environment)
        groups = _groups(root)
        self._cpu_cores = min((cores for group in groups if (cores := _cores(group)) is not None), default=None)
        memory = [limit for group in groups if (limit := _memory(group)) is not None]
        self._memory = min(memory, key=lambda limit: limit.amount, default=None)

    def read(self, memory_total_bytes: int, cores: int) -> Container | None:
        """What is allowed, of a machine with so much; None outside of containers where nothing is limited."""
        memory = self._memory if self._memory is not None and self._memory.amount < memory_total_bytes else None
        cpu = self._cpu_cores if self._cpu_cores is not None and self._cpu_cores < cores else None
        if not self._kind and memory is None and cpu is None:
            return None
        used = _number(memory.used) if memory is not None else None
        return Container(self._kind or "", cpu, memory.amount if memory is not None else None, used)


def container_kind(root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> str:
    """docker, podman, kubernetes, lxc... or "" outside of containers."""
    environment = os.environ if environment is None else environment
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    return environment.get("container", "")


def _groups(root: Path) -> list[Path]:
    """The folders of our control groups and of those above them."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    mounted = root / "sys/fs/cgroup"
    found: list[Path] = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:  # version 2; beside version 1 it is mounted at "unified" and limits nothing
            found += _upwards(mounted, path)
        for controller in {"memory", "cpu"} & set(controllers.split(",")):
            found += _upwards(mounted / controller, path)
    return found


def _upwards(top: Path, path: str) -> Iterator[Path]:
    parts = PurePosixPath(path).parts[1:]
    # In a container the path may be the host's, which is not mounted here: its own group is then at the top.
    for depth in range(len(parts), -1, -1):
        folder = top.joinpath(*parts[:depth])
        if ".." not in parts and folder.is_dir():
            yield folder


def _cores(group: Path) -> float | None:
    """How many cores' time the group may take."""
    try:
        quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        amount, length = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
        return amount / length if amount is not None and length and amount > 0 else None
    return None if quota == "max" else float(quota) / float(period)


def _memory(group: Path) -> _Limit | None:
    for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        amount = _number(group / limit)
        if amount is not None and amount < _UNLIMITED:
            return _Limit(amount, group / used)
    return None


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max"
        return None
