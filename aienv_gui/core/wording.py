"""Words the user reads: translatable texts, sizes, durations and numbers.

A `Text` is a sentence that is not rendered yet: an English message with named placeholders and their
values. It travels as data (through threads, processes and JSON files) and becomes a string only when
it is shown, in the language of that moment. That is why the language can change without a restart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LANGUAGES: Final = {"en": "English", "zh_CN": "简体中文"}

# The one piece of process-wide state of the core: the language is a property of the whole process.
_catalogue: dict[str, str] = {}
_language = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """A translatable sentence. `str()` renders it in the current language.

    `message` is English with named placeholders (``{name}``). Where the wording depends on a count,
    `plural` is the English message for every count but one and ``values["count"]`` decides; the
    translation of a plural text is looked up under `plural`.
    """

    message: str
    values: Mapping[str, Any] = field(default_factory=dict)
    plural: str | None = None

    def __str__(self) -> str:
        chosen = self.message
        if self.plural is not None:
            translated = _catalogue.get(self.plural)
            if translated is not None:
                return translated.format_map(self.values)
            chosen = self.message if self.values.get("count") == 1 else self.plural
        return _catalogue.get(chosen, chosen).format_map(self.values)

    def __hash__(self) -> int:
        return hash((self.message, self.plural))

    def to_json(self) -> dict[str, Any]:
        """The text as JSON data; values that are not plain become strings."""
        return {
            "message": self.message,
            "plural": self.plural,
            "values": {k: _plain(v) for k, v in self.values.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Text:
        """The inverse of `to_json`."""
        values = {
            k: Text.from_json(v) if isinstance(v, dict) and "message" in v else v
            for k, v in data.get("values", {}).items()
        }
        return Text(data["message"], values, data.get("plural"))


def _plain(value: Any) -> Any:
    if isinstance(value, Text):
        return value.to_json()
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return str(value)


def tr(message: str, /, **values: Any) -> Text:
    """A translatable text. `message` must be a literal: the tests collect it from the source."""
    return Text(message, values)


def tr_count(one: str, other: str, /, count: int, **values: Any) -> Text:
    """A translatable text that depends on `count`; both messages must be literals."""
    return Text(one, {"count": count, **values}, other)


def verbatim(text: object) -> Text:
    """Text that is never translated: a name, a path, another program's own words."""
    return Text("{text}", {"text": str(text)})


def shortened(name: str, most: int = 40) -> str:
    """A name of the user's in a sentence: beyond `most` characters its middle is left out, for it cannot be wrapped."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - half]}…{name[-half:]}"


def use_language(code: str, locale_folder: Path) -> None:
    """Render every text in `code` (a key of `LANGUAGES`) from now on.

    Translations are the files ``<locale_folder>/<code>/*.json``, each an object of English message to
    translated message. English needs none. Raises KeyError for an unknown language.
    """
    global _language
    if code not in LANGUAGES:
        raise KeyError(code)
    catalogue: dict[str, str] = {}
    for file in sorted((locale_folder / code).glob("*.json")):
        catalogue.update(json.loads(file.read_text(encoding="utf-8")))
    _catalogue.clear()
    _catalogue.update(catalogue)
    _language = code


def language() -> str:
    """The code of the language in use."""
    return _language


def size(count: float) -> str:
    """A number of bytes in decimal units, as file managers show it: ``1.2 GB``."""
    if not math.isfinite(count):
        return "?"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            if unit == "B":
                return f"{value:.0f} B"
            return f"{value:.1f} {unit}" if abs(value) < 99.95 else f"{value:.0f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def duration(seconds: float) -> Text:
    """A length of time as people say it: ``about 3 minutes``."""
    if not math.isfinite(seconds):
        return tr("an unknown time")
    if seconds < 1.5:
        return tr("about a second")
    if seconds < 90:
        return tr_count("{count} second", "{count} seconds", round(seconds))
    if seconds < 90 * 60:
        return tr_count("about {count} minute", "about {count} minutes", round(seconds / 60))
    if seconds < 36 * 3600:
        return tr_count("about {count} hour", "about {count} hours", round(seconds / 3600))
    return tr_count("about {count} day", "about {count} days", round(seconds / 86400))


def percent(fraction: float, *, digits: int = 0) -> str:
    """A fraction of one as a percentage: ``98.3 %``."""
    return f"{fraction * 100:.{digits}f} %" if math.isfinite(fraction) else "?"
