"""One measurement, in a process of its own: the Hardware page with 16 cards, a new look after each finished drawing.

Prints a JSON object: what each frame cost, ours and with all cards drawn in one frame (``at_once``).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QApplication

from aienv_gui.hardware.readings import Snapshot
from tests.benchmarks.children.frame_costs import FrameCosts
from tests.benchmarks.children.watched_window import Machine, hardware_page, watched_window

_WARM_UP = 5
_AT_ONCE = 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ticks", type=int, default=60)
    options = parser.parse_args()
    application = QApplication([])
    machine = Machine()
    with (
        tempfile.TemporaryDirectory(prefix="aienv-bench-") as home,
        watched_window(application, Path(home), machine) as session,
    ):
        page, hardware = hardware_page(session), session.services.hardware
        frames = FrameCosts(application, session.window)

        def draw_all(look: Snapshot) -> None:
            hardware._on_sampled(look)
            page._pacer.finish()

        for tick in range(_WARM_UP + options.ticks):
            if tick == _WARM_UP:
                frames.forget()
            frames.frame(partial(hardware._on_sampled, machine.look()))
            while page._pacer.waiting or page.timeline.range.waiting:
                frames.frame()
            frames.frame()  # what was posted last
        paced = frames.result()
        frames.forget()
        for _ in range(_AT_ONCE):
            frames.frame(partial(draw_all, machine.look()))
    print(json.dumps({"paced": paced, "at_once": frames.result()}))


if __name__ == "__main__":
    main()
