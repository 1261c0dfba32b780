"""`discovery`: a hundred real environments from the cache, by a look at the disk, and by the bare tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from aienv_gui.core.processes import clean_environment
from aienv_gui.environments.uv.command import uv_program
from tests.benchmarks import harness
from tests.fakes.channel.samples import sample_channel
from tests.fakes.index.wheels import make_wheel

_UV: Final = 60
_VENV: Final = 10
_CONDA: Final = 30
_PACKAGES: Final = 20


class Home:
    """A home folder with environments in projects, in stores, and of conda; half of them with many packages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.prefixes: list[Path] = []
        wheels = root / "wheels"
        self._names = [f"package-{number:02}" for number in range(_PACKAGES)]
        for name in self._names:
            make_wheel(wheels, name, "1.0", files={f"{name.replace('-', '_')}/m{n}.py": "" for n in range(10)})
        self._environment = clean_environment({"UV_CACHE_DIR": str(root / "uv-cache"), "HOME": str(self.home)})
        for number in range(_UV):
            store = self.home / "projects" / f"project{number:03}" / ".venv"
            if number % 3 == 0:
                store = self.home / ".virtualenvs" / f"cats{number:03}"
            self._uv("venv", "--python", sys.executable, store)
            self.prefixes.append(store)
        for number in range(_VENV):
            prefix = self.home / "work" / "experiments" / f"run{number:02}" / "venv"
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True, env=self._environment)
            self.prefixes.append(prefix)
        for number, prefix in enumerate(self.prefixes):
            wanted = self._names if number % 2 else self._names[:4]
            self._uv("pip", "install", "--no-index", "--find-links", wheels, "--python", prefix, *wanted)
        self._conda(root)

    def _uv(self, *arguments: str | Path) -> None:
        command: list[str | Path] = [uv_program(), "--quiet", "--no-config", *arguments]
        subprocess.run(command, check=True, env=self._environment)

    def _conda(self, root: Path) -> None:
        channel = sample_channel(root / "channel")
        base = self.home / "miniforge3"
        prefixes = [base, *(base / "envs" / f"vision{number:02}" for number in range(_CONDA - 1))]
        harness.child("conda_prefixes", channel, root / "rattler", *prefixes)
        self.prefixes += prefixes

    def one_run(self) -> harness.Run:
        own = self.root / "aienv"
        shutil.rmtree(own, ignore_errors=True)
        run: harness.Run = {}
        run["uv_python_list_ms"] = self._timed([uv_program(), "python", "list", "--only-installed", "--offline"])
        run["walk_ms"], seen = self._walk()
        assert seen == len(self.prefixes), (seen, len(self.prefixes))
        run["uv_pip_list_ms"] = self._package_lists()
        scan = harness.child("discovery_look", "scan", self.home, own)
        again = harness.child("discovery_look", "scan", self.home, own)
        known = harness.child("discovery_look", "cached", self.home, own)
        bare = harness.child("first_paint", "bare", time.time(), own)
        painted = harness.child("discovery_look", "painted", self.home, own, time.time())
        for result in (scan, again, known, painted):
            assert result["environments"] >= len(self.prefixes), result
        run["scan_ms"], run["rescan_ms"], run["cached_ms"] = scan["ms"], again["ms"], known["ms"]
        run["painted_ms"], run["opened_ms"] = painted["ms"], painted["opened_ms"]
        run["bare_window_ms"] = bare["seconds"] * 1000
        run["environments"] = len(self.prefixes)
        return run

    def _timed(self, command: Sequence[str | Path]) -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=self._environment)
        return (time.perf_counter() - began) * 1000

    def _walk(self) -> tuple[float, int]:
        """The whole home folder looked through for what marks an environment, as a script would."""
        began = time.perf_counter()
        found = sum(1 for _ in _marks(self.home))
        return (time.perf_counter() - began) * 1000, found

    def _package_lists(self) -> float:
        """The packages of each environment by `uv pip list`, two at a time."""
        began = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._package_list, self.prefixes))
        return (time.perf_counter() - began) * 1000

    def _package_list(self, prefix: Path) -> None:
        command: list[str | Path] = [
            uv_program(),
            "pip",
            "list",
            "--quiet",
            "--no-config",
            "--offline",
            "--python",
            prefix,
        ]
        subprocess.run(command, check=True, capture_output=True, env=self._environment)


def _marks(home: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(home):
        if "pyvenv.cfg" in files or "conda-meta" in folders:
            yield folder


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    keys = (
        "cached_ms",
        "scan_ms",
        "rescan_ms",
        "opened_ms",
        "painted_ms",
        "bare_window_ms",
        "walk_ms",
        "uv_python_list_ms",
        "uv_pip_list_ms",
    )
    figures: harness.Figures = {"environments": runs[0]["environments"]}
    figures.update({key: round(harness.median(runs, key), 1) for key in keys})
    figures["scan_over_walk"] = round(figures["scan_ms"] / figures["walk_ms"], 2)
    return figures


def start() -> None:
    with tempfile.TemporaryDirectory(prefix="aienv-bench-", ignore_cleanup_errors=True) as folder:
        harness.main("discovery", Home(Path(folder)).one_run, figures_of)


if __name__ == "__main__":
    start()
