"""What these tests ask for: a tiny network on tiny pictures, in this interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

from aienv_gui.training.records import Recipe
from tests.engine.engine_runs import TINY


def recipe(pictures: Path, *, epochs: int) -> Recipe:
    return Recipe(
        name="tiny",
        folder=pictures,
        preset="balanced",
        architecture=TINY["architecture"],
        options=TINY["options"],
        settings={"epochs": epochs, "batch_size": 8, "learning_rate": 0.02, "seed": 7},
        environment_prefix=Path(sys.prefix),
        environment_python=Path(sys.executable),
        environment_name="own",
        device="cpu",
        threads=1,
    )
