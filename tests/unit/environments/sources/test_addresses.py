"""Passwords and tokens in addresses: taken out for the disk and the screen, put in again for the server."""

from __future__ import annotations

import pytest

from aienv_gui.environments.records import Sources
from aienv_gui.environments.sources.addresses import completed, public, public_data


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:word@c.example/ch", "https://c.example/ch"),
        ("https://me:w@rd@c.example/ch", "https://c.example/ch"),
        ("https://c.example/t/tk-123/ch/linux-64/a-1-0.conda", "https://c.example/ch/linux-64/a-1-0.conda"),
        ("https://me:word@c.example/conda/t/abcDEF/ch", "https://c.example/conda/ch"),
        ("https://c.example/t/tk-123/", "https://c.example/"),
    ],
)
def test_secrets_are_taken_out(address: str, shown: str) -> None:
    assert public(address) == shown
    assert public(f'{{"url": "{address}"}}') == f'{{"url": "{shown}"}}'
    assert public_data({"urls": [address], "count": 2, "none": None}) == {"urls": [shown], "count": 2, "none": None}


@pytest.mark.parametrize(
    "address",
    [
        "https://i.example/packages/source/t/torch/torch-2.9.tar.gz",
        "https://i.example/t/typing-extensions/typing_extensions-4.12-py3-none-any.whl",
        "https://i.example/wheels/t/torch/",
        "https://i.example/simple/torch/?next=a@b",
        "an ordinary line with me@c.example and /t/",
    ],
)
def test_ordinary_places_stay_as_they_are(address: str) -> None:
    assert public(address) == address


def test_the_users_secrets_complete_what_lies_below_their_places_only() -> None:
    sources = Sources(
        index_url="https://anna:word@i.example/simple",
        channels=("conda-forge", "https://c.example/t/tk-1/ch", "https://c.example/t/tk-2/ch/inner/"),
    )
    assert completed("https://c.example/ch/noarch/a-1-0.conda", sources) == (
        "https://c.example/t/tk-1/ch/noarch/a-1-0.conda"
    )
    assert completed("https://c.example/ch/inner/noarch", sources) == "https://c.example/t/tk-2/ch/inner/noarch"
    assert completed("https://c.example/ch", sources) == "https://c.example/t/tk-1/ch"
    assert completed("https://i.example/simple/x", sources) == "https://anna:word@i.example/simple/x"
    for other in (
        "https://c.example/channel/a",
        "http://c.example/ch/a",
        "https://c.example.evil.example/ch/a",
        "https://other:secret@i.example/simple/x",
        "https://c.example/t/own/ch/a",
        "conda-forge",
        "file:///ch/a",
    ):
        assert completed(other, sources) == other
