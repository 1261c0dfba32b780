"""The pip engine: uv resolves and installs, our own downloader brings the files between the two.

uv has no progress that a program can read and is not transactional; so its resolver gives a lock (exact files, sizes,
hashes), `download` fetches it with progress and resume, and uv links the result into a staging folder without network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders, free_bytes, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, size, tr, tr_count
from aienv_gui.environments.discovery.interpreters import (
    BaseInterpreter,
    base_interpreters,
    full_version,
    interpreter_of,
)
from aienv_gui.environments.health.integrity import Fault, site_packages, verify, whole_or_not
from aienv_gui.environments.manifest import Manifest
from aienv_gui.environments.records import (
    Former,
    PackageProgress,
    PackageState,
    Plan,
    PlannedFile,
    PythonBuild,
    Request,
    Sources,
)
from aienv_gui.environments.sources import download
from aienv_gui.environments.uv import python_builds
from aienv_gui.environments.uv.command import joined, run_uv, source_arguments
from aienv_gui.environments.uv.locked import locked
from aienv_gui.environments.uv.pylock import unpacked_bytes
from aienv_gui.environments.uv.resolve import Resolution, choose_interpreter, measured, remarks, resolve

__all__ = ["Resolution", "UvBackend", "build_wheel", "install_files", "measured", "remarks", "resolve"]

_VENV: Final = ("venv", "--no-config", "--no-project", "--relocatable")
_INSTALL: Final = ("pip", "install", "--no-config", "--offline", "--no-index", "--no-deps", "--require-hashes")
_BUILD: Final = ("build", "--no-config", "--wheel")


class UvBackend:
    """Implements `backend.Backend` with uv."""

    def plan(
        self, request: Request, sources: Sources, folders: Folders, reporter: Reporter, former: Former | None = None
    ) -> Plan:
        interpreter, build = _python_for(request, sources, folders, reporter)
        version = build.version if build is not None else ""
        if request.lock:
            resolution = locked(request, replace(interpreter, version=version or interpreter.version))
        else:
            resolution = resolve(
                request,
                request.requirements,
                interpreter,
                sources,
                folders,
                reporter,
                python_version=version,
                preferred=former.packages if former is not None else (),
            )
        reporter.status(tr("Adding up sizes"))
        files = measured(resolution.files, sources, folders)
        notes = (_python_note(interpreter, build, folders), *resolution.notes, *remarks(request, files))
        return _plan(request, interpreter, build, files, notes, {"pylock": resolution.lock}, folders)

    def plan_of_lock(self, manifest: Manifest, sources: Sources, folders: Folders, reporter: Reporter) -> Plan:
        request = manifest.request
        interpreter, build = _python_for(request, sources, folders, reporter)
        reporter.status(tr("Adding up sizes"))
        files = measured(manifest.files, joined(sources, request), folders)
        notes = (_python_note(interpreter, build, folders),)
        return _plan(request, interpreter, build, files, notes, dict(manifest.lock or {}), folders)

    def fetch(self, plan: Plan, sources: Sources, folders: Folders, reporter: Reporter) -> None:
        if plan.python_build is not None:
            python_builds.bring(plan.python_build, sources, folders, reporter)
        sources = joined(sources, plan.request)
        download.fetch(plan.files, sources, folders, reporter)
        for file in plan.files:
            if not file.filename.endswith(".whl"):
                build_wheel(file, plan.interpreter or Path(sys.executable), sources, folders, reporter)

    def install(self, plan: Plan, staging: Path, final: Path, folders: Folders, reporter: Reporter) -> None:
        assert plan.interpreter is not None
        reporter.status(tr("Making the environment"))
        run_uv(
            [*_VENV, "--python", plan.interpreter, "--prompt", final.name, staging],
            folders,
            reporter,
            what=tr("The environment could not be made."),
            own_group=False,
        )
        install_files(plan.files, staging, folders, reporter, base=plan.interpreter)

    def verify(self, prefix: Path) -> tuple[Fault, ...]:
        return whole_or_not(verify(prefix))

    def distrust(self, packages: Collection[str], plan: Plan, folders: Folders, reporter: Reporter) -> None:
        distrust(packages, plan.files, folders, reporter)


def _plan(
    request: Request,
    interpreter: BaseInterpreter,
    build: PythonBuild | None,
    files: tuple[PlannedFile, ...],
    notes: tuple[Text, ...],
    lock: dict[str, Any],
    folders: Folders,
) -> Plan:
    download_bytes = sum(file.size_bytes or 0 for file in files if not file.cached)
    installed_bytes = sum(unpacked_bytes(file, folders) for file in files)
    if build is not None:
        download_bytes += 0 if python_builds.is_here(build, folders) else python_builds.archive_bytes(build)
        installed_bytes += python_builds.unpacked_bytes(build)
    return Plan(
        request=request,
        files=files,
        interpreter=python_builds.interpreter_of(build, folders) if build is not None else interpreter.path,
        download_bytes=download_bytes,
        installed_bytes=installed_bytes,
        free_bytes=free_bytes(folders.environments),
        notes=notes,
        lock=lock,
        python_build=build,
    )


def distrust(packages: Collection[str], files: Sequence[PlannedFile], folders: Folders, reporter: Reporter) -> None:
    """Let uv forget what it unpacked of these packages, and our own note that their wheels have been checked."""
    names = {canonicalize_name(package) for package in packages}
    named = [file for file in files if canonicalize_name(file.package) in names]
    if not named:
        return
    for file in named:
        download.check_again(file, folders)
    run_uv(
        ["cache", "clean", "--no-config", *(file.package for file in named)],
        folders,
        reporter,
        what=tr("The store of packages could not be cleaned."),
        own_group=False,
    )


def _python_for(
    request: Request, sources: Sources, folders: Folders, reporter: Reporter
) -> tuple[BaseInterpreter, PythonBuild | None]:
    """The Python to make an environment from; where it is not here, another to plan with, and what will be brought."""
    try:
        return choose_interpreter(request.python, folders), None
    except Problem as problem:
        if problem.code != "no_python":
            raise
        any_here = base_interpreters(folders.pythons)
        build = python_builds.find(request.python, sources, folders, reporter) if any_here else None
        if build is None:
            raise
        if sources.offline and not python_builds.is_here(build, folders):
            raise Problem(
                problem.title,
                cause=tr("It would be downloaded, but AIEnv is set to work offline."),
                cure=tr("Choose another version, or switch off working offline in the settings."),
                actions=(Action("open_settings", tr("Open settings")),),
                code="no_python",
            ) from problem
        return any_here[0], build


def _python_note(interpreter: BaseInterpreter, build: PythonBuild | None, folders: Folders) -> Text:
    if build is None:
        return tr("Made from Python {version} at {path}.", version=interpreter.version, path=interpreter.path)
    if python_builds.is_here(build, folders):
        return tr("Python {version} is unpacked first; it was downloaded before.", version=build.version)
    host = urlsplit(build.url).hostname or ""
    if build.size_bytes is None:
        return tr("Python {version} will be downloaded first, from {host}.", version=build.version, host=host)
    return tr(
        "Python {version} will be downloaded first ({size}, from {host}).",
        version=build.version,
        size=size(build.size_bytes),
        host=host,
    )


def install_files(
    files: Sequence[PlannedFile], prefix: Path, folders: Folders, reporter: Reporter, *, base: Path | None = None
) -> None:
    """Link fetched files into the environment `prefix` (a venv or a conda prefix), without network and dependencies.

    `base` is the Python that source archives among them were built with. Reports each package's row. Raises `Problem`
    and `Cancelled`.
    """
    if not files:
        return
    reporter.status(tr_count("Installing {count} package", "Installing {count} packages", len(files)))
    lines: list[str] = []
    for file in files:
        wheel = _fetched_wheel(file, base, folders)
        version = wheel.name.split("-")[1]
        lines.append(f"--find-links {wheel.parent.as_uri()}")
        lines.append(f"{file.package}=={version} --hash=sha256:{download.noted_hash(wheel)}")
    python = interpreter_of(prefix)
    with tempfile.TemporaryDirectory(prefix="aienv-install-", ignore_cleanup_errors=True) as folder:
        exact = Path(folder) / "requirements.txt"
        exact.write_text("\n".join(lines) + "\n", encoding="utf-8")
        watch = _Watch(prefix, files, reporter)
        run_uv(
            [*_INSTALL, "--python", python, "-r", exact],
            folders,
            reporter,
            what=tr("The packages could not be installed."),
            meanwhile=watch.look,
            own_group=False,
        )
        watch.look(now=True)
        if watch.missing:
            raise Problem(
                tr("The packages could not be installed."),
                cause=tr("Some did not arrive: {packages}.", packages=", ".join(watch.missing)),
                cure=tr("Try again. If it happens again, check the disk."),
                code="not_whole",
            )


def build_wheel(file: PlannedFile, python: Path, sources: Sources, folders: Folders, reporter: Reporter) -> Path:
    """Make a wheel from a fetched source archive, once for each Python. Runs the package's build in its own folder."""
    existing = _built_wheel(file, python, folders)
    if existing is not None:
        return existing
    archive = download.cached(file, folders)
    assert archive is not None, "fetched before"
    reporter.status(tr("Building {package} from its source code", package=file.package))
    into = _built_folder(archive, python)
    with tempfile.TemporaryDirectory(prefix="aienv-build-", ignore_cleanup_errors=True) as folder:
        run_uv(
            [*_BUILD, "--python", python, "--out-dir", folder, *source_arguments(sources), archive],
            folders,
            reporter,
            what=tr("{package} could not be built from its source code.", package=file.package),
            sources=sources,
            meanwhile=lambda: reporter.progress(0, None),  # nobody knows how long: the downloads' full bar would lie
            own_group=False,
        )
        wheel = next(Path(folder).glob("*.whl"))
        try:
            part = into.with_name(f"{into.name}.{os.getpid()}.part")  # two builds may make it at once
            shutil.copyfile(wheel, part)
            download.keep(part, into / wheel.name, download.sha256_of(wheel))
        except OSError as error:
            raise writing_failed(error, into) from error
    return into / wheel.name


