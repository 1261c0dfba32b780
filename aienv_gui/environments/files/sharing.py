"""Writes what an environment holds as a file for another computer: the same packages, by version and by hash.

No password or token of a private server gets into such a file.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, write_atomic
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.files.exact_files import (
    NOT_SHARED,
    ExactFiles,
    exact_files,
    manifest_of,
    pip_names,
)
from aienv_gui.environments.files.platforms import this_subdir
from aienv_gui.environments.manifest import Manifest
from aienv_gui.environments.records import Engine, Environment, Form
from aienv_gui.environments.sources.addresses import public


def forms_of(environment: Environment, reporter: Reporter) -> tuple[Form, ...]:
    """The forms that suit an environment. Reads its ``aienv.json``; never raises."""
    reporter.checkpoint()
    if _is_conda(environment.prefix):
        return (Form.ENVIRONMENT, Form.EXPLICIT, Form.CONDA_LOCK, Form.KIT)
    if _lock_text(environment):
        return (Form.REQUIREMENTS, Form.PYLOCK, Form.ENVIRONMENT, Form.KIT)
    return (Form.REQUIREMENTS, Form.ENVIRONMENT)


def export(
    environment: Environment, form: Form, target: Path, reporter: Reporter, folders: Folders | None = None
) -> Path:
    """Write the file and return where it is. Reads the environment's metadata: well under a second.

    With `folders` the hashes that no index told are taken from the downloads. `kit.write_kit` writes the kit. Raises
    `Problem` where the form does not suit the environment or the disk does not let us write.
    """
    reporter.checkpoint()
    check_there(environment)
    text = text_of(environment, form, folders)
    if not text:
        raise Problem(
            tr("{name} cannot be written as {form}.", name=environment.name, form=form.value),
            cause=tr("It holds nothing that such a file could name."),
            cure=tr("Choose another form."),
            code="nothing_to_share",
        )
    write_atomic(target, text)
    return target


def text_of(environment: Environment, form: Form, folders: Folders | None = None) -> str:
    """What the file of a form holds; empty where there is nothing to write."""
    writers: Mapping[Form, Callable[[Environment, ExactFiles], str]] = {
        Form.REQUIREMENTS: _requirements,
        Form.ENVIRONMENT: _environment_yml,
        Form.PYLOCK: _pylock,
        Form.EXPLICIT: _explicit,
        Form.CONDA_LOCK: _conda_lock,
    }
    writer = writers.get(form)
    return writer(environment, exact_files(environment, folders)) if writer is not None else ""


def check_there(environment: Environment) -> None:
    """Raise `Problem` where the environment was taken away meanwhile."""
    if not environment.prefix.is_dir():
        raise Problem(
            tr("{name} is no longer there.", name=environment.name),
            cause=tr("Its folder {folder} was deleted or moved.", folder=environment.prefix),
            cure=tr("Choose another environment."),
            code="gone",
        )


def _requirements(environment: Environment, exact: ExactFiles) -> str:
    """Versions and, where it is known what was installed, the hashes of every file published for that version."""
    hashes = _hashes(manifest_of(environment), exact)
    lines = [_head(environment)]
    if not hashes:
        lines.append("# The hashes are not known: AIEnv did not build this environment.\n")
    lines += _not_listed(exact) if hashes else []
    for package in sorted(environment.packages, key=lambda package: package.name):
        if hashes and package.name not in hashes:
            continue  # a file with hashes must have them for every line
        if not hashes and package.name in NOT_SHARED:
            continue
        parts = [f"{package.name}=={package.version}", *(f"--hash={digest}" for digest in hashes.get(package.name, ()))]
        lines.append(" \\\n    ".join(parts) + "\n")
    return "".join(lines)


def _hashes(manifest: Manifest | None, exact: ExactFiles) -> dict[str, tuple[str, ...]]:
    """Normalised package -> hashes: all that its lock names, so that the file serves other systems too."""
    if manifest is None or manifest.request.engine is not Engine.UV:
        return {}
    found: dict[str, tuple[str, ...]] = {
        canonicalize_name(file.package): (f"sha256:{file.sha256}",) for file in exact.by_pip if file.sha256
    }
    for package in _parsed(str((manifest.lock or {}).get("pylock", ""))).get("packages", ()):
        digests = sorted({entry["hashes"]["sha256"] for entry in _entries(package) if _has_hash(entry)})
        name = canonicalize_name(package["name"])
        if name in found and digests:
            found[name] = tuple(dict.fromkeys((*found[name], *(f"sha256:{digest}" for digest in digests))))
    return found


def _parsed(lock: str) -> dict[str, Any]:
    try:
        return tomllib.loads(lock)
    except ValueError:  # written over by hand
        return {}


def _entries(package: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*package.get("wheels", ()), *filter(None, (package.get("sdist"), package.get("archive")))]


def _has_hash(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("hashes", {}).get("sha256"))


def _environment_yml(environment: Environment, exact: ExactFiles) -> str:
    python = f"python={'.'.join(environment.python_version.split('.')[:2])}"
    if exact.conda:
        by_conda = {canonicalize_name(package.name) for package in exact.conda}
        by_pip = [p for p in environment.packages if p.name in pip_names(environment.prefix) - by_conda]
        dependencies: list[Any] = [f"{package.name}={package.version}" for package in exact.conda]
        manifest = manifest_of(environment)
        channels = list(manifest.request.channels) if manifest is not None else []
    else:
        by_pip = [package for package in environment.packages if package.name not in NOT_SHARED]
        dependencies, channels = [python], []
    pins = [f"{package.name}=={package.version}" for package in by_pip]
    if pins:
        dependencies += [*(() if any(d.startswith("pip=") for d in dependencies) else ("pip",)), {"pip": pins}]
    channels = [public(channel) for channel in channels]
    data = {"name": environment.name, "channels": channels or ["conda-forge"], "dependencies": dependencies}
    return _head(environment) + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _lock_text(environment: Environment) -> str:
    """The lock that a pip environment was built from, or nothing where there is none."""
    manifest = manifest_of(environment)
    return str((manifest.lock or {}).get("pylock", "")) if manifest is not None else ""


def _pylock(environment: Environment, exact: ExactFiles) -> str:
    """The lock it was built from, with the hash of every file that was installed."""
    text = _lock_text(environment)
    data = _parsed(text)
    if not data:
        return ""
    known = {file.filename: file.sha256 for file in exact.by_pip if file.sha256}
    bare = False
    for package in data.get("packages", ()):
        for entry in _entries(package):
            digest = known.get(re.split(r"[/\\]", str(entry.get("name") or entry.get("url") or entry.get("path")))[-1])
            if not _has_hash(entry) and digest:
                entry["hashes"], bare = {"sha256": digest}, True
        if "wheels" in package and any(map(_has_hash, package["wheels"])):  # none may be without
            package["wheels"] = [entry for entry in package["wheels"] if _has_hash(entry)]
    # uv names the very release it was planned with, 3.11.7: any 3.11 will do.
    body = re.sub(r'(?m)^(requires-python = ">=\d+\.\d+)\.\d+"$', r'\1"', _toml(data) if bare else text)
    return _head(environment) + "".join(_not_listed(exact) + _only_here(exact)) + public(body)


def _toml(data: Mapping[str, Any]) -> str:
    """A lock as TOML: single values first, then a table a package."""
    lines = [f"{key} = {_value(value)}" for key, value in data.items() if key != "packages"]
    for package in data.get("packages", ()):
        lines += ["", "[[packages]]", *(f"{key} = {_value(value)}" for key, value in package.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value.isoformat())  # a date


def _explicit(environment: Environment, exact: ExactFiles) -> str:
    """conda's own form of a lock: every file by address and hash; for the same system only."""
    if not exact.conda:
        return ""
    lines = [f"# platform: {this_subdir()}", "@EXPLICIT"]
    for package in exact.conda:
        if package.url:
            digest = f"sha256:{package.sha256}" if package.sha256 else package.md5
            lines.append(f"{public(package.url)}#{digest}".rstrip("#"))
    for file in exact.by_pip:  # as conda-lock writes it; conda itself takes it for a remark
        digest = f" --hash=sha256:{file.sha256}" if file.sha256 else ""
        lines.append(f"# pip {file.package} @ {public(file.url)}{digest}")
    return _head(environment) + "".join(_not_listed(exact) + _only_here(exact)) + "\n".join(lines) + "\n"


