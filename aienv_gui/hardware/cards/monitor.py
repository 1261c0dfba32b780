"""The small process that talks to the driver: one JSON line a look on its standard output, until nobody reads it.

Started by `hardware.sampler` as ``python -m aienv_gui.hardware.cards.monitor SECONDS``; what hangs or crashes here
takes nothing else along.
"""

from __future__ import annotations

import os
import sys
import time

from aienv_gui.hardware.cards.nvidia import NvidiaReader
from aienv_gui.hardware.cards.wire import to_line


def main() -> int:
    """Look and tell until the reader's end of the pipe is closed."""
    interval = float(sys.argv[1])
    reader = NvidiaReader()
    due = time.monotonic()
    try:
        while True:
            sys.stdout.buffer.write(to_line(reader.read()) + b"\n")
            sys.stdout.buffer.flush()
            due = max(due + interval, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
    except (OSError, KeyboardInterrupt):
        # Nobody listens any more; the interpreter must not complain about the pipe, nor wait in the driver.
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
