"""Tables with something to learn in them: a class, a number and all kinds of columns, from a seed."""

from __future__ import annotations

import csv
import random
from pathlib import Path

COLOURS = ("red", "green", "blue")


def rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Fruits: the class follows from weight and colour, the price from weight and colour."""
    chance = random.Random(seed)
    result = []
    for number in range(count):
        weight, colour = chance.uniform(50, 300), chance.choice(COLOURS)
        day = chance.randint(1, 28)
        kind = "apple" if weight < 150 and colour == "red" else "pear" if weight < 150 else "melon"
        result.append(
            {
                "id": str(number + 1),
                "weight": "" if chance.random() < 0.05 else f"{weight:.1f}",
                "colour": colour,
                "picked": f"2026-0{chance.randint(1, 9)}-{day:02d}",
                "constant": "x",
                "note": f"note {chance.random():.9f}",
                "price": f"{weight * 0.02 + COLOURS.index(colour) * 0.5 + chance.gauss(0, 0.05):.3f}",
                "kind": kind,
            }
        )
    return result


def write_table(path: Path, table: list[dict[str, str]], *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(table[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    return path
