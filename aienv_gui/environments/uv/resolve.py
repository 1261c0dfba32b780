"""Finds the exact files of a pip environment with uv's resolver, and the build of PyTorch that suits the machine."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Problem
from aienv_gui.core.explain import UNREACHABLE
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments import accelerators
from aienv_gui.environments.discovery.interpreters import BaseInterpreter, base_interpreters
from aienv_gui.environments.records import Package, PlannedFile, Request, Sources
from aienv_gui.environments.sources import download
from aienv_gui.environments.sources.addresses import without_password
from aienv_gui.environments.uv.command import TORCH_INDEX, joined, run_uv, source_arguments
from aienv_gui.environments.uv.pylock import local_wheels, parse_lock

_PYTORCH: Final = {"torch", "torchvision", "torchaudio"}
_MOST: Final = 6  # packages that a note names


def choose_interpreter(version: str, folders: Folders) -> BaseInterpreter:
    """The interpreter of this machine for a Python version (``3.11`` or ``3.11.7``). Raises `Problem` without one."""
    available = base_interpreters(folders.pythons)
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
    preferred: tuple[Package, ...] = (),
) -> Resolution:
    """Find the exact files for requirements, with the accelerator's build of PyTorch. Raises `Problem` and `Cancelled`.

    `request` gives the accelerator, the constraints, the hashes and further places; it may be a conda request whose pip
    part is resolved: then `python_version` is the Python that will be there (the interpreter only tells the
    machine) and `excluded` are packages that are there already. Packages that are `preferred` keep that version where
    nothing is against it. Blocks for seconds; the files' sizes may be unknown,
    see `measured`.
    """
    reporter.status(tr("Working out which packages are needed"))
    sources = joined(sources, request)
    names = {canonicalize_name(_requirement_name(text)) for text in requirements}
    resolver = _Resolver(
        request, tuple(requirements), interpreter, sources, folders, reporter, python_version, excluded, preferred
    )
    try:
        if names & _PYTORCH:
            return resolver.with_pytorch(None)
        plain = resolver.compile(_Variant())
        # PyTorch may come along with something else (transformers does not name it, accelerate does).
        return resolver.with_pytorch(plain) if any(file.package == "torch" for file in plain.files) else plain
    except Problem as problem:
        raise _of_the_file(problem, request, requirements) from problem


@dataclass(frozen=True, slots=True)
class _Variant:
    """One way to ask for PyTorch: uv's further arguments, further constraints, and what to tell."""

    arguments: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    note: Text | None = None
    torch_index: str = ""  # where PyTorch's packages come from, and nothing else
    flat: bool = False  # that is one page with all files, as some mirrors have it, and not an index


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
    preferred: tuple[Package, ...] = ()

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
                if last or (problem.code in UNREACHABLE and not variant.arguments and not variant.torch_index):
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
                yield self._official_build("cpu", (), tr("PyTorch is the CPU-only build."))
            heavy = linux and not self.sources.no_index
            yield _Variant(note=_heavy_note() if heavy else None)
            return
        not_cpu = tuple(f"torch!={version}" for version in self._local_cpu_builds())
        newest = accelerator == accelerators.choices()[1].id if len(accelerators.choices()) > 1 else True
        if linux and newest:  # what the ordinary index has for Linux is the newest CUDA build
            yield _Variant(constraints=(*limits, *not_cpu))
        if not self.sources.no_index:
            note = tr("PyTorch is the build for {accelerator}.", accelerator=accelerator)
            yield self._official_build(accelerator, (*limits, *not_cpu), note)
        elif not (linux and newest):
            yield _Variant(constraints=(*limits, *not_cpu))

    def _official_build(self, accelerator: str, constraints: tuple[str, ...], note: Text) -> _Variant:
        """PyTorch's own build, from the user's mirror where there is one: uv knows of none for its --torch-backend."""
        mirror = self.sources.torch_index_url
        if not mirror:
            return _Variant(("--torch-backend", accelerator), constraints, note)
        return _Variant((), constraints, note, torch_index=f"{mirror.rstrip('/')}/{accelerator}")

    def _local_cpu_builds(self) -> list[str]:
        """Versions of CPU-only torch wheels in the folders of the sources that suit the interpreter, newest first."""
        return local_wheels("torch", "cpu", self.sources.find_links, self._minor)

    def compile(self, variant: _Variant) -> Resolution:
        """One run of the resolver; a second where a package exists as source code only."""
        note = (variant.note,) if variant.note is not None else ()
        if variant.torch_index:
            return replace(self._from_mirror(variant), notes=note)
        return replace(self._wheels_or_source(variant), notes=note)

    def _wheels_or_source(self, variant: _Variant, pinned: frozenset[str] = frozenset()) -> Resolution:
        try:
            return self._run(variant, pinned, only_wheels=True)
        except Problem as problem:
            if problem.code != "source_only" or ":all:" in self.request.only_binary:
                raise
        return self._run(variant, pinned, only_wheels=False)

    def _from_mirror(self, variant: _Variant) -> Resolution:
        """PyTorch's packages from a mirror of its own index, all others from the package index.

        uv takes only what is asked for by name from such a place: what else of PyTorch comes along is named then.
        """
        named = frozenset({canonicalize_name(_requirement_name(text)) for text in self.requirements} & _PYTORCH)
        pinned: frozenset[str] = named | {"torch"}
        while True:
            try:
                found = self._wheels_or_source(variant, pinned)
            except Problem as problem:
                if variant.flat or problem.code in UNREACHABLE:
                    raise
                # Such a page tells no hashes: uv fetches the files whole to work them out.
                self.reporter.status(tr("Reading PyTorch's packages from a mirror without an index, which takes long"))
                variant = replace(variant, torch_index=f"{variant.torch_index}/", flat=True)
                try:
                    found = self._wheels_or_source(variant, pinned)
                except Problem:
                    raise problem from None
            more = frozenset(file.package for file in found.files if file.package in _PYTORCH)
            if more <= pinned:
                return found
            pinned |= more

    def _run(self, variant: _Variant, pinned: frozenset[str], *, only_wheels: bool) -> Resolution:
        with tempfile.TemporaryDirectory(prefix="aienv-plan-", ignore_cleanup_errors=True) as folder:
            asked = self._written(Path(folder), variant, pinned)
            limits = Path(folder) / "constraints.txt"
            limits.write_text("\n".join((*self.request.constraints, *variant.constraints)) + "\n", encoding="utf-8")
            command: list[str | Path] = ["pip", "compile", "--quiet", "--no-header", "--format", "pylock.toml"]
            command += ["--python", self.interpreter.path, "--constraint", limits]
            command += ["--python-version", self.python_version] if self.python_version else []
            if self.excluded:
                excludes = Path(folder) / "excludes.txt"
                excludes.write_text("\n".join(self.excluded) + "\n", encoding="utf-8")
                command += ["--excludes", excludes]
            only_wheels = only_wheels and ":all:" not in self.request.no_binary
            command += ["--only-binary", ":all:"] if only_wheels else []
            if self.preferred:  # uv keeps to the versions in the file that it is about to write
                found = Path(folder) / "pylock.toml"
                found.write_text(_as_lock(self.preferred), encoding="utf-8")
                command += ["--output-file", found]
            command += ["--prerelease", "allow"] if self.request.prereleases else []
            for option, names in (("--only-binary", self.request.only_binary), ("--no-binary", self.request.no_binary)):
                for name in names:
                    command += [option, name]
            command += [*variant.arguments, *source_arguments(self.sources), asked]
            outcome = run_uv(
                command,
                self.folders,
                self.reporter,
                what=tr("The packages could not be planned."),
                sources=self.sources,
                logged=False,  # what it prints is the lock
            )
            lock = found.read_text(encoding="utf-8") if self.preferred else outcome.stdout
            files = parse_lock(lock, Path(folder), self._minor)
        _check_hashes(files, self.request)
        return Resolution(files, lock)

    def _written(self, folder: Path, variant: _Variant, pinned: frozenset[str]) -> Path:
        """The file uv reads: requirements; with a place for PyTorch's packages a project, as only that can say so."""
        if not variant.torch_index:
            asked = folder / "requirements.in"
            asked.write_text("\n".join(self.requirements) + "\n", encoding="utf-8")
            return asked
        project = folder / "pyproject.toml"
        dependencies = [*self.requirements, *sorted(pinned)]
        lines = ["[project]", 'name = "aienv-plan"', 'version = "0"', 'requires-python = ">=3.9"']
        lines += [f"dependencies = {json.dumps(dependencies)}", "[[tool.uv.index]]", f'name = "{TORCH_INDEX}"']
        lines += [f"url = {json.dumps(without_password(variant.torch_index))}", "explicit = true"]
        lines += ['format = "flat"'] if variant.flat else []
        lines += ["[tool.uv.sources]", *(f'{name} = {{ index = "{TORCH_INDEX}" }}' for name in sorted(pinned))]
        project.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return project


