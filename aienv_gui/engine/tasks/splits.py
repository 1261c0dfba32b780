"""Which examples are trained with, watched with and tested with: decided by the seed and their content alone."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

from .task import SPLITS

_SHARE = 0.15


def by_content(
    keys: Sequence[bytes], classes: Sequence[Hashable], seed: int, *, share: float = _SHARE
) -> dict[str, list[int]]:
    """Places of examples for each split, class by class; `share` of each for validation, and as much for the test.

    `keys` tell what each holds: equal ones are never torn apart, so that what is tested was not seen in training. A
    new example moves few others. Every class is trained with; a split may be empty where there is too little.
    """
    groups: dict[Hashable, dict[bytes, list[int]]] = {}
    for place, (key, name) in enumerate(zip(keys, classes, strict=True)):
        groups.setdefault(name, {}).setdefault(key, []).append(place)
    result: dict[str, list[int]] = {name: [] for name in SPLITS}
    for members in groups.values():
        drawn = sorted(members, key=lambda key: hashlib.sha256(f"{seed}\n".encode() + key).digest())
        apart = max(1, round(sum(map(len, members.values())) * share))
        for name in ("test", "validation"):
            taken = 0
            while taken < apart and len(drawn) > 1:
                places = members[drawn.pop(0)]
                result[name] += places
                taken += len(places)
        for key in drawn:
            result["train"] += members[key]
    return {name: sorted(places) for name, places in result.items()}
