"""What ends a verb: a sentence for a person, never a traceback."""

from __future__ import annotations


class Stop(Exception):
    """Cannot go on; the message says what happened and what to do.

    `harmless`: nothing had been changed yet when it came to that.
    """

    def __init__(self, message: str, *, harmless: bool = False) -> None:
        super().__init__(message)
        self.harmless = harmless
