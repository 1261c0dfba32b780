"""Every sentence has its Chinese translation, with the same placeholders; none is stale, none contradicts another."""

from __future__ import annotations

import ast
import json
import re
import string
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from aienv_gui.core.wording import LANGUAGES
from tests.source_trees import PACKAGE, ROOT, called, calls, place, sources

_LOCALE = ROOT / "resources" / "locale"
_OTHER_LANGUAGES = [code for code in LANGUAGES if code != "en"]


@dataclass(frozen=True)
class Sentence:
    """A sentence of the source: the key of its translation, and the values it is given (None: not known here)."""

    key: str
    place: str
    values: frozenset[str] | None
    forms: tuple[str, ...]  # the English messages behind the key


@cache
def _sentences() -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    """What is said in the source and in the resources, and the places where it is said wrongly."""
    found: list[Sentence] = []
    wrong: list[str] = []
    for path in sources(PACKAGE):
        for call in calls(path):
            count = {"tr": 1, "tr_count": 2}.get(called(call))
            if count is None or not isinstance(call.func, ast.Name):
                continue
            literals = [argument.value for argument in call.args[:count] if isinstance(argument, ast.Constant)]
            messages = tuple(literal for literal in literals if isinstance(literal, str))
            if len(messages) != count:
                wrong.append(f"{place(path, call)}: the sentence must be a literal, or it cannot be translated")
                continue
            names = [keyword.arg for keyword in call.keywords]
            values = None if None in names else frozenset(name for name in names if name)
            if count == 2 and values is not None:
                values |= {"count"}
            found.append(Sentence(messages[-1], place(path, call), values, messages))
    for path in sorted((ROOT / "resources" / "templates").glob("*.toml")):
        template = tomllib.loads(path.read_text(encoding="utf-8"))
        for key in ("title", "description"):
            found.append(Sentence(template[key], path.name, frozenset(), (template[key],)))
    for path in sorted((ROOT / "resources" / "mirrors").glob("*.toml")):
        title = tomllib.loads(path.read_text(encoding="utf-8"))["title"]
        found.append(Sentence(title, path.name, frozenset(), (title,)))
    for path in sorted((ROOT / "resources" / "rules").glob("*.toml")):
        for rule in tomllib.loads(path.read_text(encoding="utf-8")).get("rule", ()):
            groups = frozenset(re.compile(rule["pattern"]).groupindex)
            for key in ("cause", "cure"):
                values = groups & _placeholders(rule[key])  # a sentence need not name every group
                found.append(Sentence(rule[key], f"{path.name}: {rule['code']}", values, (rule[key],)))
    return tuple(found), tuple(wrong)


@cache
def _catalogue(language: str) -> dict[str, dict[str, str]]:
    """Per file: English to translated."""
    return {
        path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted((_LOCALE / language).glob("*.json"))
    }


def _placeholders(message: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(message) if name is not None)


def test_sentences_are_literals() -> None:
    found, wrong = _sentences()
    assert len(found) > 100
    assert not wrong, "\n".join(wrong)


def test_sentences_get_exactly_the_values_they_name() -> None:
    wrong = []
    for sentence in _sentences()[0]:
        named = frozenset().union(*(_placeholders(form) for form in sentence.forms))
        # A number that only chooses the form need not be shown.
        if sentence.values is not None and named | {"count"} != sentence.values | {"count"}:
            wrong.append(f"{sentence.place}: names {sorted(named)}, is given {sorted(sentence.values)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", _OTHER_LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    known = {key for entries in _catalogue(language).values() for key in entries}
    missing = {s.key: s.place for s in _sentences()[0] if s.key not in known and any(map(str.isalpha, _words(s.key)))}
    assert not missing, "\n".join(f"{where}: {key!r}" for key, where in missing.items())


def _words(message: str) -> str:
    return "".join(literal for literal, _, _, _ in string.Formatter().parse(message))


@pytest.mark.parametrize("language", _OTHER_LANGUAGES)
def test_no_translation_is_stale(language: str) -> None:
    said = {sentence.key for sentence in _sentences()[0]}
    stale = [f"{name}: {key!r}" for name, entries in _catalogue(language).items() for key in entries if key not in said]
    assert not stale, "\n".join(stale)


@pytest.mark.parametrize("language", _OTHER_LANGUAGES)
def test_translations_keep_the_placeholders(language: str) -> None:
    forms = {sentence.key: sentence.forms for sentence in _sentences()[0]}
    wrong = []
    for name, entries in _catalogue(language).items():
        for key, translation in entries.items():
            named = [_placeholders(form) for form in forms.get(key, (key,))]
            has = _placeholders(translation)
            # A count that only chooses between the forms may be said or not.
            allowed = frozenset().union(*named) | ({"count"} if len(named) == 2 else set())
            if (
                not (named[-1] - {"count"} if len(named) == 2 else named[0]) <= has <= allowed
                or not translation.strip()
            ):
                wrong.append(f"{name}: {key!r} became {translation!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", _OTHER_LANGUAGES)
def test_files_agree_on_a_shared_sentence(language: str) -> None:
    seen: dict[str, tuple[str, str]] = {}
    wrong = []
    for name, entries in _catalogue(language).items():
        for key, translation in entries.items():
            other, before = seen.setdefault(key, (name, translation))
            if before != translation:
                wrong.append(f"{key!r} is {before!r} in {other} and {translation!r} in {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", sorted(_LOCALE.glob("*/*.json")), ids=lambda path: path.name)
def test_no_key_stands_twice_in_a_file(path: Path) -> None:
    def refuse(pairs: list[tuple[str, str]]) -> dict[str, str]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), sorted({key for key in keys if keys.count(key) > 1})
        return dict(pairs)

    json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=refuse)
