"""Work on environments killed at moments that one seed chooses; `bench kill` does it at random and more often."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.benchmarks.kill import Killing, machine_with_packages


@pytest.mark.slow
def test_kills_damage_nothing(tmp_path: Path) -> None:
    with machine_with_packages(tmp_path) as sources:
        killing = Killing(tmp_path, sources, random.Random(21))
        rounds = [killing.one_round() for _ in range(8)]
    assert {name: killing.counts[name] for name in ("damaged", "half_visible", "changed")} == {
        "damaged": 0,
        "half_visible": 0,
        "changed": 0,
    }
    assert len({one["verb"] for one in rounds}) == 5
