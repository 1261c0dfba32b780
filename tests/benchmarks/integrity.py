"""`integrity`: damages planted in environments, how many are found and how many are repaired; and what a look costs.

Files are deleted, cut short, altered in place (so also in the cache they are linked from) and replaced by another
version's; in environments of both engines. Each is looked for byte by byte, and repaired from the lock without network.
The quick look (names and sizes) is measured on an environment of 20,000 files beside a bare walk over the same files.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.changes.change import plan_change
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.health import conda_integrity, integrity
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Change, Engine, Environment, Maker, Request, Sources
from tests.benchmarks import harness
from tests.fakes.channel.running_python import MINOR
from tests.fakes.channel.samples import sample_channel
from tests.fakes.damages import Damage, plant
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages

_PLANTED = 100
_AT_ONCE = 5  # damages before a repair
_FILES = 20_000
_PACKAGES = 20
_NOWHERE = Sources(index_url="http://127.0.0.1:9/simple", channels=("http://127.0.0.1:9/channel",))


def _build(request: Request, sources: Sources, folders: Folders) -> Environment:
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


def _faulty(prefix: Path) -> set[str]:
    """The files with a fault, as real paths."""
    found: set[str] = set()
    site = integrity.site_packages(prefix)[0]
    conda = (prefix / "conda-meta").is_dir()
    for fault in (conda_integrity if conda else integrity).verify(prefix, hashes=True):
        for start in (prefix, site):
            found.add(os.path.realpath(start / fault.path))
    return found


def one_repair(environment: Environment, chance: random.Random, count: int, folders: Folders) -> harness.Run:
    """Plant `count` damages in different files, look for them, repair, and look again."""
    planted: dict[str, Damage] = {}
    while len(planted) < count:
        kind = chance.choice(list(Damage))
        planted.setdefault(os.path.realpath(plant(environment.prefix, kind, chance)), kind)
    found = set(planted) & _faulty(environment.prefix)
    present = read_environment(environment.prefix, Maker.AIENV)
    began = time.perf_counter()
    planned = plan_change(present, Change(repair=True), _NOWHERE, folders, Silent())
    repaired = transaction.change(planned, _NOWHERE, folders, Silent())
    seconds = time.perf_counter() - began
    left = set(planted) & _faulty(repaired.prefix)
    return {
        "environment": environment.name,
        "kinds": " ".join(sorted(kind.value for kind in planted.values())),
        "planted": len(planted),
        "found": len(found),
        "repaired": len(planted) - len(left),
        "repair_s": seconds,
    }


def quick_look(folder: Path, folders: Folders, sources: Sources) -> harness.Figures:
    """What the look without hashing costs for an environment of 20,000 files, and a bare walk over it."""
    for number in range(_PACKAGES):
        name = f"bulk{number}"
        files = {f"{name}/part{n // 100}/m{n}.py": f"x = {n}\n" for n in range(_FILES // _PACKAGES)}
        make_wheel(folder, name, files=files)
    names = tuple(f"bulk{number}" for number in range(_PACKAGES))
    environment = _build(Request("bulk", Engine.UV, default_python(), names), sources, folders)
    looks, walks = [], []
    for _ in range(harness.LEAST_RUNS):
        began = time.perf_counter()
        faults = integrity.verify(environment.prefix)
        looks.append({"s": time.perf_counter() - began})
        assert faults == ()
        began = time.perf_counter()
        count = sum(
            (Path(parent) / name).lstat().st_size >= 0
            for parent, _, files in os.walk(environment.prefix)
            for name in files
        )
        walks.append({"s": time.perf_counter() - began})
    return {
        "files": count,
        "look_s": round(harness.median(looks, "s"), 3),
        "walk_s": round(harness.median(walks, "s"), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench integrity")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--planted", type=int, default=_PLANTED, help="how many damages")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="choose as another run did")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    chance = random.Random(options.seed)
    runs: list[harness.Run] = []
    with tempfile.TemporaryDirectory(prefix="aienv-integrity-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        folders = Folders.under(root / "aienv")
        sample_packages(root / "served")
        make_wheel(root / "served", "many", files={f"many/part{n}.py": f"x = {n}\n" * 20 for n in range(300)})
        channel = sample_channel(root / "channel")
        with LocalIndex(root / "served") as index:
            sources = Sources(index_url=index.url, channels=(str(channel),))
            environments = (
                _build(Request("pip", Engine.UV, default_python(), ("colours", "brush", "many")), sources, folders),
                _build(Request("conda", Engine.CONDA, MINOR, ("colours", "patched", "many")), sources, folders),
            )
            while sum(run["planted"] for run in runs) < options.planted:
                count = min(_AT_ONCE, options.planted - sum(run["planted"] for run in runs))
                runs.append(one_repair(environments[len(runs) % 2], chance, count, folders))
                print(len(runs), *runs[-1].values(), flush=True)
            bulk = quick_look(root / "served", folders, sources)
    figures = {name: sum(run[name] for run in runs) for name in ("planted", "found", "repaired")}
    harness.report("integrity", {**figures, **bulk}, runs, options.json)


if __name__ == "__main__":
    main()
