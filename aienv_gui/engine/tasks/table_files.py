"""Files with a table: CSV and its relatives, JSON lines, Excel, Parquet; read whole, each cell as text or missing.

Standard library only for text files; Excel needs openpyxl, Parquet pyarrow (ModuleNotFoundError where it is not there).
"""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..failures import Failure
from ..protocol import TABLE_BYTES, Code

Row = tuple[str, ...]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "#n/a", "?", "-", "缺失"})
_DELIMITERS = ",;\t|"
_SNIFFED = 50  # rows that decide the delimiter
_LARGEST = 1e100  # of a number: with its square and that of a spread of such it can still be counted
_FIELD = 10_000_000  # characters of one cell, at most
_EXCEL = frozenset({".xlsx", ".xlsm"})
_PARQUET = frozenset({".parquet", ".pq"})
_JSON_LINES = frozenset({".jsonl", ".ndjson"})
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Table:
    """Named columns of cells; missing ones are "". `lines[i]` is where row i stands in the file, as editors count."""

    path: Path
    names: tuple[str, ...]
    columns: tuple[Row, ...]
    lines: tuple[int, ...]
    headless: bool = False  # the file has no line of names
    decimal_comma: bool = False

    @property
    def rows(self) -> int:
        return len(self.lines)


def read_table(path: Path) -> Table:
    """Read a file. Raises `Failure` that names file and line where it is no table."""
    if not path.exists():
        raise Failure(Code.NO_FILE, path=str(path))
    if path.is_dir():
        raise Failure(Code.NOT_A_TABLE, path=str(path), reason="folder")
    try:
        if path.stat().st_size > TABLE_BYTES:
            raise Failure(Code.NOT_A_TABLE, path=str(path), reason="too_large")
        ending = path.suffix.lower()
        if ending in _EXCEL:
            return _table(path, _excel(path))
        if ending in _PARQUET:
            return _table(path, _parquet(path), headless=False)
        text = decode(path, path.read_bytes())
    except OSError as error:
        raise Failure(Code.UNREADABLE_FILE, path=str(path), reason=error.strerror or str(error)) from error
    if ending in _JSON_LINES:
        return _table(path, _json_lines(path, text), headless=False)
    delimiter = _delimiter(text)
    return _table(path, _split(path, text, delimiter), decimal_comma=delimiter != ",")


def is_missing(cell: str) -> bool:
    return cell.strip().lower() in _MISSING


def number_of(cell: str, *, decimal_comma: bool = False) -> float | None:
    """A cell as a finite number; None where it is none."""
    text = cell.strip().replace("\u2212", "-")
    if decimal_comma and "," in text and "." not in text:
        text = text.replace(",", ".")
    if "_" in text:  # Python's own spelling of numbers, nobody else's
        return None
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
    return value if abs(value) < _LARGEST else None


def decode(path: Path, content: bytes) -> str:
    """A file's text: by its mark, as UTF-8, or as Chinese or Western Windows writes. Raises `Failure` for no text."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif content.startswith(_OLD_EXCEL):
        raise Failure(Code.NOT_A_TABLE, path=str(path), reason="old_excel")
    elif b"\0" in content[:10_000]:
        raise Failure(Code.NOT_A_TABLE, path=str(path), reason="binary")
    else:
        encodings = ["utf-8-sig", "gb18030", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Failure(Code.NOT_A_TABLE, path=str(path), reason="binary")


def _delimiter(text: str) -> str:
    """What separates the cells: that by which the first rows fall into the same number of cells, the most of them."""
    head = "\n".join(text[:200_000].splitlines()[:_SNIFFED])
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(head), delimiter=delimiter) if row]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count, default=1)
        if usual > 1:
            scores[delimiter] = (widths.count(usual) / len(widths), usual)
    return max(scores, key=lambda delimiter: scores[delimiter], default=",")


def _split(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    begins = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise Failure(Code.BAD_ROW, path=str(path), line=reader.line_num, reason=str(error)) from error


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """An object a line; its names are the columns."""
    rows: list[tuple[int, dict[str, Any]]] = []
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except ValueError as error:
            raise Failure(Code.BAD_ROW, path=str(path), line=line, reason=str(error)) from error
        if not isinstance(row, dict):
            raise Failure(Code.BAD_ROW, path=str(path), line=line, reason="{...} expected")
        rows.append((line, row))
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    if names:
        yield 0, names
    for line, row in rows:
        yield line, [_cell(row.get(name)) for name in names]


def _excel(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The first sheet."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # zip, XML and the library's own errors
        raise Failure(Code.NOT_A_TABLE, path=str(path), reason="damaged") from error
    try:
        width = 0
        for line, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            row = [_cell(cell) for cell in cells]
            while row and not row[-1]:
                row.pop()
            if row:
                width = width or len(row)
                yield line, row + [""] * (width - len(row))
    finally:
        book.close()


def _parquet(path: Path) -> Iterator[tuple[int, list[str]]]:
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.lib.ArrowException as error:
        raise Failure(Code.NOT_A_TABLE, path=str(path), reason="damaged") from error
    yield 0, list(table.column_names)
    columns = [column.to_pylist() for column in table.columns]
    for line, cells in enumerate(zip(*columns, strict=True), start=1):
        yield line, [_cell(cell) for cell in cells]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _table(
    path: Path, rows: Iterable[tuple[int, list[str]]], *, headless: bool | None = None, decimal_comma: bool = False
) -> Table:
    """Name the columns by the first row, unless that is plainly a row of data."""
    lines: list[int] = []
    cells: list[Row] = []
    for line, row in rows:
        if cells and len(row) != len(cells[0]):
            if len(row) == len(cells[0]) + 1 and not row[-1].strip():  # a delimiter at the end of the line
                row = row[:-1]
            else:
                raise Failure(Code.RAGGED_ROW, path=str(path), line=line, cells=len(row), expected=len(cells[0]))
        lines.append(line)
        cells.append(tuple("" if is_missing(cell) else cell.strip() for cell in row))
    if not cells:
        raise Failure(Code.EMPTY_TABLE, path=str(path))
    if headless is None:
        headless = not _is_header(cells[0], decimal_comma)
    names = _names(len(cells[0]) * ("",) if headless else cells[0])
    if not headless:
        lines, cells = lines[1:], cells[1:]
    if not cells:
        raise Failure(Code.EMPTY_TABLE, path=str(path))
    return Table(path, names, tuple(zip(*cells, strict=True)), tuple(lines), headless, decimal_comma)


def _is_header(row: Row, decimal_comma: bool) -> bool:
    """Whether names are what this row holds: no numbers, unless they count the columns or are years."""
    numbers = [number_of(cell, decimal_comma=decimal_comma) for cell in row]
    known = [number for number in numbers if number is not None]
    counted = known in ([float(n) for n in range(len(row))], [float(n) for n in range(1, len(row) + 1)])
    return counted or all(number.is_integer() and 1000 <= number < 3000 for number in known)


def _names(header: Row) -> tuple[str, ...]:
    """Every column has a name of its own."""
    names: list[str] = []
    for number, given in enumerate(header, start=1):
        name = " ".join(given.split()) or f"column {number}"
        same = 2
        while name in names:
            name, same = f"{given or 'column'} ({same})", same + 1
        names.append(name)
    return tuple(names)
