"""Addresses that hold a password or a token: without it, to be shown or written down, and with it again, to be asked.

A password stands before an ``@``; conda's tokens are a part of the path, as in ``https://host/t/TOKEN/channel``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from packaging.utils import canonicalize_name

from aienv_gui.environments.records import Sources

_LOGIN: Final = re.compile(r"(?<=://)[^\s/?#\"']+@")  # a password may hold an @
_TOKEN: Final = re.compile(r"(?<!/source)/t/([^/\s\"']+)/(?=([^/\s\"'#?]*))")


def public(text: str) -> str:
    """A text without the passwords and tokens in the addresses in it."""
    return _TOKEN.sub(_without_token, without_password(text))


def without_password(text: str) -> str:
    """A text without the names and passwords in the addresses in it; tokens stay."""
    return _LOGIN.sub("", text)


def _without_token(found: re.Match[str]) -> str:
    """Nothing in place of a token; many package servers have …/t/torch/torch-2.9.whl, which is none."""
    name, follows = found[1], canonicalize_name(found[2])
    by_letter = follows.startswith(canonicalize_name(name)) if follows else re.fullmatch(r"[tT][A-Za-z_.-]*", name)
    return found[0] if by_letter else "/"


def public_data(data: Any) -> Any:
    """JSON data as it may lie on a disk. `completed` makes its addresses whole again."""
    if isinstance(data, str):
        return public(data)
    if isinstance(data, Mapping):
        return {key: public_data(value) for key, value in data.items()}
    return [public_data(one) for one in data] if isinstance(data, list | tuple) else data


def completed(address: str, sources: Sources) -> str:
    """An address with the password and token that the user's sources have for its place, where they have any.

    One that brings its own stays as it is.
    """
    if address != public(address):
        return address
    for begin, whole in _secret_places(sources):
        if address == begin or address.startswith(f"{begin}/"):
            return whole + address[len(begin) :]
    return address


def _secret_places(sources: Sources) -> list[tuple[str, str]]:
    """The sources' addresses that hold a secret: without and with it; the closest come first."""
    replacing = (sources.index_url, sources.torch_index_url, sources.python_mirror, sources.conda_mirror)
    pairs = {
        public(f"{address.rstrip('/')}/").rstrip("/"): address.rstrip("/")
        for address in (*replacing, *sources.extra_index_urls, *sources.find_links, *sources.channels)
    }
    return sorted(((begin, whole) for begin, whole in pairs.items() if begin != whole), key=lambda pair: -len(pair[0]))
