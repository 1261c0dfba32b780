"""`build`: the wizard's build of an environment over the bare `uv pip install` of the same lock, warm caches.

Needs a package index: the packages of the template for tables are downloaded once, before anything is measured.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from aienv_gui.core.errors import Problem
from aienv_gui.core.processes import clean_environment
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments import recipes, transaction
from aienv_gui.environments.plan import make_plan, sources_of_user
from aienv_gui.environments.records import Engine, Plan, Request, Sources
from aienv_gui.environments.uv.command import uv_program
from tests.benchmarks import harness


class Build:
    """Both ways of making one environment, in folders of their own on one disk."""

    def __init__(self, root: Path) -> None:
        self._folders = Folders.under(root / "aienv")
        self._bare = root / "bare"
        self._bare.mkdir()
        self._sources: Sources = sources_of_user()
        self._lock = self._bare / "pylock.toml"
        plan = self._plan("first")
        self._lock.write_text(plan.lock["pylock"], encoding="utf-8")
        self._ours(plan)  # fills our cache
        self._uv()  # and uv's own

    def one_run(self) -> harness.Run:
        plan = self._plan("measured")
        bare, ours = self._uv(), self._ours(plan)
        return {"bare_s": bare, "aienv_s": ours}

    def _plan(self, name: str) -> Plan:
        request: Request = recipes.request_of_template(
            recipes.template("tables"),
            name=name,
            engine=Engine.UV,
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            accelerator="cpu",
            extra=(),
        )
        return make_plan(request, self._sources, self._folders, Silent())

    def _ours(self, plan: Plan) -> float:
        began = time.perf_counter()
        environment = transaction.build(plan, self._sources, self._folders, Silent())
        seconds = time.perf_counter() - began
        transaction.delete(environment, self._folders, Silent())
        return seconds

    def _uv(self) -> float:
        prefix = self._bare / "environment"
        began = time.perf_counter()
        commands: tuple[list[str | Path], ...] = (
            ["venv", "--quiet", "--python", sys.executable, prefix],
            ["pip", "install", "--quiet", "--python", prefix, "-r", self._lock],
        )
        for arguments in commands:
            subprocess.run(
                [uv_program(), *arguments],
                env=clean_environment({"UV_CACHE_DIR": str(self._bare / "cache")}),
                check=True,
            )
        seconds = time.perf_counter() - began
        shutil.rmtree(prefix)
        return seconds


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    bare, ours = harness.median(runs, "bare_s"), harness.median(runs, "aienv_s")
    return {"ratio": round(ours / bare, 3), "aienv_s": round(ours, 2), "bare_s": round(bare, 2)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="aienv-bench-", ignore_cleanup_errors=True) as folder:
        try:
            build = Build(Path(folder))
        except Problem as problem:
            sys.exit(f"The packages to measure with could not be had. {problem}")
        harness.main("build", build.one_run, figures_of)
