"""Which build of a framework suits this machine's driver and cards. The facts are data: ``resources/rules``."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aienv_gui.core.storage import resource
from aienv_gui.core.wording import Text, tr, verbatim

CPU: Final = "cpu"
Capability = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Choice:
    """A build: its `id` (``cpu``, ``cu128``...), its name, and why it was chosen or what it needs."""

    id: str
    title: Text
    reason: Text


@dataclass(frozen=True, slots=True)
class _Build:
    id: str
    cuda: str
    driver: str
    capability_min: Capability
    capability_max: Capability | None
    torch_before: str

    def runs_on(self, capability: Capability | None) -> bool:
        """Whether the build has code for a card; an unknown card gets the benefit of the doubt."""
        if capability is None:
            return True
        return self.capability_min <= capability and (self.capability_max is None or capability <= self.capability_max)


def choices() -> tuple[Choice, ...]:
    """Every build this system can have, the CPU's first; `reason` says what each needs."""
    if sys.platform == "darwin":
        return (_apple(),)
    cpu = Choice(CPU, tr("CPU only"), tr("Runs on every computer; the smallest download."))
    return (cpu, *(Choice(build.id, _title(build), _needs(build)) for build in builds()))


def choose(driver_version: str, gpus: Sequence[tuple[str, Capability | None]]) -> Choice:
    """The build to take for an NVIDIA driver (empty: none) and its cards (name, compute capability)."""
    if sys.platform == "darwin":
        return _apple()
    if not driver_version or not gpus:
        return Choice(CPU, tr("CPU only"), tr("No NVIDIA card is ready for use on this computer."))
    newest_runnable: _Build | None = None
    for build in builds():
        if not any(build.runs_on(capability) for _, capability in gpus):
            continue
        newest_runnable = newest_runnable or build
        if _version(driver_version) < _version(build.driver):
            continue
        left_out = [name for name, capability in gpus if not build.runs_on(capability)]
        names = ", ".join(name for name, capability in gpus if build.runs_on(capability))
        if left_out and any(all(b.runs_on(c) for _, c in gpus) and _suits(b, driver_version) for b in builds()):
            continue
        if left_out:
            return Choice(
                build.id,
                _title(build),
                tr(
                    "Suits {names} and driver {driver}. It cannot use {others}.",
                    names=names,
                    driver=driver_version,
                    others=", ".join(left_out),
                ),
            )
        return Choice(
            build.id, _title(build), tr("Suits {names} and driver {driver}.", names=names, driver=driver_version)
        )
    names = ", ".join(name for name, _ in gpus)
    if newest_runnable is None:
        reason = tr("{names} cannot be used: no current build has code for it.", names=names)
    else:
        oldest = [build for build in builds() if any(build.runs_on(capability) for _, capability in gpus)][-1]
        reason = tr(
            "Driver {driver} is too old for {names}: version {needed} or newer is needed. Update it to use the card.",
            driver=driver_version,
            names=names,
            needed=oldest.driver,
        )
    return Choice(CPU, tr("CPU only"), reason)


def constraints(accelerator: str) -> tuple[str, ...]:
    """What a build demands of package versions, as PEP 508 constraints."""
    return tuple(f"torch<{build.torch_before}" for build in builds() if build.id == accelerator and build.torch_before)


def known(accelerator: str) -> bool:
    return accelerator == CPU or any(build.id == accelerator for build in builds())


def _suits(build: _Build, driver_version: str) -> bool:
    return _version(driver_version) >= _version(build.driver)


@cache
def builds() -> tuple[_Build, ...]:
    data = tomllib.loads(resource("rules/accelerators.toml").read_text(encoding="utf-8"))
    driver = "driver_windows" if sys.platform == "win32" else "driver_linux"

    def capability(entry: dict[str, Any], key: str) -> Capability | None:
        return (entry[key][0], entry[key][1]) if key in entry else None

    return tuple(
        _Build(
            entry["id"],
            entry["cuda"],
            entry[driver],
            capability(entry, "capability_min") or (0, 0),
            capability(entry, "capability_max"),
            entry.get("torch_before", ""),
        )
        for entry in data["build"]
    )


def _title(build: _Build) -> Text:
    return verbatim(f"NVIDIA CUDA {build.cuda}")


def _needs(build: _Build) -> Text:
    oldest = "{}.{}".format(*build.capability_min)
    if build.capability_max is not None:
        newest = "{}.{}".format(*build.capability_max)
        return tr(
            "Needs driver {driver} or newer and a card of compute capability {oldest} to {newest}.",
            driver=build.driver,
            oldest=oldest,
            newest=newest,
        )
    return tr(
        "Needs driver {driver} or newer and a card of compute capability {oldest} or higher.",
        driver=build.driver,
        oldest=oldest,
    )


def _apple() -> Choice:
    both = tr("On a Mac the ordinary build holds both; a training takes the graphics unit where PyTorch can use it.")
    return Choice(CPU, tr("CPU and Apple GPU"), both)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])