def _as_lock(packages: Sequence[Package]) -> str:
    entries = "".join(
        f"[[packages]]\nname = {json.dumps(package.name)}\nversion = {json.dumps(package.version)}\n"
        for package in packages
    )
    return f'lock-version = "1.0"\ncreated-by = "aienv"\n{entries}'


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


def _hosts(urls: Sequence[str]) -> str:
    servers = [download.server_of(url) for url in urls]
    return ", ".join(sorted({server[1] if server else url for server, url in zip(servers, urls, strict=True)}))


def remarks(request: Request, files: Sequence[PlannedFile]) -> Iterator[Text]:
    """What the user should know about the files."""
    file_name = Path(request.source_file).name
    if request.no_index and not request.lock:
        yield tr("{file} wants no package index: only folders and pages with packages are used.", file=file_name)
    elif request.index_url:
        yield tr(
            "{file} takes {hosts} in place of your package indexes.", file=file_name, hosts=_hosts([request.index_url])
        )
    if request.index_urls and not request.no_index:
        yield tr("{file} asks for packages from {hosts}.", file=file_name, hosts=_hosts(request.index_urls))
    elsewhere = _of_elsewhere(request)
    if elsewhere and not request.lock:
        yield tr(
            "Left out, for they are not for Python {python} on this system: {packages}.",
            python=request.python,
            packages=", ".join(elsewhere[:_MOST]) + (" …" if len(elsewhere) > _MOST else ""),
        )
    from_source = [file.package for file in files if not file.filename.endswith(".whl")]
    if from_source:
        yield tr("Built here from source code, which may take long: {packages}.", packages=", ".join(from_source))
    builds = {file.package: file.version.partition("+")[2] for file in files if file.package in _PYTORCH}
    for package in ("torchvision", "torchaudio"):
        if package in builds and builds[package] != builds.get("torch", ""):
            yield tr("{package} is another build than PyTorch and may not work with it.", package=package)


