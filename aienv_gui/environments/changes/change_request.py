"""What is asked for after a change, and for a copy: requests made from requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aienv_gui.environments import accelerators
from aienv_gui.environments.discovery.installed import Installed
from aienv_gui.environments.health.modules import modules_of
from aienv_gui.environments.planning import recipes
from aienv_gui.environments.records import Change, Engine, Environment, Request

# What is another file for each accelerator, and what it brings along.
_OF_ACCELERATOR: Final = re.compile(r"(lib)?(py)?torch|triton|nvidia-|cuda|cudnn|libcu|nccl|jax|tensorflow|magma|mkl")


def name_of(text: str) -> str:
    """The normalised name in a requirement (PEP 508) or a match spec."""
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return canonicalize_name(re.split(r"[\s=<>!~\[]", text.rpartition("::")[2].strip(), maxsplit=1)[0])


def of_accelerator(name: str, build: str = "") -> bool:
    """Whether a package is another file for each accelerator, or comes with one that is. `build` is conda's."""
    named = _OF_ACCELERATOR.match(canonicalize_name(name)) is not None
    return named or re.search(r"cpu|gpu|cuda|rocm", build) is not None


def changed_request(request: Request, change: Change, prefix: Path) -> Request:
    """The request after a change. `prefix` holds what is installed now, by which removed modules are known."""
    if change.accelerator and change.accelerator != request.accelerator:
        request = _with_accelerator(request, change.accelerator)
    going = {name_of(name) for name in (*change.remove, *change.add)}
    free = {name_of(name) for name in change.update}
    lost = {module for name in change.remove for module in modules_of(prefix, name_of(name))}

    def kept(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            _without_version(text) if name_of(text) in free else text for text in texts if name_of(text) not in going
        )

    return replace(
        request,
        requirements=(*kept(request.requirements), *change.add),
        pip_requirements=kept(request.pip_requirements),
        hashes=tuple((name, digest) for name, digest in request.hashes if canonicalize_name(name) not in going | free),
        imports=tuple(module for module in request.imports if module not in lost),
    )


def _without_version(text: str) -> str:
    """A requirement without the one version it insists on: an update of just this package is wished for."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return re.split(r"[\s=<>!~]", text.strip(), maxsplit=1)[0]
    if requirement.url is None and any(one.operator in ("==", "===") for one in requirement.specifier):
        requirement.specifier = type(requirement.specifier)()
    return str(requirement)


def _with_accelerator(request: Request, accelerator: str) -> Request:
    """The request for another build: a template may name other packages then."""
    requirements = request.requirements
    if request.template:
        try:
            template = recipes.template(request.template)
        except KeyError:  # of another version of the program
            return replace(request, accelerator=accelerator)
        former = set(template.requirements(request.engine, request.accelerator))
        own = [text for text in requirements if text not in former]
        gone = {name_of(text) for text in former} - {name_of(text) for text in requirements}
        wanted = [text for text in template.requirements(request.engine, accelerator) if name_of(text) not in gone]
        requirements = (*wanted, *own)
    return replace(request, accelerator=accelerator, requirements=requirements)


def unlocked_request(request: Request, environment: Environment, asked: Sequence[Installed]) -> Request:
    """What to ask for in place of the exact files of a lock: the packages that nobody else needs."""
    anew = copied_request(environment, request.name, asked, ())
    if request.engine is Engine.UV:
        named: tuple[str, ...] = anew.requirements
        return replace(request, lock="", source_file="", requirements=named)
    by_conda = tuple(one.name for one in asked if one.conda and one.name != "python")
    return replace(request, lock="", source_file="", requirements=by_conda, pip_requirements=anew.requirements)


def copied_request(
    environment: Environment, name: str, asked: Sequence[Installed], records: Sequence[Mapping[str, Any]]
) -> Request:
    """What to ask for to get an environment like one that somebody else made: what no other package needs."""
    python = ".".join(environment.python_version.split(".")[:2]) or recipes.default_python()
    by_pip = tuple(one.name for one in asked if not one.conda and not one.local)
    accelerator = _accelerator_of(environment)
    if not records:
        return Request(name, Engine.UV, python, by_pip, accelerator=accelerator)
    channels = dict.fromkeys(str(record["channel"]).rstrip("/") for record in records if record.get("channel"))
    return Request(
        name,
        Engine.CONDA,
        python,
        tuple(one.name for one in asked if one.conda and one.name != "python"),
        accelerator=accelerator,
        channels=tuple(channels),
        pip_requirements=by_pip,
    )


def _accelerator_of(environment: Environment) -> str:
    """The build that the PyTorch of an environment is, as well as its version and its neighbours tell."""
    local = (environment.version_of("torch") or "").partition("+")[2]
    if local and accelerators.known(local):
        return local
    brings_cuda = any(package.name.startswith("nvidia-cu") for package in environment.packages)
    builds = [choice.id for choice in accelerators.choices() if choice.id != accelerators.CPU]
    return builds[0] if brings_cuda and builds else accelerators.CPU
