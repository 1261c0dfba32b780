"""Texts with something to learn in them, in English and Chinese: what is said of the weather, from a seed."""

from __future__ import annotations

import random
from pathlib import Path

_WORDS = {
    "good": ("sunny bright warm lovely pleasant", "晴朗 温暖 舒服 美好"),
    "bad": ("rainy dark cold awful dreary", "下雨 阴沉 寒冷 糟糕"),
}
_COMMON = ("the day was and it felt so in our town again today", "今天 我们 这里 天气 真是 非常 觉得")


def sentences(count: int, *, seed: int = 0, language: int = 0) -> list[tuple[str, str]]:
    """Pairs of a text and its class; `language` 0 is English, 1 Chinese."""
    chance = random.Random(seed)
    result = []
    for number in range(count):
        name = ("good", "bad")[number % 2]
        telling = chance.choices(_WORDS[name][language].split(), k=2)
        words = [*chance.choices(_COMMON[language].split(), k=6), *telling]
        chance.shuffle(words)
        result.append((("" if language else " ").join(words) + ("。" if language else f" {number}."), name))
    return result


def write_folder(folder: Path, texts: list[tuple[str, str]], *, encoding: str = "utf-8") -> Path:
    """A folder a class, a file a text."""
    for number, (text, name) in enumerate(texts):
        path = folder / name / f"{number:03}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
    return folder
