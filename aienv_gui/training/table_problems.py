"""The engine's codes about tables and texts put into words: what happened, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, shortened, size, tr, tr_count, verbatim
from aienv_gui.engine.protocol import TABLE_BYTES, Code

_NAMED = 5


def column_kind(kind: str) -> Text:
    """What a column is, in words for the engine's kind; an unknown one is said as it is."""
    return _KINDS.get(kind) or verbatim(kind)


def _no_file(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The file is not there."),
        cause=tr("{path} was not found: it was moved, renamed, or its disk is not connected.", path=v["path"]),
        cure=tr("Put it back, or choose the place where it is now."),
    )


def _unreadable_file(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The table cannot be read."),
        cause=tr("The system does not let you read {path} ({reason}).", path=v["path"], reason=v["reason"]),
        cure=tr("Close it in other programs, or copy it to a folder of your own."),
    )


def _not_a_table(v: Mapping[str, Any]) -> Problem:
    fault, cure = _FAULTS.get(str(v["reason"]), _FAULTS["binary"])
    return Problem(
        tr("This file is no table that AIEnv reads."),
        cause=tr("{name}: {reason}", name=Path(str(v["path"])).name, reason=fault),
        cure=cure,
    )


def _bad_row(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("A line of the table cannot be read."),
        cause=tr("Line {line} of {path}: {reason}", line=v.get("line", "?"), path=v["path"], reason=v["reason"]),
        cure=tr("Open the file in a spreadsheet program or an editor, mend that line, and look again."),
        actions=_open(v),
    )


def _ragged_row(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("A line of the table has another number of cells than the first."),
        cause=tr_count(
            "Line {line} of {path} has one cell, the first line has {expected}.",
            "Line {line} of {path} has {count} cells, the first line has {expected}.",
            int(v.get("cells", 0)),
            line=v.get("line", "?"),
            path=v["path"],
            expected=v.get("expected", "?"),
        ),
        cure=tr(
            "Take out titles and notes above or below the table; a text with commas in it needs quotes around it. "
            "Then look again."
        ),
        actions=_open(v),
    )


def _empty_table(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There are no rows in this table."),
        cause=tr("{path} has no line of data below the names of the columns.", path=v["path"]),
        cure=tr("Choose another file."),
    )


def _few_rows(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There are too few examples."),
        cause=tr_count(
            "Only one different example can be used.",
            "Only {count} different examples can be used.",
            int(v.get("count", 0)),
        ),
        cure=tr(
            "At least {minimum} examples with their right answer are needed; hundreds are better.",
            minimum=v.get("minimum", 20),
        ),
    )


def _no_inputs(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There is nothing to predict it from."),
        cause=tr("Beside “{name}” no column holds numbers, dates or a limited set of words.", name=_name(v)),
        cure=tr("Choose another column to predict, use columns that were left out, or add some to the table."),
    )


def _bad_target(v: Mapping[str, Any]) -> Problem:
    make = _TARGETS.get(str(v["reason"]))
    return Problem(
        tr("This column cannot be predicted."),
        cause=make(v) if make is not None else tr("“{name}” is not suited.", name=_name(v)),
        cure=tr("Choose another column to predict."),
    )


def _missing(v: Mapping[str, Any]) -> Text:
    return tr("The table has no column “{name}”.", name=_name(v))


def _constant(v: Mapping[str, Any]) -> Text:
    return tr("“{name}” is the same in every row: there is nothing to tell apart.", name=_name(v))


def _empty(v: Mapping[str, Any]) -> Text:
    return tr("“{name}” is empty in every row.", name=_name(v))


def _no_numbers(v: Mapping[str, Any]) -> Text:
    return tr("“{name}” holds words, not only numbers: it can be predicted as classes.", name=_name(v))


def _not_numbers(v: Mapping[str, Any]) -> Text:
    return tr("“{name}” holds words, not only numbers: it cannot be forecast.", name=_name(v))


