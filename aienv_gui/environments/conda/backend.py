"""The conda engine: py-rattler solves and links, our own downloader brings the archives between the two.

Everything of py-rattler (pinned; only `conda.solve` and `conda.link` know it) happens in a worker process, the solving
too. Measured on 0.28: neither a solve nor an install can be stopped from inside (a cancelled task leaves it running),
and an interpreter that has installed crashes at its exit every other time. A process of its own costs 0.4 s, can be
ended at any moment, and takes its memory with it (a large channel's list is hundreds of megabytes).

py-rattler reports bytes for some channels only and starts a cut download anew; so `download` fetches the archives
(bytes, resume, SHA-256) and py-rattler is given records that point at them. It unpacks each archive once into its cache
and links it into the environments.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from packaging.utils import canonicalize_name

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.conda.locked import check_md5, plan_locked, plan_of_files
from aienv_gui.environments.health import conda_integrity
from aienv_gui.environments.health.integrity import Fault, site_packages, whole_or_not
from aienv_gui.environments.manifest import Manifest, folders_to_json, plan_from_json, request_to_json, sources_to_json
from aienv_gui.environments.records import Former, Plan, PlannedFile, Request, Sources
from aienv_gui.environments.sources import download
from aienv_gui.environments.uv import backend as uv_backend
from aienv_gui.environments.uv.command import joined


class CondaBackend:
    """Implements `backend.Backend` with py-rattler."""

    def plan(
        self, request: Request, sources: Sources, folders: Folders, reporter: Reporter, former: Former | None = None
    ) -> Plan:
        from aienv_gui.environments.worker_call import call

        if request.lock:
            return plan_locked(request, sources, folders, reporter)
        task = {
            "request": request_to_json(request),
            "sources": sources_to_json(sources),
            "folders": folders_to_json(folders),
            "former": asdict(former) if former is not None else None,
        }
        with tempfile.TemporaryDirectory(prefix="aienv-plan-", ignore_cleanup_errors=True) as temporary:
            return plan_from_json(call("plan", task, Path(temporary), reporter))

    def plan_of_lock(self, manifest: Manifest, sources: Sources, folders: Folders, reporter: Reporter) -> Plan:
        reporter.status(tr("Adding up sizes"))
        files = uv_backend.measured(manifest.files, joined(sources, manifest.request), folders)
        return plan_of_files(manifest.request, files, (), dict(manifest.lock or {}), folders)

    def fetch(self, plan: Plan, sources: Sources, folders: Folders, reporter: Reporter) -> None:
        download.fetch(plan.files, joined(sources, plan.request), folders, reporter)
        check_md5(plan, folders)

    def install(self, plan: Plan, staging: Path, final: Path, folders: Folders, reporter: Reporter) -> None:
        from aienv_gui.environments.conda.link import link  # py-rattler: in a worker process only

        by_pip = [file for file in plan.files if _by_pip(file)]
        archives = {file.url: _fetched(file, folders) for file in plan.files if not _by_pip(file)}
        link(plan.lock, archives, staging, final, folders, reporter)
        uv_backend.install_files(by_pip, staging, folders, reporter)
        point_scripts(staging, final)

    def verify(self, prefix: Path) -> tuple[Fault, ...]:
        return whole_or_not(conda_integrity.verify(prefix))

    def distrust(self, packages: Collection[str], plan: Plan, folders: Folders, reporter: Reporter) -> None:
        uv_backend.distrust(packages, [file for file in plan.files if _by_pip(file)], folders, reporter)
        names = {canonicalize_name(package) for package in packages}
        named = [file for file in plan.files if canonicalize_name(file.package) in names and not _by_pip(file)]
        for file in named:
            download.check_again(file, folders)
        # A file's name comes from a channel: it is compared, and leads nowhere.
        stems = tuple(stem for file in named if (stem := archive_stem(file.filename)))
        with suppress(FileNotFoundError):
            for unpacked in list(unpacked_store(folders).iterdir()):
                if unpacked.name.startswith(stems):
                    shutil.rmtree(unpacked, ignore_errors=True)


def unpacked_store(folders: Folders) -> Path:
    """Where py-rattler unpacks archives, to link the environments' files from."""
    return folders.cache / "conda" / "packages"


def archive_stem(filename: str) -> str:
    """``numpy-2.1-py311_0`` of ``numpy-2.1-py311_0.conda``."""
    return filename.removesuffix(".conda").removesuffix(".tar.bz2")


def _by_pip(file: PlannedFile) -> bool:
    return file.filename.endswith(".whl")


def _fetched(file: PlannedFile, folders: Folders) -> Path:
    place = download.cached(file, folders)
    if place is None:
        raise download.removed(file)
    return place


def point_scripts(staging: Path, final: Path) -> None:
    """Let the commands that uv made in `staging` start the interpreter of `final`, and say so in their RECORDs.

    uv writes the interpreter's place into them (on Windows at the end of an .exe, which stays as it is: the packages
    work, these commands do not after the rename).
    """
    old, new = os.fsencode(staging.absolute()), os.fsencode(final.absolute())
    folder = staging / "bin"
    changed: dict[Path, bytes] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            script = file.read(2) == b"#!"
        content = path.read_bytes() if script else b""
        if old in content:
            content = content.replace(old, new)
            mode = path.stat().st_mode
            path.unlink()  # not written through: it may be a link into a cache
            path.write_bytes(content)
            path.chmod(mode)
            changed[path] = content
    if changed:
        for site in site_packages(staging):
            for record in site.glob("*.dist-info/RECORD"):
                _correct(record, site, changed)


def _correct(record: Path, site: Path, changed: Mapping[Path, bytes]) -> None:
    """Write the changed files' hashes and sizes into a RECORD that names them."""
    rows = list(csv.reader(record.read_text(encoding="utf-8").splitlines()))
    found = False
    for row in rows:
        content = changed.get(Path(os.path.normpath(site / row[0]))) if row and row[0].startswith("..") else None
        if content is not None:
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            row[1:] = [f"sha256={digest}", str(len(content))]
            found = True
    if found:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        record.unlink()
        record.write_text(text.getvalue(), encoding="utf-8")
