"""Text files as people have them: in any usual encoding, with any line ends; and what is said of a line."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import reason as reason_of
from aienv_gui.core.wording import Text, shortened, tr
from aienv_gui.environments.records import Remark
from aienv_gui.environments.sources.addresses import public

LARGEST: Final = 2_000_000  # bytes of a list written by people
LARGEST_LOCK: Final = 30_000_000  # bytes of a lock for several systems
_LONGEST: Final = 90  # characters of a line that is shown
_MARKS: Final = (  # the longer first: UTF-32's mark begins as UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Chinese text is made of: punctuation, symbols, kana, ideographs, full-width forms.
_CHINESE: Final = re.compile(r"[\u2010-\u2E7F\u3000-\u30FF\u3100-\u9FFF\uF900-\uFAFF\uFE30-\uFFEF·×÷°±¥£§]*")

LEFT_OUT: Final = tr("It is left out.")


def read_text(path: Path, largest: int = LARGEST) -> str:
    r"""A text file, its lines parted by ``\n``: UTF-8, UTF-16 and UTF-32 with a mark, GBK and GB18030.

    Raises `Problem` where it cannot be read, is larger than `largest` bytes or is no text.
    """
    text = _decoded(_bytes(path, largest), path)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _bytes(path: Path, largest: int) -> bytes:
    try:
        state = path.stat()
        if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):  # reading a pipe would never end
            raise Problem(
                tr("{file} cannot be read.", file=path),
                cause=tr("It is a pipe or a device, not a file."),
                cure=tr("Choose a requirements.txt or environment.yml file."),
                code="bad_file",
            )
        if state.st_size > largest:
            raise Problem(
                tr("{file} is too large.", file=path.name),
                cause=tr("A list of packages has a few kilobytes; this file has many more."),
                cure=tr("Choose a requirements.txt or environment.yml file."),
                code="bad_file",
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a ValueError: a null character in the name
        words = reason_of(error) if isinstance(error, OSError) else tr("there is no such file or folder")
        raise Problem(
            tr("{file} cannot be read.", file=path),
            cause=tr("The system says: {reason}.", reason=words),
            cure=tr("Check that the file is there and that you may read it."),
            code="bad_file",
        ) from error


def _decoded(data: bytes, path: Path) -> str:
    position = 0
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise _no_text(path, error.start) from error
    if b"\0" in data:
        raise _no_text(path, data.index(b"\0"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        position = error.start
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        text = ""
    if text and _CHINESE.fullmatch(re.sub(r"[\x00-\x7f]+", "", text)):
        return text
    text = data.decode("latin-1")  # every byte is some letter: of use only where no package's name is among them
    if all(line.isascii() or line.partition("#")[0].isascii() for line in text.splitlines()):
        return text
    raise _no_text(path, position)


def _no_text(path: Path, position: int) -> Problem:
    return Problem(
        tr("{file} is not a text file.", file=path.name),
        cause=tr(
            "It holds bytes that are no text in UTF-8, UTF-16 or GBK (at position {position}).", position=position
        ),
        cure=tr("Save it as UTF-8 text in an editor, or choose another file."),
        code="bad_file",
    )


def bad_line(path: Path, line: int, reason: Text, cure: Text, details: str = "") -> Problem:
    """The problem of one line of a file; `details` are another program's words on it."""
    return Problem(
        tr("{file} cannot be used as it is.", file=path.name),
        cause=tr("Line {line}: {reason}", line=line, reason=reason),
        cure=cure,
        details="\n".join((str(path), details)).strip(),
        code="bad_file",
    )


def remark(path: Path, line: int, text: str, reason: Text, instead: Text = LEFT_OUT) -> Remark:
    """What is said of a line that cannot be honoured."""
    return Remark(path.name, line, short(text), reason, instead)


def short(text: str) -> str:
    """A line as far as it fits into a sentence or a table, without passwords."""
    return shortened(" ".join(public(text).split()), _LONGEST)


def expanded(place: str) -> Path:
    """A path with ``~`` filled in; as it stands where there is no such user, for which `Path.expanduser` raises."""
    return Path(os.path.expanduser(place))  # noqa: PTH111


def names_no_packages(path: Path, cause: Text, remarks: Sequence[Remark] = ()) -> Problem:
    """The problem of a file that asks for nothing that can be honoured; `remarks` say why not."""
    return Problem(
        tr("{file} names no packages.", file=path.name),
        cause=cause,
        cure=tr("Choose another file, or the template “Empty”."),
        details="\n".join(f"{said.file}:{said.line}: {said.text}\n    {said.reason}" for said in remarks),
        code="bad_file",
    )
