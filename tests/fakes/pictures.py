"""Small pictures that can be told apart, drawn by the tests: one folder a class, or named by a table."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

SHAPES = ("across", "down", "frame", "dot")


def draw(shape: str, size: int, chance: random.Random) -> Image.Image:
    """One of `SHAPES` in white on black, a little moved."""
    image = Image.new("L", (size, size))
    pen = ImageDraw.Draw(image)
    middle_x = size // 2 + chance.randint(-size // 8, size // 8)
    middle_y = size // 2 + chance.randint(-size // 8, size // 8)
    reach, light = size // 3, chance.randint(180, 255)
    if shape == "across":
        pen.line((middle_x - reach, middle_y, middle_x + reach, middle_y), fill=light, width=2)
    elif shape == "down":
        pen.line((middle_x, middle_y - reach, middle_x, middle_y + reach), fill=light, width=2)
    elif shape == "frame":
        pen.rectangle((middle_x - reach, middle_y - reach, middle_x + reach, middle_y + reach), outline=light)
    else:
        pen.ellipse((middle_x - 2, middle_y - 2, middle_x + 2, middle_y + 2), fill=light)
    return image


def write_pictures(
    folder: Path, *, classes: Sequence[str] = SHAPES, each: int | Sequence[int] = 20, size: int = 16, seed: int = 0
) -> Path:
    """Fill `folder` with `each` PNG pictures a class (or one number a class) and return it.

    Classes that are not `SHAPES` get one of the shapes in turn.
    """
    chance = random.Random(seed)
    counts = [each] * len(classes) if isinstance(each, int) else each
    for number, (name, count) in enumerate(zip(classes, counts, strict=True)):
        shape = name if name in SHAPES else SHAPES[number % len(SHAPES)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            draw(shape, size, chance).save(folder / name / f"{index:03d}.png")
    return folder


def write_picture_table(
    path: Path, *, classes: Sequence[str] = SHAPES, each: int | Sequence[int] = 20, size: int = 16, seed: int = 0
) -> list[dict[str, str]]:
    """Pictures in ``images/`` beside the table at `path`, all in one folder; returns the rows of the table."""
    folder = write_pictures(path.parent / "drawn", classes=classes, each=each, size=size, seed=seed)
    (path.parent / "images").mkdir()
    rows = []
    for number, picture in enumerate(sorted(folder.rglob("*.png"))):
        picture.rename(path.parent / "images" / f"{number:03d}.png")
        rows.append({"id": str(number), "file": f"images/{number:03d}.png", "shape": picture.parent.name})
    write_rows(path, rows)
    return rows


def write_rows(path: Path, rows: Sequence[dict[str, str]], *, delimiter: str = ",") -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
