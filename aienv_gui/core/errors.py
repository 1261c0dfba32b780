"""Errors with words: what happened, why, and what to do about it.

The low level raises what happened, the middle adds what it meant (`raise Problem(...) from error`), and one
presenter in the window shows it. Nothing else shows an error.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aienv_gui.core.wording import Text, tr


@dataclass(frozen=True, slots=True)
class Action:
    """Something the application can do about a problem: a button's label and what it stands for.

    `name` is one of: ``retry``, ``open_folder``, ``open_address``, ``open_page``, ``open_settings``, ``show_log``,
    ``add_packages``; `argument` is its object (a path, an address, a page's name, packages). The page that shows the
    problem carries it out.
    """

    name: str
    label: Text
    argument: str = ""


class Problem(Exception):
    """Something the user should know about and can act on.

    `title` says what happened in one sentence, `cause` why, `cure` what to do; `details` is for the folded part of the
    report (another program's last lines). `code` is a stable name for tests and reports.
    """

    def __init__(
        self,
        title: Text,
        *,
        cause: Text | None = None,
        cure: Text | None = None,
        actions: tuple[Action, ...] = (),
        details: str = "",
        code: str = "",
    ) -> None:
        super().__init__(title, cause, cure)
        self.title = title
        self.cause = cause
        self.cure = cure
        self.actions = actions
        self.details = details
        self.code = code

    def __str__(self) -> str:
        return str(self.words)

    @property
    def words(self) -> Text:
        """Title, cause and cure in one text."""
        parts = {f"part{n}": p for n, p in enumerate((self.title, self.cause, self.cure)) if p is not None}
        return Text(" ".join(f"{{{name}}}" for name in parts), parts)

    def to_json(self) -> dict[str, Any]:
        """The problem as JSON data, to cross a process boundary."""
        return {
            "title": self.title.to_json(),
            "cause": self.cause.to_json() if self.cause else None,
            "cure": self.cure.to_json() if self.cure else None,
            "actions": [{"name": a.name, "label": a.label.to_json(), "argument": a.argument} for a in self.actions],
            "details": self.details,
            "code": self.code,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Problem:
        """The inverse of `to_json`."""
        return Problem(
            Text.from_json(data["title"]),
            cause=Text.from_json(data["cause"]) if data.get("cause") else None,
            cure=Text.from_json(data["cure"]) if data.get("cure") else None,
            actions=tuple(
                Action(a["name"], Text.from_json(a["label"]), a.get("argument", "")) for a in data.get("actions", ())
            ),
            details=data.get("details", ""),
            code=data.get("code", ""),
        )


class Cancelled(Exception):
    """The user asked to stop. Its own type, and silent: nobody shows it as an error."""


def unexpected(error: BaseException) -> Problem:
    """A bug, put into words: the problem shown for an exception nobody foresaw."""
    return Problem(
        tr("Something unexpected went wrong."),
        cause=tr("The program met an error it has no words for: {error}", error=f"{type(error).__name__}: {error}"),
        cure=tr("Your work is kept. Try again; if it happens again, copy the report and send it to the developers."),
        details="".join(traceback.format_exception(error)),
        code="unexpected",
    )
