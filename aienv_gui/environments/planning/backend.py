"""What an installing engine must be able to do. Two modules do it: `uv.backend` and `conda.backend`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.environments.health.integrity import Fault
from aienv_gui.environments.manifest import Manifest
from aienv_gui.environments.records import Former, Plan, Request, Sources


class Backend(Protocol):
    """One engine. `plan` may run in a thread; `fetch` and `install` run in the worker process of a build only."""

    def plan(
        self, request: Request, sources: Sources, folders: Folders, reporter: Reporter, former: Former | None = None
    ) -> Plan:
        """Resolve `request` to exact files. Changes nothing but caches. Raises `Problem` where there is no solution.

        What `former` names keeps its version where the request lets it.
        """

    def plan_of_lock(self, manifest: Manifest, sources: Sources, folders: Folders, reporter: Reporter) -> Plan:
        """The plan for the very files that an environment was built from."""

    def fetch(self, plan: Plan, sources: Sources, folders: Folders, reporter: Reporter) -> None:
        """Bring every file of `plan` onto this disk, verified; resumes what was interrupted.

        Reports bytes through `progress` and each package's row as `PackageProgress` through `partial`.
        """

    def install(self, plan: Plan, staging: Path, final: Path, folders: Folders, reporter: Reporter) -> None:
        """Make the environment in the new folder `staging` so that it works once renamed to `final`."""

    def verify(self, prefix: Path) -> tuple[Fault, ...]:
        """What is wrong with the files of a built environment, staged or final; nothing where all is well."""

    def distrust(self, packages: Collection[str], plan: Plan, folders: Folders, reporter: Reporter) -> None:
        """Forget the unpacked copies of these packages of `plan` in the caches: they are unpacked anew.

        Environments share files with the caches, so what is damaged in one may be damaged there.
        """
