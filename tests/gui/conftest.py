"""Every test here has a QApplication and is watched for what it leaves behind."""

import sys

from tests.qt_leaks import no_qt_leftovers

# Its library is installed, and a session bus to be had, on Linux only.
collect_ignore = [] if sys.platform.startswith("linux") else ["test_notification_bus.py"]

__all__ = ["no_qt_leftovers"]
