"""The pip engine: uv resolves and installs, our own downloader brings the files between the two.

uv has no progress that a program can read and is not transactional; so its resolver gives a lock (exact files, sizes,
hashes), `download` fetches it with progress and resume, and uv links the result into a staging folder without network.
"""

from __future__ import annotations

import queue
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.explain import explain
from aienv_gui.core.processes import Outcome, clean_environment, run
from aienv_gui.core.storage import Folders, free_bytes, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, duration, tr, tr_count
from aienv_gui.environments import accelerators, download
from aienv_gui.environments.integrity import site_packages, verify
from aienv_gui.environments.interpreters import BaseInterpreter, base_interpreters, interpreter_of
from aienv_gui.environments.pylock import local_wheels, parse_lock, unpacked_bytes
from aienv_gui.environments.records import PackageProgress, PackageState, Plan, PlannedFile, Request, Sources

_LIMIT_S: Final = 3600.0
_VENV: Final = ("venv", "--no-config", "--no-project", "--relocatable")
_INSTALL: Final = ("pip", "install", "--no-config", "--offline", "--no-index", "--no-deps", "--require-hashes")
_BUILD: Final = ("build", "--no-config", "--wheel")
_PYTORCH: Final = {"torch", "torchvision", "torchaudio"}


@cache
def uv_program() -> Path:
    """The uv program that comes with our own dependencies; one on the PATH where it does not."""
    import uv  # a small package of its own; only this function needs it

    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError as error:
        found = shutil.which("uv")
        if found is None:
            raise Problem(
                tr("The program uv is missing."),
                cause=tr("AIEnv's own installation is not complete: uv installs the packages."),
                cure=tr("Install AIEnv again."),
                code="no_uv",
            ) from error
        return Path(found)


def choose_interpreter(version: str) -> BaseInterpreter:
    """The interpreter of this machine for a Python version (``3.11`` or ``3.11.7``). Raises `Problem` without one."""
    available = base_interpreters()
    for base in available:
        if base.version == version or base.minor == version or version == base.version.rsplit(".", 1)[0]:
            return base
    raise Problem(
        tr("Python {version} is not on this computer.", version=version),
        cause=tr("Found are: {versions}.", versions=", ".join(base.version for base in available)),
        cure=tr("Choose one of these versions, or install Python {version}.", version=version),
        code="no_python",
    )


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a resolver run found: the exact files, the lock's text, and what the user should know about it."""

    files: tuple[PlannedFile, ...]
    lock: str
    notes: tuple[Text, ...] = ()


class UvBackend:
    """Implements `backend.Backend` with uv."""

    def plan(self, request: Request, sources: Sources, folders: Folders, reporter: Reporter) -> Plan:
        interpreter = choose_interpreter(request.python)
        resolution = resolve(request, request.requirements, interpreter, sources, folders, reporter)
        reporter.status(tr("Adding up sizes"))
        files = measured(resolution.files, sources, folders)
        notes = (
            tr("Made from Python {version} at {path}.", version=interpreter.version, path=interpreter.path),
            *resolution.notes,
            *_remarks(request, files),
        )
        return Plan(
            request=request,
            files=files,
            interpreter=interpreter.path,
            download_bytes=sum(file.size_bytes or 0 for file in files if not file.cached),
            installed_bytes=sum(unpacked_bytes(file, folders) for file in files),
            free_bytes=free_bytes(folders.environments),
            notes=notes,
            lock={"pylock": resolution.lock},
        )

    def fetch(self, plan: Plan, sources: Sources, folders: Folders, reporter: Reporter) -> None:
        download.fetch(plan.files, _joined(sources, plan.request), folders, reporter)
        for file in plan.files:
            if not file.filename.endswith(".whl"):
                build_wheel(file, plan.interpreter or Path(sys.executable), sources, folders, reporter)

    def install(self, plan: Plan, staging: Path, final: Path, folders: Folders, reporter: Reporter) -> None:
        assert plan.interpreter is not None
        reporter.status(tr("Making the environment"))
        _uv(
            [*_VENV, "--python", plan.interpreter, "--prompt", final.name, staging],
            folders,
            reporter,
            what=tr("The environment could not be made."),
        )
        install_files(plan.files, staging, folders, reporter)

    def verify(self, prefix: Path) -> tuple[Text, ...]:
        """What is wrong with the files of a built environment; nothing where all is well."""
        return tuple(fault.text for fault in verify(prefix))


