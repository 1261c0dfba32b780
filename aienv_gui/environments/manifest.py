"""What is written about an environment: ``aienv.json`` in each one we made, and dated verdicts for all.

``aienv.json`` holds what was asked (`Request`), the exact files (the lock) and when it was built. The verdicts of the
last validation are its health card (`write_health`, `read_health`): in ours beside ``aienv.json``, in the data folder
for those of others. Also here: `Request`, `Plan`, `Sources`,
`Folders` and `Verdict` as JSON data, for journals and for the worker process.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Action
from aienv_gui.core.storage import Folders, read_json, write_json
from aienv_gui.core.wording import Text
from aienv_gui.environments.records import (
    DiskNeed,
    Engine,
    Machine,
    MachineCard,
    Package,
    Plan,
    PlannedFile,
    PythonBuild,
    Request,
    Sources,
    Verdict,
    VerdictState,
)
from aienv_gui.environments.sources.addresses import public_data

NAME: Final = "aienv.json"
HEALTH_NAME: Final = "aienv-health.json"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``aienv.json`` says. `built` is in seconds since the epoch, `build` names the one build that made it."""

    request: Request
    built: float
    build: str
    files: tuple[PlannedFile, ...] = ()
    lock: Mapping[str, Any] | None = None


def request_to_json(request: Request) -> dict[str, Any]:
    return {**asdict(request), "engine": request.engine.value}


def request_from_json(data: Mapping[str, Any]) -> Request:
    """The inverse of `request_to_json`; knows older data without the newer fields. Raises KeyError or ValueError."""
    return Request(
        name=str(data["name"]),
        engine=Engine(data["engine"]),
        python=data["python"],
        requirements=tuple(data["requirements"]),
        template=data.get("template", ""),
        source_file=data.get("source_file", ""),
        accelerator=data.get("accelerator", "cpu"),
        channels=tuple(data.get("channels", ())),
        imports=tuple(data.get("imports", ())),
        pip_requirements=tuple(data.get("pip_requirements", ())),
        constraints=tuple(data.get("constraints", ())),
        hashes=tuple((name, digest) for name, digest in data.get("hashes", ())),
        python_specs=tuple(data.get("python_specs", ())),
        index_url=data.get("index_url", ""),
        index_urls=tuple(data.get("index_urls", ())),
        find_links=tuple(data.get("find_links", ())),
        no_index=data.get("no_index", False),
        prereleases=data.get("prereleases", False),
        only_binary=tuple(data.get("only_binary", ())),
        no_binary=tuple(data.get("no_binary", ())),
        lock=data.get("lock", ""),
    )


def plan_to_json(plan: Plan) -> dict[str, Any]:
    return {
        "request": request_to_json(plan.request),
        "files": [asdict(file) for file in plan.files],
        "interpreter": str(plan.interpreter) if plan.interpreter else None,
        "download_bytes": plan.download_bytes,
        "installed_bytes": plan.installed_bytes,
        "free_bytes": plan.free_bytes,
        "notes": [note.to_json() for note in plan.notes],
        "lock": plan.lock,
        "distrusted": list(plan.distrusted),
        "python_build": asdict(plan.python_build) if plan.python_build else None,
        "disks": [{**asdict(need), "path": str(need.path), "what": need.what.to_json()} for need in plan.disks],
    }


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    """The inverse of `plan_to_json`. Raises KeyError, TypeError or ValueError for anything else."""
    return Plan(
        request=request_from_json(data["request"]),
        files=tuple(PlannedFile(**file) for file in data["files"]),
        interpreter=Path(data["interpreter"]) if data["interpreter"] else None,
        download_bytes=data["download_bytes"],
        installed_bytes=data["installed_bytes"],
        free_bytes=data["free_bytes"],
        notes=tuple(Text.from_json(note) for note in data["notes"]),
        lock=dict(data["lock"]),
        distrusted=tuple(data.get("distrusted", ())),
        python_build=PythonBuild(**data["python_build"]) if data.get("python_build") else None,
        disks=tuple(
            DiskNeed(**{**need, "path": Path(need["path"]), "what": Text.from_json(need["what"])})
            for need in data.get("disks", ())
        ),
    )


def sources_to_json(sources: Sources) -> dict[str, Any]:
    """For a worker's standard input only: the passwords are in it."""
    return asdict(sources)


def sources_from_json(data: Mapping[str, Any]) -> Sources:
    return Sources(
        index_url=data["index_url"],
        extra_index_urls=tuple(data["extra_index_urls"]),
        find_links=tuple(data["find_links"]),
        certificate=data["certificate"],
        channels=tuple(data["channels"]),
        no_index=data.get("no_index", False),
        torch_index_url=data.get("torch_index_url", ""),
        python_mirror=data.get("python_mirror", ""),
        python_catalogue=data.get("python_catalogue", ""),
        conda_mirror=data.get("conda_mirror", ""),
        proxy=data.get("proxy", ""),
        offline=data.get("offline", False),
    )


def folders_to_json(folders: Folders) -> dict[str, str]:
    return {name: str(getattr(folders, name)) for name in ("config", "data", "cache", "logs")}


