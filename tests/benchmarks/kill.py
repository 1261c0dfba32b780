"""`kill`: work on environments killed at random moments, and what is there afterwards.

Each round starts an application of its own that builds, changes, repairs, restores, snapshots or deletes an environment
with one of the two engines, and kills (SIGKILL) the application, its engine, or both. The next application then looks,
as every start does; what was interrupted is resumed or discarded. Counted are environments that are damaged, that show
while they are not whole, and that are not byte for byte what they were (or, where the work had ended, what it makes).
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from aienv_gui.core.errors import Problem
from aienv_gui.core.processes import clean_environment
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import snapshots, transaction
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.health import conda_integrity, integrity
from aienv_gui.environments.manifest import read_manifest
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Change, Engine, Environment, Maker, Request, Sources, Unfinished
from tests.benchmarks import harness
from tests.fakes import working
from tests.fakes.channel.running_python import MINOR
from tests.fakes.channel.samples import sample_channel
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages
from tests.fakes.trees import digest

_VERBS = ("build", "build", "build", "change", "change", "change", "change", "repair", "restore", "take", "delete")
_VICTIMS = ("application", "engine", "both")
_GONE_S = 20.0


@dataclass
class Killing:
    """One machine with a standing and a worked-on environment of each engine."""

    root: Path
    sources: Sources
    chance: random.Random
    seconds: dict[tuple[Engine, str], float] = field(default_factory=dict)  # how long a piece of work takes unharmed

    def __post_init__(self) -> None:
        self.folders = Folders.under(self.root / "aienv")
        self.counts: Counter[str] = Counter()
        for engine in Engine:
            for name in ("standing", "worked-on"):
                self._build(engine, name)
            self.seconds[engine, "build"] = self.seconds[engine, "change"] = self._build(engine, "timed")
            transaction.delete(self._environment(engine, "timed"), self.folders, Silent())
        self.standing = {engine: digest(self._prefix(engine, "standing")) for engine in Engine}

    def one_round(self) -> harness.Run:
        engine = self.chance.choice(list(Engine))
        verb, victim = self.chance.choice(_VERBS), self.chance.choice(_VICTIMS)
        resuming = self.chance.random() < 0.5
        target = self._prepare(engine, verb)
        before = digest(target) if target.exists() else ""
        had = _names(target) if target.exists() else set()
        wanted, process = self._start(engine, verb, target, had)
        usual = self.seconds.get((engine, verb), 0.05)
        moment = self.chance.uniform(0, usual * 1.1)
        self._kill(process, victim, moment)
        found = Counter[str]()
        found["half_visible"] += sum(not _is_described(prefix) for prefix in self._visible())
        left = transaction.unfinished(self.folders)  # as each start of the application
        ended = self._judge(engine, verb, target, before, had, wanted, found)
        way = self._settle(left, resuming, target, before, wanted, found)
        for name, count in found.items():
            self.counts[name] += count
        self._reset(engine)
        return {
            "engine": engine.value,
            "verb": verb,
            "victim": victim,
            "moment_s": round(moment, 3),
            "work": "done" if ended else "not done",
            "then": way,
            **{name: found[name] for name in ("damaged", "half_visible", "changed")},
        }

    # The work

    def _prepare(self, engine: Engine, verb: str) -> Path:
        target = self._prefix(engine, "new" if verb == "build" else "worked-on")
        if verb == "restore" and not snapshots.snapshots_of(self._environment(engine, "worked-on"), self.folders):
            snapshots.take(self._environment(engine, "worked-on"), self.folders, Silent())
        return target

    def _start(
        self, engine: Engine, verb: str, target: Path, had: set[str]
    ) -> tuple[set[str] | None, subprocess.Popen[str]]:
        """The process, and the packages that its work ends with (None: it takes the environment away)."""
        scratch = self.root / "scratch"
        if verb == "build":
            request = self._request(engine, "new")
            process = working.start("build", self.sources, self.folders, scratch, request=request)
            return _names(self._prefix(engine, "standing")), process
        if verb in ("change", "repair"):
            extra = "easel" if engine is Engine.CONDA else "brush"
            asked = Change(repair=True) if verb == "repair" else Change(add=(extra,))
            if verb == "change" and extra in had:
                asked = Change(remove=(extra,))
            process = working.start("change", self.sources, self.folders, scratch, prefix=target, asked=asked)
            return (had | set(asked.add)) - set(asked.remove), process
        wanted = had if verb == "take" else None
        if verb == "restore":
            newest = snapshots.snapshots_of(read_environment(target, Maker.AIENV), self.folders)[0]
            wanted = {package.name for package in newest.packages}
        return wanted, working.start(verb, self.sources, self.folders, scratch, prefix=target)

    def _kill(self, process: subprocess.Popen[str], victim: str, moment: float) -> None:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told == "planned\n", f"the work did not begin: {told!r}"
        time.sleep(moment)
        everyone: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            everyone = psutil.Process(process.pid).children(recursive=True)
        if victim != "engine":
            process.kill()
        if victim != "application":
            for child in everyone:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        process.communicate(timeout=60)
        psutil.wait_procs(everyone, timeout=_GONE_S)

    # What is there afterwards

    def _judge(
        self,
        engine: Engine,
        verb: str,
        target: Path,
        before: str,
        had: set[str],
        wanted: set[str] | None,
        found: Counter[str],
    ) -> bool:
        """Count the faults of what is there after the first look; return whether the work had ended."""
        for prefix in self._visible():
            found["damaged"] += not self._is_whole(prefix)
        for other in Engine:
            found["changed"] += digest(self._prefix(other, "standing")) != self.standing[other]
        there = target.exists()
        if not there:
            gone_rightly = verb in ("build", "delete")
            found["half_visible"] += not gone_rightly
            return verb == "delete"
        if digest(target) == before:
            return False
        ended = verb != "take" and _names(target) == wanted
        found["changed"] += not ended
        return ended

    def _settle(
        self,
        left: tuple[Unfinished, ...],
        resuming: bool,
        target: Path,
        before: str,
        wanted: set[str] | None,
        found: Counter[str],
    ) -> str:
        """Resume or discard what was interrupted, and count what is wrong then."""
        if not left:
            return "nothing left"
        try:
            for one in left:
                if resuming:
                    transaction.resume(one, self.sources, self.folders, Silent())
                else:
                    transaction.discard(one, self.folders, Silent())
        except Problem as problem:
            print(problem, file=sys.stderr)
            found["damaged"] += 1
        if resuming:
            found["damaged"] += not self._is_whole(target) or _names(target) != wanted
            return "resumed"
        found["changed"] += (digest(target) if target.exists() else "") != before
        return "discarded"

    def _is_whole(self, prefix: Path) -> bool:
        environment = read_environment(prefix, Maker.AIENV)
        conda = (prefix / "conda-meta").is_dir()
        faults = (conda_integrity if conda else integrity).verify(prefix, hashes=True)
        if environment.broken is not None or faults or not _is_described(prefix):
            print(prefix, environment.broken, [str(fault.text) for fault in faults[:5]], file=sys.stderr)
            return False
        done = subprocess.run(
            [str(environment.python), "-I", "-B", "-c", "import colours; print(colours.paint.x)"],
            env=clean_environment({}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout.strip() == "2.4"

    def _visible(self) -> list[Path]:
        return sorted(p for p in self.folders.environments.iterdir() if p.is_dir() and not p.name.startswith("."))

    # Before and after

    def _build(self, engine: Engine, name: str) -> float:
        plan = make_plan(self._request(engine, name), self.sources, self.folders, Silent())
        began = time.perf_counter()
        transaction.build(plan, self.sources, self.folders, Silent())
        return time.perf_counter() - began

    def _request(self, engine: Engine, name: str) -> Request:
        if engine is Engine.CONDA:
            return Request(f"conda {name}", engine, MINOR, ("colours", "patched", "many"))
        return Request(f"uv {name}", engine, default_python(), ("colours", "many0", "many1"))

    def _prefix(self, engine: Engine, name: str) -> Path:
        return self.folders.environments / f"{engine.value}-{name}"

    def _environment(self, engine: Engine, name: str) -> Environment:
        return read_environment(self._prefix(engine, name), Maker.AIENV)

    def _reset(self, engine: Engine) -> None:
        transaction.delete(self._environment(engine, "new"), self.folders, Silent())
        if not self._prefix(engine, "worked-on").exists():
            self._build(engine, "worked-on")


def _names(prefix: Path) -> set[str]:
    return {package.name for package in read_environment(prefix, Maker.AIENV).packages}


def _is_described(prefix: Path) -> bool:
    return read_manifest(prefix) is not None


@contextmanager
def machine_with_packages(root: Path) -> Iterator[Sources]:
    """Packages for both engines, with enough files that linking them takes a while."""
    sample_packages(root / "served")
    for number in range(2):
        name = f"many{number}"
        make_wheel(root / "served", name, files={f"{name}/part{n}.py": f"x = {n}\n" * 20 for n in range(600)})
    channel = sample_channel(root / "channel")
    with LocalIndex(root / "served") as index:
        yield Sources(index_url=index.url, channels=(str(channel),))


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench kill")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--rounds", type=int, default=50, help="how many kills")
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 1_000_000, help="repeat the choices of another run"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="aienv-kill-", ignore_cleanup_errors=True) as folder,
        machine_with_packages(Path(folder)) as sources,
    ):
        killing = Killing(Path(folder), sources, random.Random(options.seed))
        rounds: list[harness.Run] = []
        for number in range(options.rounds):
            rounds.append(killing.one_round())
            print(number + 1, *rounds[-1].values(), flush=True)
    counts = {name: killing.counts[name] for name in ("damaged", "half_visible", "changed")}
    figures = {
        "rounds": len(rounds),
        **counts,
        "done_before_the_kill": sum(one["work"] == "done" for one in rounds),
        "resumed": sum(one["then"] == "resumed" for one in rounds),
        "discarded": sum(one["then"] == "discarded" for one in rounds),
    }
    harness.report("kill", figures, rounds, options.json)
    sys.exit(1 if any(counts.values()) else 0)


if __name__ == "__main__":
    main()
