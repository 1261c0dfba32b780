"""The small process that talks to the driver: one JSON line a look on its standard output, until nobody reads it.

Started by `hardware.monitor_process` as ``python -m aienv_gui.hardware.cards.monitor MAKER SECONDS``, one for each
maker whose cards are there; what hangs or crashes here takes nothing else along.
"""

from __future__ import annotations

import os
import sys
import time

from aienv_gui.hardware.cards.readers import reader_of
from aienv_gui.hardware.cards.wire import to_line
from aienv_gui.hardware.readings import Maker


def main() -> int:
    """Look and tell until the reader's end of the pipe is closed."""
    maker, interval = Maker(sys.argv[1]), float(sys.argv[2])
    lines = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # libraries print their complaints to the standard output
    reader = reader_of(maker)
    due = time.monotonic()
    try:
        while True:
            lines.write(to_line(reader.read()) + b"\n")
            lines.flush()
            due = max(due + interval, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
    except (OSError, KeyboardInterrupt):
        # Nobody listens any more; the interpreter must not complain about the pipe, nor wait in the driver.
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
