"""The engine's codes about pictures put into words: what happened, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, shortened, size, tr, tr_count, verbatim
from aienv_gui.engine.protocol import PICTURE_BYTES, PICTURE_POINTS, Code

_NAMED = 5  # pictures named in a sentence
_NAME_MOST = 60  # characters of each
_TABLES = frozenset({".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".parquet", ".pq"})


def _few(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "The class “{name}” has only one picture.",
        "The class “{name}” has only {count} pictures.",
        int(v.get("count", 0)),
        name=_name(v),
    )


def _few_different(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "The class “{name}” has only one picture; the others are copies of it.",
        "The class “{name}” has only {count} different pictures; the others are copies of these.",
        int(v.get("count", 0)),
        name=_name(v),
    )


def _few_pictures(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There are too few pictures."),
        cause=_few_different(v) if v.get("copies") else _few(v),
        cure=tr(
            "Each class needs at least {minimum} pictures: to train, to validate and to test. Ten or more are better.",
            minimum=v.get("minimum", 3),
        ),
        actions=(Action("open_folder", tr("Open folder"), str(_folder(v))),),
    )


def _broken_pictures(v: Mapping[str, Any]) -> Problem:
    paths = [str(path) for path in v.get("paths", ())]
    count = int(v.get("count", len(paths)))
    faults = [fault for fault in v.get("faults", ()) if "line" in fault]
    if faults:
        return Problem(
            tr_count("A picture or a row cannot be used.", "{count} pictures or rows cannot be used.", count),
            cause=_listed([fault_of(fault) for fault in faults], count),
            cure=tr("Mend the table or these files, or start a new training and agree to leave them out."),
        )
    return Problem(
        tr_count("One picture cannot be read.", "{count} pictures cannot be read.", count),
        cause=tr("Damaged or not a picture: {names}", names=names_of(paths, count)),
        cure=tr("Remove or replace these files, or start a new training and agree to leave them out."),
    )


def fault_of(fault: Mapping[str, Any]) -> Text:
    """What is wrong with a picture, or with the row of a table that names it, as the engine's `broken` tells it."""
    reason, path, line = str(fault.get("reason", "")), str(fault["path"]), fault.get("line", "?")
    if reason == "no_file_name":
        return tr("Line {line}: it names no picture", line=line)
    if reason == "no_label":
        picture = shortened(str(fault.get("detail", "?")), _NAME_MOST)
        return tr("Line {line}: {path} has no class (an empty cell, “-”, “NA” or “none”)", line=line, path=picture)
    if reason == "two_labels":
        labels = fault.get("labels", {})
        parts = [tr("“{name}” (line {line})", name=shortened(name), line=at) for name, at in labels.items()]
        return tr("{path} has several classes: {names}", path=path, names=_listed(parts, len(parts)))
    if "line" in fault:
        words = tr("there is no such file") if reason == "missing" else picture_fault(reason)
        return tr("Line {line}: {path}: {reason}", line=line, path=path, reason=words)
    return tr("{path}: {reason}", path=path, reason=picture_fault(reason))


def _broken_picture(v: Mapping[str, Any]) -> Problem:
    reason = str(v["reason"])
    return Problem(
        tr("This picture cannot be read."),
        cause=tr("{name}: {reason}.", name=Path(str(v["path"])).name, reason=picture_fault(reason)),
        cure=_PICTURE_CURES.get(reason) or tr("Open it in a picture program and save it again, or choose another one."),
    )


def picture_fault(reason: str) -> Text:
    """What is wrong with a picture, in words for the engine's `reason`; an unknown one is said as it is."""
    return _PICTURE_FAULTS.get(reason) or verbatim(reason)


def _thin_class(v: Mapping[str, Any]) -> Text:
    classes = v.get("classes", {})
    return tr_count(
        "One class is judged by very few pictures: {names}.",
        "{count} classes are judged by very few pictures: {names}.",
        len(classes),
        names=names_of([f"{name} ({n})" for name, n in classes.items()], len(classes)),
    )


def _same_picture(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One picture is an exact copy of another; copies are kept together, so that none is tested that was trained "
        "on.",
        "{count} pictures are exact copies of others; copies are kept together, so that none is tested that was "
        "trained on.",
        int(v["count"]),
    )


def _same_in_classes(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One picture is in two classes at once: {first} and {second} are equal. One of them is wrong.",
        "{count} pictures are in two classes at once, such as {first} and {second}. One of each two is wrong.",
        int(v["count"]),
        first=_name(v, "first"),
        second=_name(v, "second"),
    )


def _named_again(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One row says once more what another says; its picture is used once.",
        "{count} rows say once more what others say; each picture is used once.",
        int(v["count"]),
    )


def _no_named_pictures(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The pictures that this table names are not there."),
        cause=tr(
            "None of the cells of “{name}” names a file that is there; line {line} says “{cell}”. Names count from the "
            "folder of the table, {base}.",
            name=_name(v),
            line=v.get("line", "?"),
            cell=shortened(str(v.get("cell", "")), _NAME_MOST),
            base=v.get("base", "?"),
        ),
        cure=tr("Choose the column that names the pictures, or put the table beside them, where its names fit."),
        actions=(Action("open_folder", tr("Open folder"), str(_folder(v))),),
    )