def _conda_lock(environment: Environment, exact: ExactFiles) -> str:
    """The lock of conda-lock (version 1), which mamba and micromamba install too; for this system."""
    if not exact.conda:
        return ""
    platform = this_subdir()
    packages = [
        _locked(
            package.name, package.version, "conda", package.url, package.md5, package.sha256, _needs(package.depends)
        )
        for package in exact.conda
        if package.url
    ]
    packages += [_locked(file.package, file.version, "pip", file.url, "", file.sha256, {}) for file in exact.by_pip]
    manifest = manifest_of(environment)
    channels = [public(channel) for channel in manifest.request.channels] if manifest is not None else []
    channels = channels or list(
        dict.fromkeys(public(package.url).rsplit("/", 2)[0] for package in exact.conda if package.url)
    )
    digest = hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest()
    data = {
        "version": 1,
        "metadata": {
            "content_hash": {platform: digest},
            "channels": [{"url": channel, "used_env_vars": []} for channel in channels],
            "platforms": [platform],
            "sources": ["environment.yml"],
        },
        "package": packages,
    }
    head = _head(environment) + "".join(_not_listed(exact) + _only_here(exact))
    return head + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _locked(
    name: str, version: str, manager: str, url: str, md5: str, sha256: str, needs: dict[str, str]
) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "manager": manager,
        "platform": this_subdir(),
        "dependencies": needs,
        "url": public(url),
        "hash": {kind: value for kind, value in (("md5", md5), ("sha256", sha256)) if value},
        "category": "main",
        "optional": False,
    }


def _needs(depends: tuple[str, ...]) -> dict[str, str]:
    """What a package needs, name to version; without what the system brings (``__glibc``)."""
    parts = [need.split(None, 1) for need in depends]
    return {part[0]: part[1] if len(part) > 1 else "" for part in parts if part and not part[0].startswith("__")}


def _head(environment: Environment) -> str:
    made = time.strftime("%Y-%m-%d")
    name = " ".join(environment.name.split())
    return f"# {name}: Python {environment.python_version}, written by AIEnv on {made}\n"


def _not_listed(exact: ExactFiles) -> list[str]:
    """A line on what was installed by another program, of whose files nothing is known."""
    unknown = ", ".join(exact.unknown)
    return [f"# Not in this list, because another program installed it: {unknown}\n"] if unknown else []


def _only_here(exact: ExactFiles) -> list[str]:
    """A line on files that another computer does not have."""
    local = ", ".join(file.package for file in exact.by_pip if file.url.startswith("file:"))
    return [f"# From files of this computer, which an offline kit takes along: {local}\n"] if local else []


def _is_conda(prefix: Path) -> bool:
    return (prefix / "conda-meta").is_dir()