def folders_from_json(data: Mapping[str, str]) -> Folders:
    return Folders(**{name: Path(path) for name, path in data.items()})


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "check": verdict.check,
        "title": verdict.title.to_json(),
        "state": verdict.state.value,
        "detail": verdict.detail.to_json() if verdict.detail else None,
        "cure": verdict.cure.to_json() if verdict.cure else None,
        "actions": [{"name": a.name, "label": a.label.to_json(), "argument": a.argument} for a in verdict.actions],
        "seconds": verdict.seconds,
    }


def verdict_from_json(data: Mapping[str, Any]) -> Verdict:
    """The inverse of `verdict_to_json`. Raises KeyError or ValueError for anything else."""
    return Verdict(
        check=data["check"],
        title=Text.from_json(data["title"]),
        state=VerdictState(data["state"]),
        detail=Text.from_json(data["detail"]) if data.get("detail") else None,
        cure=Text.from_json(data["cure"]) if data.get("cure") else None,
        actions=tuple(
            Action(a["name"], Text.from_json(a["label"]), a.get("argument", "")) for a in data.get("actions", ())
        ),
        seconds=data.get("seconds", 0.0),
    )


def write_manifest(prefix: Path, manifest: Manifest) -> None:
    """Write ``aienv.json`` into an environment. Raises `Problem` where the disk does not let us."""
    data = {
        "request": request_to_json(manifest.request),
        "built": manifest.built,
        "build": manifest.build,
        "files": [asdict(file) for file in manifest.files],
        "lock": dict(manifest.lock or {}),
    }
    write_json(prefix / NAME, public_data(data), version=_VERSION)


def read_manifest(prefix: Path) -> Manifest | None:
    """What ``aienv.json`` of an environment says; None where there is none. Raises `Problem` where it is damaged."""
    try:
        data = read_json(prefix / NAME, version=_VERSION)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Manifest(
        request=request_from_json(data["request"]),
        built=data["built"],
        build=data["build"],
        files=tuple(PlannedFile(**file) for file in data.get("files", ())),
        lock=data.get("lock", {}),
    )


def health_file(prefix: Path, folders: Folders) -> Path:
    """Where the verdicts on an environment are kept: inside what we built, never inside a folder that others made."""
    if prefix.absolute().parent == folders.environments.absolute() and (prefix / NAME).is_file():
        return prefix / HEALTH_NAME
    key = hashlib.sha256(str(prefix.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:20]
    return folders.data / "health" / f"{key}.json"


def lost_packages(manifest: Manifest, present: Iterable[Package]) -> tuple[PlannedFile, ...]:
    """The files of the lock whose packages are not among those `present`, in whatever version."""
    names = {canonicalize_name(package.name) for package in present}
    return tuple(file for file in manifest.files if canonicalize_name(file.package) not in names)


@dataclass(frozen=True, slots=True)
class HealthCard:
    """The verdicts of the last validation, when it was, and what the computer was then (None: not known)."""

    verdicts: tuple[Verdict, ...] = ()
    validated: float | None = None
    machine: Machine | None = None


def write_health(
    prefix: Path,
    verdicts: Sequence[Verdict],
    folders: Folders,
    packages: Iterable[Package] | None = None,
    machine: Machine | None = None,
) -> None:
    """Keep the verdicts of a validation, dated now, for the list of environments.

    With the `packages` that were there the verdicts are taken back once these are others; with the `machine` a later
    driver or card is noticed.
    """
    write_json(
        health_file(prefix, folders),
        {
            "prefix": str(prefix),
            "validated": time.time(),
            "verdicts": [verdict_to_json(verdict) for verdict in verdicts],
            "packages": _fingerprint(packages) if packages is not None else None,
            "machine": asdict(machine) if machine is not None else None,
        },
        version=_VERSION,
    )


def _fingerprint(packages: Iterable[Package]) -> str:
    lines = sorted(f"{package.name} {package.version}" for package in packages)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def read_health(prefix: Path, folders: Folders, packages: Iterable[Package]) -> HealthCard:
    """What was found by the last validation; an empty card where there was none.

    Where other `packages` are there now than then, no verdicts: what was found is not true any more.
    Raises `Problem` where the file is damaged, and KeyError, TypeError, ValueError or AttributeError where it holds
    something else.
    """
    try:
        data = read_json(health_file(prefix, folders), version=_VERSION)
    except (FileNotFoundError, NotADirectoryError):
        return HealthCard()
    seen, validated = data.get("packages"), float(data["validated"])
    if seen is not None and seen != _fingerprint(packages):
        return HealthCard(validated=validated)
    verdicts = tuple(verdict_from_json(verdict) for verdict in data["verdicts"])
    return HealthCard(verdicts, validated, _machine(data.get("machine")))


def _machine(data: Mapping[str, Any] | None) -> Machine | None:
    if data is None:
        return None
    cards = tuple(
        MachineCard(card["name"], card["uuid"], tuple(card["capability"]) if card.get("capability") else None)
        for card in data["cards"]
    )
    return Machine(data["driver_version"], cards, data.get("system", ""), data.get("probe", 0))