def names_of(paths: list[str], count: int) -> Text:
    """The first few of `count` names, and how many more there are."""
    shown = ", ".join(shortened(path, _NAME_MOST) for path in paths[:_NAMED])
    if count > _NAMED:
        return tr("{names} and {more} more", names=shown, more=count - _NAMED)
    return verbatim(shown)


def _bad_start(v: Mapping[str, Any]) -> Problem:
    path, reason = Path(str(v["path"])), str(v["reason"])
    fault, cure = _STARTS.get(reason, _STARTS["no_weights"])
    cause = tr("{name}: {reason}", name=path.name, reason=fault)
    if reason == "architecture":
        cause = tr(
            "{name} is the model of another network ({found}) than the one that was asked for ({wanted}).",
            name=path.name,
            found=v.get("found", "?"),
            wanted=v.get("wanted", "?"),
        )
    if reason == "does_not_fit":
        names = [str(name) for name in v.get("names", ())]
        cause = tr(
            "{name} belongs to another network: it does not have, or not in this shape, {names}.",
            name=path.name,
            names=names_of(names, int(v.get("count", len(names)))),
        )
    return Problem(tr("The training cannot begin with these weights."), cause=cause, cure=cure)


def _partly_fits(v: Mapping[str, Any]) -> Text:
    names = [str(name) for name in v["names"]]
    return tr(
        "{count} of {of} weights beside the last layer do not fit what it begins with, and are learnt anew: {names}.",
        count=v["count"],
        of=v.get("of", "?"),
        names=names_of(names, int(v["count"])),
    )


def _name(values: Mapping[str, Any], key: str = "name") -> str:
    return shortened(str(values.get(key, "?")))


def _folder(values: Mapping[str, Any]) -> Path:
    """Of the pictures: a table's lies around it."""
    path = Path(str(values["path"]))
    return path.parent if path.suffix.lower() in _TABLES else path


def _listed(parts: list[Text], count: int) -> Text:
    """The first few of `count` things, and how many more there are."""
    named = {f"part{index}": part for index, part in enumerate(parts[:_NAMED])}
    shown = Text("; ".join(f"{{{key}}}" for key in named), named)
    more = count - len(named)
    return tr("{names} and {more} more", names=shown, more=more) if more > 0 else shown


_PICTURE_FAULTS = {
    "not_a_picture": tr("it is no picture of a kind that AIEnv reads"),
    "cut_short": tr("a part of the file is missing"),
    "too_large": tr(
        "it is too large: more than {points} million points, or than {bytes}",
        points=PICTURE_POINTS // 1_000_000,
        bytes=size(PICTURE_BYTES),
    ),
    "no_permission": tr("the system does not let you read it"),
    "missing": tr("it is no longer there"),
    "empty": tr("the file is empty"),
    "unreadable": tr("its content is damaged"),
    "folder": tr("it is a folder"),
}
_PICTURE_CURES = {
    "not_a_picture": tr("Choose a picture, for example a PNG or JPEG file."),
    "too_large": tr("Save it smaller in a picture program: the model looks at far fewer points anyway."),
    "no_permission": tr("Give yourself permission to read it, or copy it to a folder of your own."),
    "missing": tr("Put it back, or choose another one."),
    "empty": tr("Get the file once more from where it came, or choose another one."),
    "cut_short": tr("Get the file once more from where it came, or choose another one."),
    "folder": tr("Choose one picture in it."),
}
_STARTS = {
    "missing": (tr("it is not there."), tr("Put it back, or begin with something else.")),
    "unreadable": (
        tr("it cannot be read, or is no model of AIEnv."),
        tr("Check that you may read it, or begin with something else."),
    ),
    "no_weights": (
        tr("it holds no weights, or is damaged; a file that would run code is not read."),
        tr("Choose a file with the weights alone (a state_dict), best as .safetensors, or begin with something else."),
    ),
    "not_finite": (
        tr("some of its weights are no numbers."),
        tr("Get the file once more from where it came, or begin with something else."),
    ),
    "architecture": (verbatim(""), tr("Choose the network that the weights are of, or begin with something else.")),
    "does_not_fit": (verbatim(""), tr("Choose the network that the weights are of, or begin with something else.")),
}
PROBLEMS = {
    Code.BAD_START: _bad_start,
    Code.FEW_PICTURES: _few_pictures,
    Code.BROKEN_PICTURES: _broken_pictures,
    Code.BROKEN_PICTURE: _broken_picture,
    Code.NO_NAMED_PICTURES: _no_named_pictures,
}
WARNINGS = {
    Code.THIN_CLASS: _thin_class,
    Code.SAME_PICTURE: _same_picture,
    Code.SAME_IN_CLASSES: _same_in_classes,
    Code.NAMED_AGAIN: _named_again,
    Code.PARTLY_FITS: _partly_fits,
}
