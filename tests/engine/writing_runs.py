"""Runs that learn to write, on a small text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.engine.engine_runs import make_run
from tests.fakes.texts import sentences


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def write_book(folder: Path, line_end: str) -> Path:
    path = folder / "weather 天气.txt"
    path.write_text(line_end.join(text for text, _ in sentences(400)), encoding="utf-8")
    return path


def make(run: Path, book: Path, options: Mapping[str, Any], epochs: int, **changes: Any) -> Path:
    settings = {"epochs": epochs, "batch_size": 16, "learning_rate": 0.01, "shift": 0}
    model = {"architecture": "gpt", "options": dict(options)}
    return make_run(run, book, task="language_model", model=model, settings=settings, **changes)
