"""The sets of addresses: complete as data, real as addresses, and found again from the settings."""

from __future__ import annotations

import datetime
from urllib.parse import urlsplit

import pytest

from aienv_gui.core.settings import SETTINGS
from aienv_gui.environments.sources.mirrors import ADDRESSES, Profile, profile_of, profiles


def test_the_official_one_comes_first_and_china_has_several() -> None:
    assert profiles()[0].id == "official"
    assert not any(profiles()[0].addresses.values())
    assert profiles()[0].lacking == ()
    assert sum("China" in str(one.title) for one in profiles()) >= 3
    assert any(all(one.addresses.values()) for one in profiles())  # one with all four


@pytest.mark.parametrize("profile", profiles(), ids=lambda one: one.id)
def test_each_address_is_allowed_and_documented(profile: Profile) -> None:
    assert set(profile.addresses) == set(ADDRESSES) <= set(SETTINGS)
    assert set(profile.documentation) == {name for name, address in profile.addresses.items() if address}
    assert datetime.date.fromisoformat(profile.checked) >= datetime.date(2026, 1, 1)
    for name, address in profile.addresses.items():
        assert SETTINGS[name].check(address) is None
        if address:
            assert urlsplit(address).scheme == urlsplit(profile.documentation[name]).scheme == "https"
            assert not address.endswith("/")
    if profile.lacking:
        assert set(profile.lacking) == {name for name, address in profile.addresses.items() if not address}


def test_a_set_is_found_again_from_its_addresses() -> None:
    for profile in profiles():
        assert profile_of(profile.addresses) is profile
        assert (
            profile_of({name: f"{address}/" if address else "" for name, address in profile.addresses.items()})
            is profile
        )
    assert profile_of({**profiles()[1].addresses, "index_url": "https://own.example/simple"}) is None
