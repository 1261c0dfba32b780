"""Sets of addresses for everything that is downloaded, as data: ``resources/mirrors``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aienv_gui.core.storage import resource
from aienv_gui.core.wording import Text

ADDRESSES: Final = ("index_url", "torch_index_url", "conda_mirror", "python_mirror")  # the settings' names


@dataclass(frozen=True, slots=True)
class Profile:
    """One set. An address that is empty is the official one; `documentation` names the page for each other.

    `checked` is the day on which the addresses were last compared with these pages.
    """

    id: str
    title: Text
    checked: str
    addresses: Mapping[str, str]
    documentation: Mapping[str, str]

    @property
    def lacking(self) -> tuple[str, ...]:
        """The addresses it leaves to the official places; nothing where it leaves all."""
        lacking = tuple(name for name in ADDRESSES if not self.addresses[name])
        return lacking if len(lacking) < len(ADDRESSES) else ()


@cache
def profiles() -> tuple[Profile, ...]:
    """Every set, in the order in which they are offered. Reads a few small files, once."""
    read = [(file.stem, tomllib.loads(file.read_text("utf-8"))) for file in resource("mirrors").glob("*.toml")]
    return tuple(_profile(identity, data) for identity, data in sorted(read, key=lambda item: int(item[1]["order"])))


def profile_of(addresses: Mapping[str, str]) -> Profile | None:
    """The set that has exactly these addresses; None where they are the user's own."""
    wanted = {name: addresses[name].rstrip("/") for name in ADDRESSES}
    return next((one for one in profiles() if dict(one.addresses) == wanted), None)


def _profile(identity: str, data: Mapping[str, Any]) -> Profile:
    return Profile(
        id=identity,
        title=Text(data["title"]),
        checked=data["checked"],
        addresses={name: data.get(name, "") for name in ADDRESSES},
        documentation=dict(data.get("documentation", {})),
    )
