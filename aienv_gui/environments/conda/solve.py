"""Resolves a conda request with py-rattler. Runs in a worker process only (`conda.backend` says why)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from rattler import (
    Channel,
    Gateway,
    GenericVirtualPackage,
    MatchSpec,
    Override,
    RepoDataRecord,
    SourceConfig,
    Subdir,
    VirtualPackage,
    VirtualPackageOverrides,
)
from rattler import solve as rattler_solve
from rattler.exceptions import FetchRepoDataError, GatewayError, InvalidMatchSpecError, IoError, SolverError
from rattler.networking import Client

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.conda.link import records_of
from aienv_gui.environments.conda.locked import plan_of_files
from aienv_gui.environments.conda.words import channel_problem, conflict_problem, missing_root, nothing_fits
from aienv_gui.environments.discovery.interpreters import BaseInterpreter, base_interpreters
from aienv_gui.environments.files.text import expanded
from aienv_gui.environments.records import Former, Package, Plan, PlannedFile, Request, Sources
from aienv_gui.environments.sources import network
from aienv_gui.environments.sources.addresses import completed, public
from aienv_gui.environments.uv import backend as uv_backend

CONNECT_S = 10.0  # how long a channel's server may take for the connection
SILENCE_S = 15.0  # and for the first word of an answer
_REQUEST_S: Final = 300  # for the whole of a list: a large one on a slow line takes minutes
# Python packages whose conda name is not their name on the package index.
_OTHER_NAMES: Final = {"pytorch": "torch", "tensorflow-base": "tensorflow", "python-graphviz": "graphviz"}


def solve(
    request: Request, sources: Sources, folders: Folders, reporter: Reporter, former: Former | None = None
) -> Plan:
    """Resolve `request` to exact packages; its pip part is resolved by uv against them. Raises `Problem`.

    What `former` names keeps its version where nothing is against it.
    Changes nothing but caches. Reads the channels' lists over the network: seconds, the first time many.
    """
    names, notes = channels_of(request, sources)
    os.environ.update(network.variables(sources))  # py-rattler has no other way to be told; this is a worker
    specs = _specs(request)
    reporter.status(tr("Working out which packages are needed"))
    former = former or Former()
    locked = records_of(former.records, {})
    records = asyncio.run(_solve(specs, answering(names, sources), names, request, sources, folders, locked))
    data = [json.loads(record.to_json()) for record in records]
    files = tuple(_planned(entry) for entry in data)
    lock: dict[str, Any] = {"records": data, "requested": [str(spec) for spec in specs]}
    if request.pip_requirements:
        resolution = _resolve_pip(request, data, sources, folders, reporter, former.packages)
        lock["pylock"] = resolution.lock
        files += resolution.files
        notes += (*resolution.notes, *uv_backend.remarks(request, resolution.files))
        notes += (
            tr_count(
                "{count} package is installed with pip.",
                "{count} packages are installed with pip.",
                len(resolution.files),
            ),
        )
    reporter.status(tr("Adding up sizes"))
    files = uv_backend.measured(files, sources, folders)
    return plan_of_files(request, files, notes, lock, folders)


def channels_of(request: Request, sources: Sources) -> tuple[tuple[str, ...], tuple[Text, ...]]:
    """The channels of a request and what to tell about them: a file's own, else those of the settings.

    Anaconda's “defaults” are not for everyone to use; where a file names them, the settings' channels stand in.
    """
    if not request.channels:
        return sources.channels, ()
    names: list[str] = []
    notes: tuple[Text, ...] = ()
    for name in request.channels:
        if name == "nodefaults":
            continue
        if name == "defaults":
            names += sources.channels
            notes = (
                tr(
                    "Instead of Anaconda's channel “defaults”, which organisations must pay for, this is used: "
                    "{channels}.",
                    channels=public(", ".join(sources.channels)),
                ),
            )
        else:
            names.append(_beside(request.source_file, name) if request.source_file else name)
    return tuple(dict.fromkeys(names)) or sources.channels, notes


def _beside(file: str, name: str) -> str:
    """A channel that is a folder beside the file, as an absolute path; anything else as it is."""
    if name.startswith((".", "~")) or os.path.isabs(name):  # noqa: PTH117 (a name such as conda-forge is no path)
        return str((Path(file).parent / expanded(name)).resolve())
    return name


def answering(names: Sequence[str], sources: Sources) -> list[Channel]:
    """The channels by their names. Raises `Problem` where a server of theirs takes the connection and says nothing."""
    addresses = [completed(_address(name, sources), sources) for name in names]
    _check_answers(addresses, sources)
    return [Channel(address) for address in addresses]


def _address(name: str, sources: Sources) -> str:
    """Where a channel lies: a folder or an address as it is, a name at the user's mirror where there is one."""
    folder = expanded(name)
    if folder.is_absolute():
        return folder.as_uri()
    mirrored = sources.conda_mirror and "://" not in name
    return f"{sources.conda_mirror.rstrip('/')}/{name}" if mirrored else name


def _check_answers(addresses: Sequence[str], sources: Sources) -> None:
    """Raise `Problem` where a channel's server takes the connection and says nothing: py-rattler waits for minutes.

    Whatever else is wrong with it py-rattler tells. A request to each server.
    """
    remote = [] if sources.offline else [address for address in addresses if not address.startswith("file:")]
    if not remote:
        return
    import requests  # what comes from folders does without

    with network.session(sources) as session:
        for address in remote:
            url = f"{Channel(address).base_url.rstrip('/')}/noarch/repodata.json"
            try:
                session.head(url, timeout=(CONNECT_S, SILENCE_S), allow_redirects=True)
            except requests.Timeout as error:
                raise channel_problem(f"{error}\n{url}: operation timed out") from error
            except requests.RequestException:
                continue


