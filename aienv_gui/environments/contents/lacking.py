"""Whether an environment has what something needs, as far as the names and versions of its packages tell."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aienv_gui.environments.records import Environment


def lacking(environment: Environment, needs: Iterable[str]) -> tuple[str, ...]:
    """Those of some requirements (PEP 508) that it does not meet, each once. Reads nothing from the disk."""
    installed = {package.name: package.version for package in environment.packages}
    return tuple(dict.fromkeys(need for need in needs if not _is_met(Requirement(need), installed)))


def _is_met(need: Requirement, installed: dict[str, str]) -> bool:
    version = installed.get(canonicalize_name(need.name))
    return version is not None and need.specifier.contains(version, prereleases=True)