def resolve(
    request: Request,
    requirements: Sequence[str],
    interpreter: BaseInterpreter,
    sources: Sources,
    folders: Folders,
    reporter: Reporter,
    *,
    python_version: str = "",
    excluded: tuple[str, ...] = (),
) -> Resolution:
    """Find the exact files for requirements, with the accelerator's build of PyTorch. Raises `Problem` and `Cancelled`.

    `request` gives the accelerator, the constraints, the hashes and further places; it may be a conda request whose pip
    part is resolved: then `python_version` is the Python that will be there (the interpreter only tells the
    machine) and `excluded` are packages that are there already. Blocks for seconds; the files' sizes may be unknown,
    see `measured`.
    """
    reporter.status(tr("Working out which packages are needed"))
    sources = _joined(sources, request)
    names = {canonicalize_name(_requirement_name(text)) for text in requirements}
    resolver = _Resolver(
        request, tuple(requirements), interpreter, sources, folders, reporter, python_version, excluded
    )
    if names & _PYTORCH:
        return resolver.with_pytorch(None)
    plain = resolver.compile(_Variant())
    # PyTorch may come along with something else (transformers does not name it, accelerate does).
    return resolver.with_pytorch(plain) if any(file.package == "torch" for file in plain.files) else plain


@dataclass(frozen=True, slots=True)
class _Variant:
    """One way to ask for PyTorch: uv's further arguments, further constraints, and what to tell."""

    arguments: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    note: Text | None = None


@dataclass(frozen=True, slots=True)
class _Resolver:
    request: Request
    requirements: tuple[str, ...]
    interpreter: BaseInterpreter
    sources: Sources
    folders: Folders
    reporter: Reporter
    python_version: str = ""
    excluded: tuple[str, ...] = ()

    @property
    def _minor(self) -> str:
        return ".".join((self.python_version or self.interpreter.version).split(".")[:2])

    def with_pytorch(self, plain: Resolution | None) -> Resolution:
        """Try the ways to get the right build, best first. `plain` is what the index gives by itself, where known."""
        variants = list(self._variants())
        for position, variant in enumerate(variants):
            last = position == len(variants) - 1
            try:
                return plain if plain is not None and variant == _Variant() else self.compile(variant)
            except Problem as problem:
                # Without the ordinary index nothing works; PyTorch's own may be missing alone.
                if last or (problem.code == "no_network" and not variant.arguments):
                    raise
        raise AssertionError("there is always one way")

    def _variants(self) -> Iterator[_Variant]:
        accelerator = self.request.accelerator
        limits = accelerators.constraints(accelerator)
        linux = sys.platform == "linux"
        if accelerator == accelerators.CPU:
            for version in self._local_cpu_builds():
                yield _Variant(
                    constraints=(f"torch=={version}",),
                    note=tr("PyTorch {version} is the CPU-only build found on this computer.", version=version),
                )
            if linux and not self.sources.no_index:
                yield _Variant(("--torch-backend", "cpu"), note=tr("PyTorch is the CPU-only build."))
            heavy = linux and not self.sources.no_index
            yield _Variant(note=_heavy_note() if heavy else None)
            return
        not_cpu = tuple(f"torch!={version}" for version in self._local_cpu_builds())
        newest = accelerator == accelerators.choices()[1].id if len(accelerators.choices()) > 1 else True
        if linux and newest:  # what the ordinary index has for Linux is the newest CUDA build
            yield _Variant(constraints=(*limits, *not_cpu))
        if not self.sources.no_index:
            yield _Variant(
                ("--torch-backend", accelerator),
                (*limits, *not_cpu),
                note=tr("PyTorch is the build for {accelerator}.", accelerator=accelerator),
            )
        elif not (linux and newest):
            yield _Variant(constraints=(*limits, *not_cpu))

    def _local_cpu_builds(self) -> list[str]:
        """Versions of CPU-only torch wheels in the folders of the sources that suit the interpreter, newest first."""
        return local_wheels("torch", "cpu", self.sources.find_links, self._minor)

    def compile(self, variant: _Variant) -> Resolution:
        """One run of the resolver; a second where a package exists as source code only."""
        note = (variant.note,) if variant.note is not None else ()
        try:
            found = self._run(variant, only_wheels=True)
        except Problem as problem:
            if problem.code != "source_only":
                raise
            found = self._run(variant, only_wheels=False)
        return replace(found, notes=note)

    def _run(self, variant: _Variant, *, only_wheels: bool) -> Resolution:
        with tempfile.TemporaryDirectory(prefix="aienv-plan-", ignore_cleanup_errors=True) as folder:
            asked = Path(folder) / "requirements.in"
            asked.write_text("\n".join(self.requirements) + "\n", encoding="utf-8")
            limits = Path(folder) / "constraints.txt"
            limits.write_text("\n".join((*self.request.constraints, *variant.constraints)) + "\n", encoding="utf-8")
            command: list[str | Path] = ["pip", "compile", "--quiet", "--no-header", "--format", "pylock.toml"]
            command += ["--python", self.interpreter.path, "--constraint", limits]
            command += ["--python-version", self.python_version] if self.python_version else []
            if self.excluded:
                excludes = Path(folder) / "excludes.txt"
                excludes.write_text("\n".join(self.excluded) + "\n", encoding="utf-8")
                command += ["--excludes", excludes]
            command += ["--only-binary", ":all:"] if only_wheels else []
            command += [*variant.arguments, *source_arguments(self.sources), asked]
            outcome = _uv(
                command,
                self.folders,
                self.reporter,
                what=tr("The packages could not be planned."),
                sources=self.sources,
            )
            files = parse_lock(outcome.stdout, Path(folder), self._minor)
        _check_hashes(files, self.request)
        return Resolution(files, outcome.stdout)