def gateway(channels: Sequence[Channel], sources: Sources, folders: Folders) -> Gateway:
    """Reads the channels' lists: of a folder always, of a server where the network may be asked."""
    kept = SourceConfig(cache_action="force-cache-only")
    remote = [channel for channel in channels if not channel.base_url.startswith("file:")]
    return Gateway(
        cache_dir=folders.cache / "conda" / "repodata",
        per_channel_config={channel.base_url: kept for channel in remote} if sources.offline else None,
        client=Client.default_client(max_retries=1, timeout=_REQUEST_S),
    )


def _specs(request: Request) -> list[MatchSpec]:
    python = [f"python {request.python}.*"] if request.python else []
    specs: list[MatchSpec] = []
    for text in (*python, *request.python_specs, *request.requirements):
        try:
            specs.append(MatchSpec(text))
        except InvalidMatchSpecError as error:
            raise Problem(
                tr("“{text}” is not a package's name.", text=text),
                cause=tr("A conda package is named as in numpy, numpy>=2 or numpy=2.1."),
                cure=tr("Correct or remove it."),
                details=str(error),
                code="bad_package",
            ) from error
    return specs


async def _solve(
    specs: Sequence[MatchSpec],
    channels: Sequence[Channel],
    names: Sequence[str],
    request: Request,
    sources: Sources,
    folders: Folders,
    locked: Sequence[RepoDataRecord],
) -> list[RepoDataRecord]:
    reading = gateway(channels, sources, folders)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of channels about themselves; nothing the user can act on
        try:
            return await rattler_solve(
                list(channels),
                list(specs),
                gateway=reading,
                locked_packages=list(locked),
                virtual_packages=machine(request.accelerator),
            )
        except (GatewayError, FetchRepoDataError, IoError) as error:
            raise channel_problem(str(error)) from error
        except SolverError as error:
            message = str(error)
            missing = missing_root(message)
            if not missing:
                raise conflict_problem(message, [str(spec) for spec in specs]) from error
            versions = await _versions(reading, channels, missing.split()[0])
            raise nothing_fits(missing, versions, names) from error


async def _versions(gateway: Gateway, channels: Sequence[Channel], package: str) -> list[str]:
    """The versions of a package the channels have, newest first."""
    platforms = [Subdir.current(), Subdir("noarch")]
    found = await gateway.query(list(channels), platforms, [package], recursive=False)
    records = [record for subdir in found for record in subdir]
    ordered = sorted(records, key=lambda record: record.version, reverse=True)
    return list(dict.fromkeys(str(record.version) for record in ordered))


def machine(accelerator: str) -> list[GenericVirtualPackage | VirtualPackage]:
    """What this machine offers (``__glibc``, ``__cuda``...); a chosen CUDA build counts as if its driver were here."""
    cuda = re.fullmatch(r"cu(\d+)(\d)", accelerator)
    chosen = Override.string(f"{cuda[1]}.{cuda[2]}") if cuda else None
    return list(VirtualPackage.detect(VirtualPackageOverrides(cuda=chosen)))


def _planned(record: dict[str, Any]) -> PlannedFile:
    return PlannedFile(
        package=record["name"],
        version=record["version"],
        filename=record["fn"],
        url=record["url"],
        sha256=record.get("sha256") or "",
        size_bytes=record.get("size"),
    )


def _resolve_pip(
    request: Request,
    records: Sequence[dict[str, Any]],
    sources: Sources,
    folders: Folders,
    reporter: Reporter,
    preferred: tuple[Package, ...],
) -> uv_backend.Resolution:
    """The pip part's files. What conda brings counts as there: uv neither looks for it nor replaces it."""
    version = next(str(record["version"]) for record in records if record["name"] == "python")
    bases = base_interpreters(folders.pythons)
    if not bases:
        raise Problem(
            tr("The pip part cannot be planned."),
            cause=tr("There is no Python on this computer to plan it with."),
            cure=tr("Install Python, or leave out the part “pip:”."),
            code="no_python",
        )
    minor = ".".join(version.split(".")[:2])
    base = next((base for base in bases if base.minor == minor), bases[0])
    asked = {_name(text) for text in request.pip_requirements}
    here = {
        canonicalize_name(_OTHER_NAMES.get(record["name"], record["name"])) for record in records if _python(record)
    }
    resolution = uv_backend.resolve(
        request,
        request.pip_requirements,
        BaseInterpreter(base.path, version, base.prefix),
        sources,
        folders,
        reporter,
        python_version=version,
        excluded=tuple(sorted(here - asked)),
        preferred=preferred,
    )
    source_only = [file.package for file in resolution.files if not file.filename.endswith(".whl")]
    if source_only:
        raise Problem(
            tr("The pip part cannot be planned."),
            cause=tr(
                "Offered as source code only, not as a finished package: {packages}.", packages=", ".join(source_only)
            ),
            cure=tr("Choose another version of the package, or leave it out."),
            code="source_only",
        )
    return resolution


def _name(requirement: str) -> str:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return ""  # `uv.resolve` says what is wrong with it


def _python(record: dict[str, Any]) -> bool:
    """Whether a conda package is one of Python's."""
    needs = {str(text).split()[0].split("=")[0] for text in record.get("depends", ())}
    return record.get("noarch") == "python" or bool(needs & {"python", "python_abi"})