def _built_folder(archive: Path, python: Path) -> Path:
    """Where the wheel that `python` made of an archive lies: compiled for one version, it is of no use to another."""
    version = full_version(python)
    minor = ".".join(version.split(".")[:2])
    return archive.parent / f"built-{minor or hashlib.sha256(os.fsencode(python)).hexdigest()[:8]}"


def _built_wheel(file: PlannedFile, python: Path, folders: Folders) -> Path | None:
    archive = download.cached(file, folders)
    return next(iter(_built_folder(archive, python).glob("*.whl")), None) if archive is not None else None


def _fetched_wheel(file: PlannedFile, base: Path | None, folders: Folders) -> Path:
    found = download.cached(file, folders)
    if not file.filename.endswith(".whl"):
        found = _built_wheel(file, base, folders) if base is not None else None
    if found is None:
        raise download.removed(file)
    return found


class _Watch:
    """Counts the packages that have arrived in an environment: uv itself tells nothing a program can read."""

    def __init__(self, prefix: Path, files: Sequence[PlannedFile], reporter: Reporter) -> None:
        self._prefix = prefix
        self._waiting = {canonicalize_name(file.package): file for file in files}
        self._count = len(files)
        self._reporter = reporter
        self._next = 0.0

    @property
    def missing(self) -> list[str]:
        """The packages that have not arrived at the last look."""
        return sorted(self._waiting)

    def look(self, *, now: bool = False) -> None:
        """Report what is new, a few times a second."""
        if not now and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.2
        for site in site_packages(self._prefix):
            for record in site.glob("*.dist-info/RECORD"):
                file = self._waiting.pop(canonicalize_name(record.parent.name.split("-")[0]), None)
                if file is not None:
                    length = file.size_bytes
                    self._reporter.partial(PackageProgress(file.package, PackageState.INSTALLED, length or 0, length))
        self._reporter.progress(self._count - len(self._waiting), self._count)
