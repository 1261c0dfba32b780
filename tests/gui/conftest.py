"""Every test here has a QApplication and is watched for what it leaves behind."""

from tests.qt_leaks import no_qt_leftovers

__all__ = ["no_qt_leftovers"]
