"""Which build of a framework suits this machine's driver and cards. The facts are data: ``resources/rules``."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from aienv_gui.core.storage import resource
from aienv_gui.core.wording import Text, tr, verbatim

CPU: Final = "cpu"
Capability = tuple[int, int]
NvidiaCard = tuple[str, Capability | None]  # name, compute capability where the driver tells it


class Kind(StrEnum):
    """Whose graphics cards a build is for."""

    CPU = "cpu"
    CUDA = "cuda"  # NVIDIA
    ROCM = "rocm"  # AMD
    XPU = "xpu"  # Intel
    METAL = "metal"  # Apple


@dataclass(frozen=True, slots=True)
class OtherCard:
    """A graphics card of another maker than NVIDIA; `ready` says whether the kernel's part for calculating is there."""

    kind: Kind  # ROCM or XPU
    ready: bool


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another build, and why it was not chosen. `instead` names the cards that only it could use."""

    id: str
    title: Text
    reason: Text
    instead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """A build: its `id` (``cpu``, ``cu128``...), its name, and why it was chosen or what it needs.

    Where no build can use all the cards, `left_out` names those that this one cannot: the user is to be asked, and the
    alternatives say which build could.
    """

    id: str
    title: Text
    reason: Text
    alternatives: tuple[Alternative, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Build:
    """One build as the data tell of it."""

    id: str
    kind: Kind
    version: str
    driver: str
    capability_min: Capability
    capability_max: Capability | None
    torch_before: str
    needs_device: str

    def runs_on(self, capability: Capability | None) -> bool:
        """Whether the build has code for a card; an unknown card gets the benefit of the doubt."""
        if capability is None:
            return True
        return self.capability_min <= capability and (self.capability_max is None or capability <= self.capability_max)

    def suits_driver(self, driver_version: str) -> bool:
        return _version(driver_version) >= _version(self.driver)

    @property
    def title(self) -> Text:
        match self.kind:
            case Kind.CUDA:
                return verbatim(f"NVIDIA CUDA {self.version}")
            case Kind.ROCM:
                return verbatim(f"AMD ROCm {self.version}")
            case Kind.XPU:
                return verbatim("Intel XPU")
            case _:
                return tr("CPU and Apple GPU")

    @property
    def needs(self) -> Text:
        """What it needs, in a sentence."""
        match self.kind:
            case Kind.CUDA:
                return self._needs_nvidia()
            case Kind.ROCM:
                return tr(
                    "For AMD graphics cards that ROCm supports, with their driver ({device}); pip packages only.",
                    device=self.needs_device,
                )
            case Kind.XPU:
                return tr("For Intel Arc graphics with a current driver; pip packages only.")
            case _:
                return tr(
                    "On a Mac the ordinary build holds both; "
                    "a training takes the graphics unit where PyTorch can use it."
                )

    def _needs_nvidia(self) -> Text:
        oldest = "{}.{}".format(*self.capability_min)
        if self.capability_max is not None:
            return tr(
                "Needs driver {driver} or newer and a card of compute capability {oldest} to {newest}.",
                driver=self.driver,
                oldest=oldest,
                newest="{}.{}".format(*self.capability_max),
            )
        return tr(
            "Needs driver {driver} or newer and a card of compute capability {oldest} or higher.",
            driver=self.driver,
            oldest=oldest,
        )


def choices(others: Sequence[OtherCard] = ()) -> tuple[Choice, ...]:
    """Every build this system can have, the CPU's first; `reason` says what each needs.

    Builds for cards of other makers are among them only where such a card was found.
    """
    if sys.platform == "darwin":
        return (_apple(),)
    kinds = {Kind.CUDA, *(card.kind for card in others)}
    return (_cpu_only(), *(Choice(one.id, one.title, one.needs) for one in builds() if one.kind in kinds))


def choose(driver_version: str, gpus: Sequence[NvidiaCard], others: Sequence[OtherCard] = ()) -> Choice:
    """The build to take for an NVIDIA driver (empty: none), its cards, and cards of other makers.

    With several NVIDIA cards it is the newest build that runs on the lowest of them. Cards of other makers are offered
    as alternatives, never chosen: whether a model of theirs is supported is not known here.
    """
    if sys.platform == "darwin":
        return _apple()
    cuda = [build for build in builds() if build.kind is Kind.CUDA]
    beside = tuple(_of_other_maker(others))
    if not driver_version or not gpus:
        nothing = tr("No NVIDIA card is ready for use on this computer.")
        if beside:
            nothing = tr(
                "No NVIDIA card is ready for use on this computer. There is a card of another maker: its build can be "
                "chosen here, where its maker supports the model."
            )
        rest = tuple(Alternative(one.id, one.title, one.needs) for one in cuda)
        return Choice(CPU, _cpu_only().title, nothing, (*beside, *rest))
    suiting = [one for one in cuda if one.suits_driver(driver_version) and _used(one, gpus)]
    if not suiting:
        refused = tuple(_refused(one, driver_version, gpus) for one in cuda)
        return Choice(CPU, _cpu_only().title, _nothing_suits(cuda, driver_version, gpus), (*refused, *beside))
    chosen = next((one for one in suiting if len(_used(one, gpus)) == len(gpus)), suiting[0])
    used, left_out = _used(chosen, gpus), _left_out(chosen, gpus)
    names = ", ".join(used)
    if left_out:
        why = tr(
            "Suits {names} and driver {driver}. It cannot use {others}.",
            names=names,
            driver=driver_version,
            others=", ".join(left_out),
        )
    else:
        why = tr("Suits {names} and driver {driver}.", names=names, driver=driver_version)
    cpu = Alternative(CPU, _cpu_only().title, tr("Would leave {names} unused.", names=names))
    rest = tuple(
        _other_suits(one, gpus, left_out)
        if one in suiting and (len(_used(one, gpus)) == len(gpus) or left_out)
        else _refused(one, driver_version, gpus)
        for one in cuda
        if one is not chosen
    )
    return Choice(chosen.id, chosen.title, why, (*rest, *beside, cpu), left_out)


def constraints(accelerator: str) -> tuple[str, ...]:
    """What a build demands of package versions, as PEP 508 constraints."""
    return tuple(f"torch<{build.torch_before}" for build in builds() if build.id == accelerator and build.torch_before)


def oldest_driver() -> str:
    """The oldest NVIDIA driver that any of today's builds runs with; empty where there are none for this system."""
    drivers = [build.driver for build in builds() if build.kind is Kind.CUDA]
    return min(drivers, key=_version, default="")


