"""The engine's training of a run, by the run's own copy of the engine, and what its steps take; prints it at last.

It is the engine's process in all but one thing: the phases that it tells are listened to, so that each epoch waits for
its turn and is measured by the same clocks as other loops.
"""

from __future__ import annotations

import argparse
import importlib
import runpy
from pathlib import Path
from typing import Any

from aienv_gui.engine.protocol import Event
from tests.benchmarks.children.bare_steps import Measured
from tests.engine import engine_runs


def listen(run: Path, events: Any) -> None:
    """Have the clock run from the word that an epoch's steps begin to the word that it is judged, with the first."""
    measured = Measured("")
    emit = events.Events.emit

    def heard(self: Any, event: str, **fields: Any) -> None:
        name = fields.get("name")
        if name == "training":
            measured.begin()
        elif name == "validating":
            measured.end()
        emit(self, event, **fields)
        if event == Event.FINISHED:
            measured.losses = [loss for loss, _ in engine_runs.curve(run).values()]
            measured.tell()

    events.Events.emit = heard


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    engine = runpy.run_path(str(run / "engine" / "__main__.py"))
    engine["_become_package"]()
    listen(run, importlib.import_module("engine.events"))
    engine["main"](["train", str(run)])


if __name__ == "__main__":
    main()