def _one_class(v: Mapping[str, Any]) -> Text:
    return tr(
        "In “{name}” only “{value}” is there often enough (three times): there is nothing to tell apart.",
        name=_name(v),
        value=_name(v, "value"),
    )


def _too_many(v: Mapping[str, Any]) -> Text:
    return tr(
        "“{name}” has {count} different values, most of them too rare to be learnt as classes (at most {most} can be).",
        name=_name(v),
        count=v.get("count", "?"),
        most=v.get("most", "?"),
    )


def _rare_classes(v: Mapping[str, Any]) -> Text:
    classes = v.get("classes", {})
    return tr_count(
        "One class has fewer than {minimum} examples and is left out: {names}.",
        "{count} classes have fewer than {minimum} examples and are left out: {names}.",
        len(classes),
        minimum=v.get("minimum", 3),
        names=_listed([f"{shortened(name)} ({n})" for name, n in classes.items()]),
    )


def _no_truth(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One row has no value in “{name}” and is left out.",
        "{count} rows have no value in “{name}” and are left out.",
        int(v.get("count", 0)),
        name=_name(v),
    )


def _columns_left_out(v: Mapping[str, Any]) -> Text:
    columns = v.get("columns", {})
    parts = [tr("{name} ({kind})", name=shortened(name), kind=column_kind(kind)) for name, kind in columns.items()]
    return tr("Nothing is learnt from these columns: {names}.", names=_listed(parts))


def _no_header(_v: Mapping[str, Any]) -> Text:
    return tr("The first line holds data, no names: the columns are called column 1, column 2 and so on.")


def _same_row(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One example is an exact copy of another; copies are kept together, so that none is tested that was trained "
        "on.",
        "{count} examples are exact copies of others; copies are kept together, so that none is tested that was "
        "trained on.",
        int(v.get("count", 0)),
    )


def _thin_rows(v: Mapping[str, Any]) -> Text:
    classes = v.get("classes", {})
    return tr_count(
        "One class is judged by very few examples: {names}.",
        "{count} classes are judged by very few examples: {names}.",
        len(classes),
        names=_listed([f"{shortened(name)} ({n})" for name, n in classes.items()]),
    )


def _unbalanced_rows(v: Mapping[str, Any]) -> Text:
    return tr(
        "The classes are of very different size: {smallest} has {few} examples, {largest} has {many}. The model may "
        "prefer the large ones.",
        smallest=_name(v, "smallest"),
        few=v.get("few", "?"),
        largest=_name(v, "largest"),
        many=v.get("many", "?"),
    )


def _no_texts(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There are no texts here."),
        cause=tr("{path} has no folders with .txt files in them, and no column with texts.", path=v["path"]),
        cure=tr("Choose a folder with a folder for each class, or a table with a column of texts and one of classes."),
    )


def _short_text(v: Mapping[str, Any]) -> Problem:
    if "different" in v:
        return Problem(
            tr("The text repeats itself too much."),
            cause=tr(
                "Of the {count:,} characters of {path} about {different:,} say something that is not said again: "
                "nothing would be left to test with.",
                count=int(v["count"]),
                different=int(v["different"]),
                path=v["path"],
            ),
            cure=tr("Leave out what is there again and again, or add more texts of the same kind."),
        )
    return Problem(
        tr("There is too little text."),
        cause=tr_count(
            "{path} has one character.",
            "{path} has {count:,} characters.",
            int(v.get("count", 0)),
            path=v["path"],
        ),
        cure=tr(
            "At least {minimum} characters are needed, a million are better: add more texts of the same kind.",
            minimum=v.get("minimum", "?"),
        ),
    )


def _long_texts(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One text is longer than {words} words: only its beginning is read.",
        "{count} texts are longer than {words} words: only their beginning is read.",
        int(v.get("count", 0)),
        words=v.get("words", "?"),
    )


def _unknown_words(v: Mapping[str, Any]) -> Text:
    return tr(
        "{count} of its {of} words were in no text of the training: the answer may be worth little.",
        count=v.get("count", "?"),
        of=v.get("of", "?"),
    )