def known(accelerator: str) -> bool:
    return accelerator == CPU or any(build.id == accelerator for build in builds())


def kind_of(accelerator: str) -> Kind:
    """Whose cards a build is for, told from its id (`cu118` of an older AIEnv too)."""
    found = next((build.kind for build in builds() if build.id == accelerator), None)
    if found is not None:
        return found
    prefixes = {"cu": Kind.CUDA, "rocm": Kind.ROCM, "xpu": Kind.XPU}
    return next((kind for prefix, kind in prefixes.items() if re.match(rf"{prefix}[\d.]*$", accelerator)), Kind.CPU)


def builds() -> tuple[Build, ...]:
    """The builds for this system, the preferred first."""
    return _builds_for(sys.platform)


@cache
def _builds_for(platform: str) -> tuple[Build, ...]:
    data = tomllib.loads(resource("rules/accelerators.toml").read_text(encoding="utf-8"))
    entries = (entry for entry in data["build"] if platform in entry.get("systems", (platform,)))
    return tuple(_build(entry, platform) for entry in entries)


def _build(entry: dict[str, Any], platform: str) -> Build:
    def capability(key: str) -> Capability | None:
        return (entry[key][0], entry[key][1]) if key in entry else None

    return Build(
        id=entry["id"],
        kind=Kind(entry["kind"]),
        version=entry["version"],
        driver=entry.get("driver_windows" if platform == "win32" else "driver_linux", ""),
        capability_min=capability("capability_min") or (0, 0),
        capability_max=capability("capability_max"),
        torch_before=entry.get("torch_before", ""),
        needs_device=entry.get("needs_device", ""),
    )


def _cpu_only() -> Choice:
    return Choice(CPU, tr("CPU only"), tr("Runs on every computer; the smallest download."))


def _apple() -> Choice:
    metal = next(build for build in builds() if build.kind is Kind.METAL)
    return Choice(CPU, metal.title, metal.needs)


def _used(build: Build, gpus: Sequence[NvidiaCard]) -> tuple[str, ...]:
    return tuple(name for name, capability in gpus if build.runs_on(capability))


def _left_out(build: Build, gpus: Sequence[NvidiaCard]) -> tuple[str, ...]:
    return tuple(name for name, capability in gpus if not build.runs_on(capability))


def _refused(build: Build, driver_version: str, gpus: Sequence[NvidiaCard]) -> Alternative:
    """A build that cannot be taken, or leaves out a card that another one uses."""
    left_out = ", ".join(_left_out(build, gpus))
    if not build.suits_driver(driver_version):
        reason = tr(
            "Needs driver {needed} or newer; here is {driver}.", needed=build.driver, driver=driver_version or "-"
        )
    else:
        reason = tr("Has no code for {names}.", names=left_out)
    return Alternative(build.id, build.title, reason)


def _other_suits(build: Build, gpus: Sequence[NvidiaCard], left_out: tuple[str, ...]) -> Alternative:
    """A build that could be taken as well, or that uses what the chosen one leaves out."""
    instead = tuple(name for name in _used(build, gpus) if name in left_out)
    if instead:
        lost = ", ".join(_left_out(build, gpus))
        reason = tr("Would use {names}, but not {others}.", names=", ".join(instead), others=lost)
        return Alternative(build.id, build.title, reason, instead)
    return Alternative(build.id, build.title, tr("Suits as well, but is older."))


def _of_other_maker(others: Sequence[OtherCard]) -> Iterator[Alternative]:
    for build in builds():
        cards = [card for card in others if card.kind is build.kind]
        if not cards:
            continue
        if any(card.ready for card in cards):
            yield Alternative(build.id, build.title, build.needs)
        else:
            reason = tr("The driver that calculates on this card is not there. {needs}", needs=build.needs)
            yield Alternative(build.id, build.title, reason)


def _nothing_suits(cuda: Sequence[Build], driver_version: str, gpus: Sequence[NvidiaCard]) -> Text:
    names = ", ".join(name for name, _ in gpus)
    able = [build for build in cuda if _used(build, gpus)]
    if not able:
        return tr("{names} cannot be used: no current build has code for it.", names=names)
    return tr(
        "Driver {driver} is too old for {names}: version {needed} or newer is needed. Update it to use the card.",
        driver=driver_version,
        names=names,
        needed=able[-1].driver,
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])
