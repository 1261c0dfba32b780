"""Unpacks and links fetched conda packages with py-rattler, in a worker process only (`conda.backend` says why)."""

from __future__ import annotations

import asyncio
import json
import queue
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rattler import MatchSpec, PackageRecord, RepoDataRecord
from rattler import install as rattler_install
from rattler.exceptions import ExtractError, InstallerError, IoError, LinkError, TransactionError
from rattler.install import InstallerReporter
from rattler.package import IndexJson

from aienv_gui.core.explain import explain
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr, tr_count
from aienv_gui.environments.records import PackageProgress, PackageState
from aienv_gui.environments.sources.addresses import public
from aienv_gui.environments.sources.download import noted_hash

_TICK_S: Final = 0.1


def link(
    lock: Mapping[str, Any],
    archives: Mapping[str, Path],
    staging: Path,
    final: Path,
    folders: Folders,
    reporter: Reporter,
) -> None:
    """Make the packages of `lock` an environment in `staging` that works once it is renamed to `final`.

    `archives` are the fetched files by their planned address. Reports each package's row. Raises `Problem`; where the
    reporter is cancelled `Cancelled`, while py-rattler goes on until the process ends.
    """
    reporter.status(tr_count("Installing {count} package", "Installing {count} packages", len(archives)))
    try:
        asyncio.run(_link(lock, archives, staging, final, folders, reporter))
    except (InstallerError, LinkError, TransactionError, ExtractError, IoError) as error:
        raise explain(str(error), what=tr("The packages could not be installed.")) from error
    _name_origins(staging, lock["records"])


async def _link(
    lock: Mapping[str, Any],
    archives: Mapping[str, Path],
    staging: Path,
    final: Path,
    folders: Folders,
    reporter: Reporter,
) -> None:
    steps = _Steps()  # type: ignore[abstract]  # what it leaves out does nothing
    data = lock["records"]
    if lock.get("from_archives"):
        data = [_completed(entry, archives[entry["url"]]) for entry in data]
    records = records_of(data, {url: place.as_uri() for url, place in archives.items()})
    work = asyncio.ensure_future(
        rattler_install(
            records,
            staging.absolute(),
            cache_dir=(folders.cache / "conda" / "packages").absolute(),
            installed_packages=[],
            show_progress=False,
            requested_specs=[MatchSpec(text)._match_spec for text in lock["requested"]],
            reporter=steps,
            alternative_target_prefix=final.absolute(),
        )
    )
    sizes = {str(entry["name"]): entry.get("size") for entry in lock["records"]}
    done = 0
    while True:
        finished, _ = await asyncio.wait({work}, timeout=_TICK_S)
        while not steps.seen.empty():
            package = steps.seen.get()
            done += 1
            if package:
                size = sizes.get(package)
                reporter.partial(PackageProgress(package, PackageState.INSTALLED, size or 0, size))
            reporter.progress(done, 2 * len(records))
        if finished:
            work.result()
            return
        reporter.checkpoint()


class _Steps(InstallerReporter):
    """Receives py-rattler's callbacks, in its own threads; `seen` gets a name for each package that is linked.

    An empty name stands for one that is unpacked.
    """

    def __init__(self) -> None:
        self.seen: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._names: dict[int, str] = {}

    def on_populate_cache_complete(self, cache_entry: int) -> None:
        del cache_entry
        self.seen.put("")

    def on_link_start(self, operation: int, package_name: str) -> int:
        self._names[operation] = package_name
        return operation

    def on_link_complete(self, index: int) -> None:
        self.seen.put(self._names[index])


def _completed(entry: Mapping[str, Any], archive: Path) -> dict[str, Any]:
    """A record with what only the package itself tells: what it needs, and whether it is for any system."""
    told = IndexJson.from_package_archive(archive)
    noarch = told.noarch
    return {
        **entry,
        "name": told.name.normalized,
        "version": str(told.version),
        "build": str(told.build),
        "build_number": told.build_number,
        "subdir": told.subdir or "noarch",
        "depends": told.depends,
        "constrains": told.constrains,
        "track_features": told.track_features,
        "noarch": "python" if noarch.python else "generic" if noarch.generic else None,
        "license": told.license,
        "python_site_packages_path": told.python_site_packages_path,
        "sha256": entry.get("sha256") or noted_hash(archive),
        "size": archive.stat().st_size,
    }


def records_of(data: Sequence[Mapping[str, Any]], addresses: Mapping[str, str]) -> list[RepoDataRecord]:
    """The records as py-rattler has them, each with the address for its own; it checks their SHA-256 again."""
    records: list[RepoDataRecord] = []
    with tempfile.TemporaryDirectory(prefix="aienv-records-") as folder:
        index = Path(folder) / "index.json"  # the only way to make a record with all its fields
        for entry in data:
            index.write_text(json.dumps(entry), encoding="utf-8")
            hashes = entry.get("sha256") or None, entry.get("md5") or None
            record = PackageRecord.from_index_json(index, entry.get("size"), *hashes)
            address = addresses.get(entry["url"], entry["url"])
            records.append(RepoDataRecord(record, entry["fn"], address, entry.get("channel") or ""))
    return records


def _name_origins(prefix: Path, data: Sequence[Mapping[str, Any]]) -> None:
    """Say in conda-meta where packages come from, without secrets; py-rattler noted the place of our download."""
    origins = {str(entry["name"]): public(str(entry.get("origin") or entry["url"])) for entry in data}
    for path in (prefix / "conda-meta").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        record["url"] = origins[record["name"]]
        record["channel"] = public(str(record.get("channel") or ""))
        path.write_text(json.dumps(record, indent=2), encoding="utf-8")