def _heavy_note() -> Text:
    return tr(
        "PyTorch's CPU-only build could not be reached; the ordinary build brings NVIDIA's libraries along, about 3 GB."
    )


def measured(files: Sequence[PlannedFile], sources: Sources, folders: Folders) -> tuple[PlannedFile, ...]:
    """The same files with their sizes where they can be learned, and whether they need no download."""
    result: list[PlannedFile] = []
    for file in files:
        local = download.local_path(file.url)
        here = download.cached(file, folders) or (local if local is not None and local.is_file() else None)
        length = here.stat().st_size if here is not None else file.size_bytes
        result.append(replace(file, size_bytes=length, cached=here is not None))
    unknown = [file for file in result if file.size_bytes is None]
    sizes = download.remote_sizes(unknown, sources) if unknown else {}
    return tuple(replace(file, size_bytes=sizes[file]) if file in sizes else file for file in result)


def source_arguments(sources: Sources) -> list[str]:
    """uv's arguments for where packages come from."""
    arguments: list[str] = []
    if sources.no_index:
        arguments.append("--no-index")
    elif sources.index_url:
        arguments += ["--default-index", sources.index_url]
    for url in () if sources.no_index else sources.extra_index_urls:
        arguments += ["--index", url]
    if sources.extra_index_urls and not sources.no_index:
        arguments += ["--index-strategy", "unsafe-best-match"]  # as pip does, whose configuration this mostly is
    for place in sources.find_links:
        arguments += ["--find-links", place]
    return arguments


