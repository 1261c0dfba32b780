"""A time series with something to learn in it: a wave on a rising sea, from a seed."""

from __future__ import annotations

import datetime
import math
import random

SEASON = 12


def tides(count: int, seed: int = 0, *, first: int = 0) -> list[dict[str, str]]:
    """Days of water that rises slowly and comes and goes every twelve days; the wind a day before pushes it up."""
    chance = random.Random(seed)
    winds = [chance.gauss(0, 1) for _ in range(first + count)]
    noise = [chance.gauss(0, 0.05) for _ in range(first + count)]
    result = []
    for day in range(first, first + count):
        level = 0.02 * day + math.sin(2 * math.pi * day / SEASON) + 0.3 * winds[max(0, day - 1)] + noise[day]
        result.append(
            {
                "date": (datetime.date(2024, 1, 1) + datetime.timedelta(days=day)).isoformat(),
                "wind": f"{winds[day]:.4f}",
                "level": f"{level:.4f}",
            }
        )
    return result