def _unknown_value(v: Mapping[str, Any]) -> Text:
    return tr("“{value}” was in no row of the training as {name}.", value=_name(v, "value"), name=_name(v))


def _no_number(v: Mapping[str, Any]) -> Text:
    return tr("“{value}” is not understood as {name}: it counts as missing.", value=_name(v, "value"), name=_name(v))


def _out_of_range(v: Mapping[str, Any]) -> Text:
    return tr(
        "{name}: {value} is outside of what was trained on ({least} to {most}).",
        name=_name(v),
        value=_name(v, "value"),
        least=f"{float(v.get('least', 0)):.6g}",
        most=f"{float(v.get('most', 0)):.6g}",
    )


def _name(values: Mapping[str, Any], key: str = "name") -> str:
    return shortened(str(values.get(key, "?")))


def _listed(names: list[str] | list[Text]) -> Text:
    """The first few names, and how many more there are."""
    named = {f"name{index}": name for index, name in enumerate(names[:_NAMED])}
    shown = Text(", ".join(f"{{{key}}}" for key in named), named)
    more = len(names) - len(named)
    return tr("{names} and {more} more", names=shown, more=more) if more else shown


def _open(v: Mapping[str, Any]) -> tuple[Action, ...]:
    return (Action("open_folder", tr("Open folder"), str(Path(str(v["path"])).parent)),)


_KINDS = {
    "number": tr("number"),
    "category": tr("words of a limited set"),
    "date": tr("date"),
    "text": tr("free text"),
    "constant": tr("always the same"),
    "identity": tr("a number or name for each row"),
    "empty": tr("empty"),
}
_FAULTS = {
    "folder": (tr("it is a folder."), tr("Choose one file in it.")),
    "too_large": (
        tr("it is larger than {bytes}.", bytes=size(TABLE_BYTES)),
        tr("Choose a part of its rows, for example every tenth, and save that."),
    ),
    "binary": (
        tr("its content is no text, and no Excel or Parquet file by its ending."),
        tr("Save it as CSV, Excel (.xlsx) or Parquet, and choose that."),
    ),
    "old_excel": (
        tr("it is a workbook of Excel before 2007."),
        tr("Open it in a spreadsheet program and save it as .xlsx or CSV."),
    ),
    "damaged": (
        tr("its content is damaged, or not what its ending says."),
        tr("Get the file once more from where it came, or save it as CSV."),
    ),
}
_TARGETS = {
    "missing": _missing,
    "constant": _constant,
    "empty": _empty,
    "no_numbers": _no_numbers,
    "not_numbers": _not_numbers,
    "one_class": _one_class,
    "too_many": _too_many,
}
PROBLEMS = {
    Code.NO_FILE: _no_file,
    Code.UNREADABLE_FILE: _unreadable_file,
    Code.NOT_A_TABLE: _not_a_table,
    Code.BAD_ROW: _bad_row,
    Code.RAGGED_ROW: _ragged_row,
    Code.EMPTY_TABLE: _empty_table,
    Code.FEW_ROWS: _few_rows,
    Code.NO_INPUTS: _no_inputs,
    Code.BAD_TARGET: _bad_target,
    Code.NO_TEXTS: _no_texts,
    Code.SHORT_TEXT: _short_text,
}
WARNINGS = {
    Code.RARE_CLASSES: _rare_classes,
    Code.NO_TRUTH: _no_truth,
    Code.COLUMNS_LEFT_OUT: _columns_left_out,
    Code.NO_HEADER: _no_header,
    Code.SAME_ROW: _same_row,
    Code.THIN_ROWS: _thin_rows,
    Code.UNBALANCED_ROWS: _unbalanced_rows,
    Code.UNKNOWN_VALUE: _unknown_value,
    Code.NO_NUMBER: _no_number,
    Code.OUT_OF_RANGE: _out_of_range,
    Code.LONG_TEXTS: _long_texts,
    Code.UNKNOWN_WORDS: _unknown_words,
}
