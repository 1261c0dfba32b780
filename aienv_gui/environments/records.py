"""What the environment part speaks of: environments, requests, plans, verdicts. Frozen data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Action
from aienv_gui.core.wording import Text

BUILT_IN_NAME: Final = "AIEnv"  # what the application's own environment is called


class Maker(StrEnum):
    """Who made an environment."""

    AIENV = "aienv"
    BUILT_IN = "built_in"  # the application's own
    CONDA = "conda"
    VENV = "venv"  # venv, virtualenv, uv, Poetry...
    PYENV = "pyenv"
    SYSTEM = "system"


class Engine(StrEnum):
    """What installs the packages of an environment."""

    UV = "uv"
    CONDA = "conda"


class Form(StrEnum):
    """A file that another computer can build an environment from; the value is its usual name."""

    REQUIREMENTS = "requirements.txt"
    ENVIRONMENT = "environment.yml"
    PYLOCK = "pylock.toml"
    EXPLICIT = "conda-explicit.txt"
    CONDA_LOCK = "conda-lock.yml"
    KIT = "kit"  # a folder with the lock and every file


class Lock(StrEnum):
    """A kind of file that names exact files, from which an environment is built without looking for packages."""

    PYLOCK = "pylock"  # PEP 751
    EXPLICIT = "explicit"  # conda's own list of addresses
    CONDA_LOCK = "conda_lock"
    PIXI = "pixi"
    KIT = "kit"  # a folder of ours, for a computer without network


class VerdictState(StrEnum):
    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, read from its metadata folder's name."""

    name: str  # normalised
    version: str


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python environment on this machine. Its identity is `prefix`."""

    prefix: Path
    python: Path  # the interpreter
    name: str
    maker: Maker
    python_version: str  # "3.11.7", or "" where it could not be read
    packages: tuple[Package, ...] = ()
    size_bytes: int | None = None  # known after a scan
    broken: Text | None = None  # why it cannot be used, where it cannot
    health: tuple[Verdict, ...] = ()  # the verdicts of the last validation
    validated: float | None = None  # when, in seconds since the epoch

    @property
    def removable(self) -> bool:
        """Whether the application may delete it: only what it made."""
        return self.maker is Maker.AIENV

    def version_of(self, package: str) -> str | None:
        return next((p.version for p in self.packages if p.name == package), None)

    @property
    def can_train(self) -> bool:
        """Whether it holds what the training engine imports."""
        names = {p.name for p in self.packages}
        return self.broken is None and {"torch", "numpy", "pillow", "safetensors"} <= names


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of one check of an environment."""

    check: str  # a stable name: interpreter, integrity, agreement, imports, accelerator, computation...
    title: Text
    state: VerdictState
    detail: Text | None = None
    cure: Text | None = None
    actions: tuple[Action, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for; written as ``aienv.json`` beside the environment once it is built."""

    name: str
    engine: Engine
    python: str  # "3.11"
    requirements: tuple[str, ...]  # PEP 508 for uv, match specs for conda
    template: str = ""  # a template's id, where one was chosen
    source_file: str = ""  # the file it was read from, where it was
    accelerator: str = "cpu"  # an id of `accelerators`
    channels: tuple[str, ...] = ()  # conda; empty: those of the settings
    imports: tuple[str, ...] = ()  # modules that validation imports
    pip_requirements: tuple[str, ...] = ()  # the pip: part of an environment.yml
    constraints: tuple[str, ...] = ()  # PEP 508; limit versions without asking for the package (-c files)
    hashes: tuple[tuple[str, str], ...] = ()  # (normalised package, "sha256:...") a requirements file insists on
    python_specs: tuple[str, ...] = ()  # what a file says of Python, match specs
    index_url: str = ""  # the package index a requirements file takes in place of the user's
    index_urls: tuple[str, ...] = ()  # further package indexes a requirements file names
    find_links: tuple[str, ...] = ()  # further folders or pages with wheels a requirements file names
    no_index: bool = False  # a requirements file wants no package index to be asked
    prereleases: bool = False  # a requirements file wants versions that are not finished too
    only_binary: tuple[str, ...] = ()  # packages to take as wheels only, or ":all:"
    no_binary: tuple[str, ...] = ()  # packages to build from their source code, or ":all:"
    lock: str = ""  # a `Lock`: `source_file` names the exact files, nothing is looked for


@dataclass(frozen=True, slots=True)
class Remark:
    """A line of a file that is not followed as it stands: why, and what is done instead."""

    file: str  # its name
    line: int  # the first is 1
    text: str  # the line, shortened, without passwords
    reason: Text
    instead: Text


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file to install: exact name, place, hash and size."""

    package: str
    version: str
    filename: str
    url: str  # https://..., file:///...
    sha256: str
    size_bytes: int | None  # None where the index does not tell
    cached: bool = False  # nothing to download


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would do; nothing has been changed yet."""

    request: Request
    files: tuple[PlannedFile, ...]
    interpreter: Path | None  # the base Python of a pip environment; None for conda, which brings its own
    download_bytes: int
    installed_bytes: int  # an estimate
    free_bytes: int
    notes: tuple[Text, ...] = ()  # what the user should know: the accelerator build and why, what was left out
    lock: dict[str, Any] = field(default_factory=dict)  # the engine's own lock, opaque to everyone else
    distrusted: tuple[str, ...] = ()  # packages whose unpacked copies in the caches may be damaged: unpacked anew

    @property
    def fits(self) -> bool:
        return self.download_bytes + self.installed_bytes < self.free_bytes


class PackageState(StrEnum):
    """The state of a package's row while an environment is built."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    READY = "ready"
    INSTALLED = "installed"


@dataclass(frozen=True, slots=True)
class PackageProgress:
    """A partial result of a build: one package's row."""

    package: str
    state: PackageState
    done_bytes: int = 0
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A build or a change that was interrupted: its staging folder, and what was asked.

    It can be resumed or discarded; what a change was to replace is as it was before.
    """

    folder: Path
    request: Request
    started: float  # seconds since the epoch
    plan: Plan | None = None
    replacing: Text | None = None  # a change: what the state before it is called in the list of snapshots


@dataclass(frozen=True, slots=True)
class Change:
    """What to change about an environment; all of it together is one change."""

    add: tuple[str, ...] = ()  # as typed: PEP 508 for uv, match specs for conda; also other versions of what is there
    remove: tuple[str, ...] = ()  # names
    update: tuple[str, ...] = ()  # names: to the newest that fits
    update_all: bool = False
    accelerator: str = ""  # an id of `accelerators`: change to this build
    repair: bool = False  # install everything again as its lock says


@dataclass(frozen=True, slots=True)
class Former:
    """What is installed and stays in its version wherever a new plan allows it."""

    packages: tuple[Package, ...] = ()  # the package index's
    records: tuple[Mapping[str, Any], ...] = ()  # conda's, as conda-meta has them


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change does to one package; an empty version means it is not there."""

    package: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What a change would do: `plan` makes the whole environment anew beside the old one, which then becomes undo."""

    environment: Environment
    change: Change
    plan: Plan
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A former state of an environment, to go back to."""

    folder: Path  # holds the whole former environment
    taken: float  # seconds since the epoch
    reason: Text  # what was done after it was taken: "Before numpy was updated"
    packages: tuple[Package, ...]
    kept: bool  # made by the user, or to be kept: not swept when there are many


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packages come from. Empty fields mean the tool's default."""

    index_url: str = ""  # replaces the default package index
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()  # folders or pages with wheels
    certificate: str = ""  # a bundle of certificate authorities, a file
    channels: tuple[str, ...] = ("conda-forge",)  # names, URLs or folders, best first
    no_index: bool = False  # only what `find_links` hold: work without any package index
