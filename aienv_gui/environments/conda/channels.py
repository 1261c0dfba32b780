"""What channels have that is newer than what an environment holds. Runs in a worker process only (`newest.ask`)."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Sequence

from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion
from rattler import Channel, MatchSpec, PackageRecord, RepoDataRecord, Subdir, Version, VirtualPackage
from rattler.exceptions import FetchRepoDataError, GatewayError, InvalidMatchSpecError, InvalidVersionError, IoError
from rattler.package import BuildString

from aienv_gui.core.storage import Folders
from aienv_gui.environments.conda.solve import answering, channels_of, gateway, machine
from aienv_gui.environments.conda.words import channel_problem
from aienv_gui.environments.records import Request, Sources
from aienv_gui.environments.sources import network


def newest(packages: Sequence[tuple[str, str]], request: Request, sources: Sources, folders: Folders) -> dict[str, str]:
    """The newest version of each of `packages` (name, version) that is older than what the channels have.

    Only what suits the Python among them and this machine counts, and of the first channel that has the package: the
    solver takes no other. Raises `Problem` where a channel cannot be read.
    """
    names, _ = channels_of(request, sources)
    os.environ.update(network.variables(sources))  # as for solving
    channels = answering(names, sources)
    try:
        found = asyncio.run(_records(channels, [name for name, _ in packages], sources, folders))
    except (GatewayError, FetchRepoDataError, IoError) as error:
        raise channel_problem(str(error)) from error
    here = _Here(dict(packages).get("python", ""), request.accelerator)
    result: dict[str, str] = {}
    for name, version in packages:
        best = here.newest(next((by_name[name] for by_name in found if name in by_name), []), name, version)
        if best:
            result[name] = best
    return result


async def _records(
    channels: Sequence[Channel], names: Sequence[str], sources: Sources, folders: Folders
) -> list[dict[str, list[RepoDataRecord]]]:
    """Every record of the packages, for each channel by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of channels about themselves; nothing the user can act on
        answer = await gateway(channels, sources, folders).query(
            list(channels),
            [Subdir.current(), Subdir("noarch")],
            list(names),
            recursive=False,
            channel_relations="disabled",
        )
    result = []
    for records in answer:
        by_name: dict[str, list[RepoDataRecord]] = {}
        for record in records:
            by_name.setdefault(record.name.normalized, []).append(record)
        result.append(by_name)
    return result


class _Here:
    """What an environment and its machine offer to a package."""

    def __init__(self, python: str, accelerator: str) -> None:
        self._offers: dict[str, PackageRecord] = {}
        if python:
            self._offers["python"] = _record("python", python, "0_cpython")
        for each in machine(accelerator):
            package = each.into_generic() if isinstance(each, VirtualPackage) else each
            name = package.name.normalized
            self._offers[name] = _record(name, str(package.version), str(package.build_string))

    def newest(self, records: Sequence[RepoDataRecord], name: str, installed: str) -> str:
        """The newest version among the records that is newer than the one installed; empty where there is none."""
        try:
            own = best = Version(installed)
        except InvalidVersionError:
            return ""
        text = ""
        for record in records:
            version = Version(str(record.version))
            if version > best and version > own and self._suits(record, name, installed):
                best, text = version, str(record.version)
        return text

    def _suits(self, record: RepoDataRecord, name: str, installed: str) -> bool:
        if _early(str(record.version)) and not _early(installed):
            return False
        for spec in record.depends:
            needed = spec.split()[0].split("[")[0]
            offer = self._offers.get(needed)
            if offer is None and needed.startswith("__"):
                return False
            if offer is not None and name != "python":
                try:
                    if not MatchSpec(spec).matches(offer):
                        return False
                except InvalidMatchSpecError:
                    return False
        return True


def _record(name: str, version: str, build: str) -> PackageRecord:
    return PackageRecord(name, version, BuildString(build), 0, str(Subdir.current()))


def _early(version: str) -> bool:
    try:
        return PythonVersion(version).is_prerelease
    except InvalidVersion:
        return False
