"""Writes what an environment holds as a file for another computer: the same packages, by version and by hash."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import write_atomic
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.health.integrity import site_packages
from aienv_gui.environments.manifest import Manifest, read_manifest
from aienv_gui.environments.records import Engine, Environment, Form

_NOT_SHARED = frozenset({"pip", "setuptools", "wheel"})  # every environment has its own


@dataclass(frozen=True, slots=True)
class _CondaPackage:
    name: str
    version: str
    url: str
    md5: str


def forms_of(environment: Environment, reporter: Reporter) -> tuple[Form, ...]:
    """The forms that suit an environment. Reads its ``aienv.json``; never raises."""
    reporter.checkpoint()
    if _is_conda(environment.prefix):
        return (Form.ENVIRONMENT, Form.EXPLICIT)
    if _pylock(environment):
        return (Form.REQUIREMENTS, Form.PYLOCK, Form.ENVIRONMENT)
    return (Form.REQUIREMENTS, Form.ENVIRONMENT)


def export(environment: Environment, form: Form, target: Path, reporter: Reporter) -> Path:
    """Write the file and return where it is. Reads the environment's metadata: well under a second.

    Raises `Problem` where the form does not suit the environment or the disk does not let us write.
    """
    reporter.checkpoint()
    if not environment.prefix.is_dir():
        raise Problem(
            tr("{name} is no longer there.", name=environment.name),
            cause=tr("Its folder {folder} was deleted or moved.", folder=environment.prefix),
            cure=tr("Choose another environment."),
            code="gone",
        )
    writers = {
        Form.REQUIREMENTS: _requirements,
        Form.ENVIRONMENT: _environment_yml,
        Form.PYLOCK: _pylock,
        Form.EXPLICIT: _explicit,
    }
    text = writers[form](environment)
    if not text:
        raise Problem(
            tr("{name} cannot be written as {form}.", name=environment.name, form=form.value),
            cause=tr("It holds nothing that such a file could name."),
            cure=tr("Choose another form."),
            code="nothing_to_share",
        )
    write_atomic(target, text)
    return target


def _requirements(environment: Environment) -> str:
    """Versions and, where it is known what was installed, the hashes of every file published for that version."""
    hashes = _hashes(_manifest(environment))
    lines = [_head(environment)]
    if not hashes:
        lines.append("# The hashes are not known: AIEnv did not build this environment.\n")
    for package in sorted(environment.packages, key=lambda package: package.name):
        if hashes and package.name not in hashes:
            continue  # the environment's own pip; a file with hashes must have them for every line
        if not hashes and package.name in _NOT_SHARED:
            continue
        parts = [f"{package.name}=={package.version}", *(f"--hash={digest}" for digest in hashes.get(package.name, ()))]
        lines.append(" \\\n    ".join(parts) + "\n")
    return "".join(lines)


def _hashes(manifest: Manifest | None) -> dict[str, tuple[str, ...]]:
    """Normalised package -> hashes: all that its lock names, so that the file serves other systems too."""
    if manifest is None or manifest.request.engine is not Engine.UV:
        return {}
    found: dict[str, tuple[str, ...]] = {
        canonicalize_name(file.package): (f"sha256:{file.sha256}",) for file in manifest.files if file.sha256
    }
    for package in tomllib.loads(str((manifest.lock or {}).get("pylock", ""))).get("packages", ()):
        entries = [*package.get("wheels", ()), *filter(None, (package.get("sdist"), package.get("archive")))]
        digests = sorted({entry["hashes"]["sha256"] for entry in entries if entry.get("hashes", {}).get("sha256")})
        name = canonicalize_name(package["name"])
        if name in found and digests:
            found[name] = tuple(dict.fromkeys((*found[name], *(f"sha256:{digest}" for digest in digests))))
    return found


def _environment_yml(environment: Environment) -> str:
    python = f"python={'.'.join(environment.python_version.split('.')[:2])}"
    conda = _conda_packages(environment.prefix)
    if conda:
        by_conda = {canonicalize_name(package.name) for package in conda}
        by_pip = [p for p in environment.packages if p.name in _pip_names(environment.prefix) - by_conda]
        dependencies: list[Any] = [f"{package.name}={package.version}" for package in conda]
        manifest = _manifest(environment)
        channels = list(manifest.request.channels) if manifest is not None else []
    else:
        by_pip = [package for package in environment.packages if package.name not in _NOT_SHARED]
        dependencies, channels = [python], []
    pins = [f"{package.name}=={package.version}" for package in by_pip]
    if pins:
        dependencies += [*(() if any(d.startswith("pip=") for d in dependencies) else ("pip",)), {"pip": pins}]
    data = {"name": environment.name, "channels": channels or ["conda-forge"], "dependencies": dependencies}
    return _head(environment) + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _pylock(environment: Environment) -> str:
    """The lock that the environment was built from, or nothing where there is none."""
    manifest = _manifest(environment)
    return str((manifest.lock or {}).get("pylock", "")) if manifest is not None else ""


def _explicit(environment: Environment) -> str:
    """conda's own form of a lock: every file by address and hash; for the same system only."""
    packages = _conda_packages(environment.prefix)
    if not packages:
        return ""
    lines = [f"{_public(package.url)}#{package.md5}".rstrip("#") for package in packages]
    return _head(environment) + "\n".join(["@EXPLICIT", *lines]) + "\n"


def _head(environment: Environment) -> str:
    made = time.strftime("%Y-%m-%d")
    name = " ".join(environment.name.split())
    return f"# {name}: Python {environment.python_version}, written by AIEnv on {made}\n"


def _manifest(environment: Environment) -> Manifest | None:
    try:
        return read_manifest(environment.prefix)
    except (Problem, OSError, KeyError, TypeError, ValueError):
        return None  # damaged: what is installed can be read all the same


def _is_conda(prefix: Path) -> bool:
    return (prefix / "conda-meta").is_dir()


def _conda_packages(prefix: Path) -> tuple[_CondaPackage, ...]:
    """What conda installed, by name; records that cannot be read are left out."""
    found: list[_CondaPackage] = []
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        record = _record(file)
        if isinstance(record.get("name"), str) and isinstance(record.get("version"), str):
            url, md5 = str(record.get("url") or ""), str(record.get("md5") or "")
            found.append(_CondaPackage(record["name"], record["version"], url, md5))
    return tuple(sorted(found, key=lambda package: package.name))


def _public(url: str) -> str:
    """An address without the password or token of a private channel."""
    return re.sub(r"/t/[^/]+/", "/", re.sub(r"(?<=://)[^/\s]*@", "", url))


def _record(file: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _pip_names(prefix: Path) -> set[str]:
    """Normalised names of what pip or uv installed into a conda environment."""
    infos: Iterable[Path] = (info for site in site_packages(prefix) for info in site.glob("*.dist-info"))
    return {canonicalize_name(info.name.split("-")[0]) for info in infos if _installer(info) != "conda"}


def _installer(info: Path) -> str:
    try:
        return (info / "INSTALLER").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
