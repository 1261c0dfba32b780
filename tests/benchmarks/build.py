"""`build`: the wizard's build of a 100-package environment over the bare tools' builds of the same lock, warm caches.

`ratio` is over uv's `venv` and `pip install`, `pip_ratio` over Python's own `venv` and `pip install` (more than a
minute a time: in every other run);
`second_env_disk_share` is what a second like environment takes on the disk, as a share of the first. Needs a package
index: the packages are downloaded once, before anything is measured.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from aienv_gui.core.errors import Problem
from aienv_gui.core.processes import clean_environment
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.discovery.interpreters import interpreter_of
from aienv_gui.environments.planning import recipes
from aienv_gui.environments.planning.plan import make_plan, sources_of_user
from aienv_gui.environments.records import Engine, Environment, Plan, Sources
from aienv_gui.environments.uv.command import uv_program
from tests.benchmarks import harness

TEMPLATE = "beginners"
PACKAGES = 100  # at least


class Build:
    """The ways of making one environment, in folders of their own on one disk."""

    def __init__(self, root: Path) -> None:
        self._folders = Folders.under(root / "aienv")
        self._bare = root / "bare"
        self._bare.mkdir()
        self._sources: Sources = sources_of_user()
        self._lock = self._bare / "pylock.toml"
        self._list = self._bare / "requirements.txt"
        plan = self._plan("first")
        if len(plan.files) < PACKAGES:
            sys.exit(f"The plan has {len(plan.files)} packages only.")
        self._lock.write_text(plan.lock["pylock"], encoding="utf-8")
        lines = [f"{file.package} @ {file.url}#sha256={file.sha256}" for file in plan.files]
        self._list.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._first, seconds = self._ours(plan)  # fills our cache
        print(f"{len(plan.files)} packages; ours, with the downloads: {seconds:.1f} s", flush=True)
        self._uv()  # and uv's own
        self._fill_pips_cache()
        self._runs = 0

    def one_run(self) -> harness.Run:
        plan = self._plan("measured")
        bare = self._uv()
        before = _disk_bytes([self._folders.cache, self._first.prefix])
        second, ours = self._ours(plan)
        after = _disk_bytes([self._folders.cache, self._first.prefix, second.prefix])
        transaction.delete(second, self._folders, Silent())
        share = (after - before) / _disk_bytes([self._first.prefix])
        self._runs += 1
        pip = {"pip_s": self._pip()} if self._runs % 2 else {}
        return {"bare_s": bare, "aienv_s": ours, "second_env_disk_share": share, **pip}

    def _plan(self, name: str) -> Plan:
        request = recipes.request_of_template(
            recipes.template(TEMPLATE),
            name=name,
            engine=Engine.UV,
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            accelerator="cpu",
            extra=(),
        )
        return make_plan(request, self._sources, self._folders, Silent())

    def _ours(self, plan: Plan) -> tuple[Environment, float]:
        began = time.perf_counter()
        environment = transaction.build(plan, self._sources, self._folders, Silent())
        return environment, time.perf_counter() - began

    def _uv(self) -> float:
        prefix = self._bare / "environment"
        return self._measured(
            prefix,
            [str(uv_program()), "venv", "--quiet", "--python", sys.executable, str(prefix)],
            [str(uv_program()), "pip", "install", "--quiet", "--python", str(prefix), "-r", str(self._lock)],
        )

    def _pip(self) -> float:
        prefix = self._bare / "by_pip"
        pip = [str(interpreter_of(prefix)), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        return self._measured(
            prefix, [sys.executable, "-m", "venv", str(prefix)], [*pip, "--no-deps", "-r", str(self._list)]
        )

    def _fill_pips_cache(self) -> None:
        target = self._bare / "downloads"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        self._measured(target, [*pip, "--dest", str(target), "-r", str(self._list)])

    def _measured(self, prefix: Path, *commands: Sequence[str]) -> float:
        """How long the commands take that make `prefix`; it is deleted afterwards."""
        caches = {"UV_CACHE_DIR": str(self._bare / "cache"), "PIP_CACHE_DIR": str(self._bare / "pip")}
        began = time.perf_counter()
        for command in commands:
            subprocess.run(command, env=clean_environment(caches), check=True)
        seconds = time.perf_counter() - began
        shutil.rmtree(prefix)
        return seconds


def _disk_bytes(folders: Iterable[Path]) -> int:
    """What folders take on the disk together: every file once, however many names it has, and in whole blocks."""
    taken: dict[tuple[int, int], int] = {}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            status = path.lstat()
            taken[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(taken.values())


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    bare, ours = harness.median(runs, "bare_s"), harness.median(runs, "aienv_s")
    pip = harness.median([run for run in runs if "pip_s" in run], "pip_s")
    return {
        "ratio": round(ours / bare, 3),
        "pip_ratio": round(ours / pip, 3),
        "second_env_disk_share": round(harness.median(runs, "second_env_disk_share"), 4),
        "aienv_s": round(ours, 2),
        "bare_s": round(bare, 2),
        "pip_s": round(pip, 2),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="aienv-bench-", ignore_cleanup_errors=True) as folder:
        try:
            build = Build(Path(folder))
        except Problem as problem:
            sys.exit(f"The packages to measure with could not be had. {problem}")
        harness.main("build", build.one_run, figures_of)