def _of_elsewhere(request: Request) -> list[str]:
    """The requirements whose markers (``; python_version < "3.8"``) keep them from this environment."""
    minor = ".".join(request.python.split(".")[:2])
    found = []
    for text in (*request.requirements, *request.pip_requirements):
        try:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or "python_full_version" in str(marker):  # the exact release is the solver's affair
                continue
            if not marker.evaluate({"python_version": minor, "extra": ""}):
                found.append(f"{requirement.name} ({marker})")
        except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
            continue
    return found


def _of_the_file(problem: Problem, request: Request, requirements: Sequence[str]) -> Problem:
    """The problem itself; where the server is one that the user's file names, no mirror of the settings helps."""
    places = [request.index_url, *request.index_urls, *request.find_links]
    places += [text.partition("@")[2].partition(";")[0].strip() for text in requirements if " @ " in text]
    hosts = {server[1] for place in places if (server := download.server_of(place)) is not None}
    if problem.code != "no_network" or not any(host and host in str(problem.cause) for host in hosts):
        return problem
    return Problem(
        problem.title,
        cause=problem.cause,
        cure=tr(
            "{file} names this address. Check it there and the internet connection, or take it out of the file.",
            file=Path(request.source_file).name,
        ),
        actions=tuple(action for action in problem.actions if action.name != "open_settings"),
        details=problem.details,
        code=problem.code,
    )