def install_files(files: Sequence[PlannedFile], prefix: Path, folders: Folders, reporter: Reporter) -> None:
    """Link fetched files into the environment `prefix` (a venv or a conda prefix), without network and dependencies.

    Reports each package's row. Raises `Problem` and `Cancelled`.
    """
    if not files:
        return
    reporter.status(tr_count("Installing {count} package", "Installing {count} packages", len(files)))
    lines: list[str] = []
    for file in files:
        wheel = _fetched_wheel(file, folders)
        version = wheel.name.split("-")[1]
        lines.append(f"--find-links {wheel.parent.as_uri()}")
        lines.append(f"{file.package}=={version} --hash=sha256:{download.noted_hash(wheel)}")
    python = interpreter_of(prefix)
    with tempfile.TemporaryDirectory(prefix="aienv-install-", ignore_cleanup_errors=True) as folder:
        exact = Path(folder) / "requirements.txt"
        exact.write_text("\n".join(lines) + "\n", encoding="utf-8")
        watch = _Watch(prefix, files, reporter)
        _uv(
            [*_INSTALL, "--python", python, "-r", exact],
            folders,
            reporter,
            what=tr("The packages could not be installed."),
            meanwhile=watch.look,
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
    """Make a wheel from a fetched source archive, once. Runs the package's own build in a folder of its own."""
    existing = _built_wheel(file, folders)
    if existing is not None:
        return existing
    archive = download.cached(file, folders)
    assert archive is not None, "fetched before"
    reporter.status(tr("Building {package} from its source code", package=file.package))
    into = archive.parent / "built"
    with tempfile.TemporaryDirectory(prefix="aienv-build-", ignore_cleanup_errors=True) as folder:
        _uv(
            [*_BUILD, "--python", python, "--out-dir", folder, *source_arguments(sources), archive],
            folders,
            reporter,
            what=tr("{package} could not be built from its source code.", package=file.package),
            sources=sources,
        )
        wheel = next(Path(folder).glob("*.whl"))
        try:
            shutil.copyfile(wheel, into.with_suffix(".part"))
            download.keep(into.with_suffix(".part"), into / wheel.name, download.sha256_of(wheel))
        except OSError as error:
            raise writing_failed(error, into) from error
    return into / wheel.name


def _built_wheel(file: PlannedFile, folders: Folders) -> Path | None:
    archive = download.cached(file, folders)
    return next(iter(sorted((archive.parent / "built").glob("*.whl"))), None) if archive is not None else None


def _fetched_wheel(file: PlannedFile, folders: Folders) -> Path:
    found = download.cached(file, folders) if file.filename.endswith(".whl") else _built_wheel(file, folders)
    if found is None:
        raise Problem(
            tr("{file} is not there any more.", file=file.filename),
            cause=tr("It was downloaded, but has been removed since."),
            cure=tr("Try again; the file is downloaded anew."),
            code="file_gone",
        )
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


def _uv(
    arguments: Sequence[str | Path],
    folders: Folders,
    reporter: Reporter,
    *,
    what: Text,
    sources: Sources | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run uv to its end. `what` is the title of the problem that is raised where it fails. Raises `Cancelled`."""
    environment = {
        "UV_CACHE_DIR": str(folders.cache / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "UV_HTTP_RETRIES": "1",
        "NO_COLOR": "1",
    }
    if sources is not None and sources.certificate:
        environment["SSL_CERT_FILE"] = sources.certificate
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()  # they come in other threads, the reporter belongs to this one
    logged = "compile" not in arguments  # the resolver's output is the lock

    def poll() -> bool:
        while not lines.empty():
            reporter.log(lines.get())
        meanwhile()
        return reporter.cancelled

    try:
        folders.cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(error, folders.cache / "uv") from error
    outcome = run(
        [uv_program(), *arguments],
        timeout_s=_LIMIT_S,
        environment=clean_environment(environment),
        folder=folders.cache,
        on_line=lines.put if logged else None,
        cancelled=poll,
    )
    poll()
    if outcome.cancelled:
        raise Cancelled
    if outcome.timed_out:
        raise Problem(
            what,
            cause=tr("It took more than {limit}.", limit=duration(_LIMIT_S)),
            cure=tr("Check the internet connection and try again."),
            details=outcome.stderr[-4000:],
            code="timed_out",
        )
    if outcome.code != 0:
        raise explain(outcome.stderr or outcome.stdout, what=what)
    return outcome


def _joined(sources: Sources, request: Request) -> Sources:
    """The user's sources with those a requirements file names before them."""
    return replace(
        sources,
        extra_index_urls=tuple(dict.fromkeys(request.index_urls + sources.extra_index_urls)),
        find_links=tuple(dict.fromkeys(request.find_links + sources.find_links)),
    )


def _requirement_name(text: str) -> str:
    try:
        return Requirement(text).name
    except InvalidRequirement as error:
        raise Problem(
            tr("“{text}” is not a package's name.", text=text),
            cause=tr("A package is named as in numpy, numpy>=2 or numpy==2.1, several with commas between."),
            cure=tr("Correct or remove it."),
            code="bad_package",
        ) from error


def _check_hashes(files: Sequence[PlannedFile], request: Request) -> None:
    """Hold the files against the hashes a requirements file insists on."""
    wanted: dict[str, set[str]] = {}
    for package, digest in request.hashes:
        wanted.setdefault(canonicalize_name(package), set()).add(digest)
    for file in files:
        allowed = {digest for digest in wanted.get(canonicalize_name(file.package), set()) if "sha256:" in digest}
        if allowed and f"sha256:{file.sha256}" not in allowed:
            raise Problem(
                tr("{package} is not the file that was asked for.", package=file.package),
                cause=tr(
                    "None of the hashes in {file} is that of {found}.", file=request.source_file, found=file.filename
                ),
                cure=tr("Take the hashes from a source you trust, or take them away."),
                code="hash",
            )


def _remarks(request: Request, files: Sequence[PlannedFile]) -> Iterator[Text]:
    """What the user should know about the files."""
    if request.index_urls:
        hosts = ", ".join(sorted({urlsplit(url).hostname or url for url in request.index_urls}))
        yield tr("{file} asks for packages from {hosts}.", file=Path(request.source_file).name, hosts=hosts)
    from_source = [file.package for file in files if not file.filename.endswith(".whl")]
    if from_source:
        yield tr("Built here from source code, which may take long: {packages}.", packages=", ".join(from_source))
    builds = {file.package: file.version.partition("+")[2] for file in files if file.package in _PYTORCH}
    for package in ("torchvision", "torchaudio"):
        if package in builds and builds[package] != builds.get("torch", ""):
            yield tr("{package} is another build than PyTorch and may not work with it.", package=package)
