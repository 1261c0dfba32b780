"""A folder of pictures, one folder a class: found, read, judged and split. Needs Pillow and numpy, not PyTorch.

Every picture goes the same way in training and in prediction: first frame, turned upright by its EXIF, transparency
laid on white, 16-bit grey brought to 8, grey or colour as the network wants it, stretched to the network's size.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ..failures import Failure
from ..protocol import PICTURE_BYTES, PICTURE_POINTS, Code
from .task import SPLITS, Progress

_SHARE = 0.1  # of each class for validation, and as much for the test
MINIMUM = len(SPLITS)  # pictures a class must have: one for each split
THIN = 10  # pictures below which a class is judged by a single one
_BALANCE = 10  # times as many pictures in the largest class as in the smallest: said

# By name, so that Pillow never starts another program (EPS) or guesses at a text file.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "TGA", "JPEG2000", "AVIF", "ICO")
_ENDINGS = frozenset(
    f".{name}"
    for name in (
        *("png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "dib", "tif", "tiff", "webp", "ppm", "pgm", "pbm", "pnm"),
        *("tga", "jp2", "j2k", "avif", "ico", "mpo"),
    )
)
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_SPLIT_NAMES = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})
_SAMPLE = 200  # pictures that decide the network's input
_SMALL = 40  # points: up to this the pictures are trained on at 28, else at 64
_COLOUR_DIFFERENCE = 16  # between the channels of one point, of 255; less is a scanner's tint
_READERS = 4

Array = npt.NDArray[np.uint8]
_Result = TypeVar("_Result")


class Broken(Exception):
    """A file that cannot be read as a picture: `reason` is one of the protocol's, `detail` the library's words."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Scan:
    """What lies in the folder; nothing has been opened yet. Paths are relative to it, with "/", sorted."""

    folder: Path
    paths: tuple[str, ...]
    empty: tuple[str, ...]
    loose: int

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({class_of(path) for path in self.paths}))


@dataclass(frozen=True)
class Look:
    """What one readable picture is."""

    digest: str
    size: int
    width: int
    height: int
    colour: bool


@dataclass(frozen=True)
class Survey:
    """What reading every picture has shown. `looks` belong to `paths`; broken pictures are apart."""

    paths: tuple[str, ...]
    looks: tuple[Look, ...]
    broken: tuple[tuple[str, Broken], ...]

    @property
    def counts(self) -> dict[str, int]:
        result: dict[str, int] = {}
        for path in self.paths:
            name = class_of(path)
            result[name] = result.get(name, 0) + 1
        return dict(sorted(result.items()))


def class_of(path: str) -> str:
    return path.split("/", 1)[0]


def _quiet(_done: int, _total: int) -> None:
    pass


def scan(folder: Path, skip: Iterable[str] = (), progress: Progress = _quiet) -> Scan:
    """Find the pictures of `folder`. Raises `Failure` where a folder is missing or cannot be read.

    Its progress has no total (0): how many there are is what it finds out.
    """
    if not folder.exists():
        raise Failure(Code.NO_FOLDER, path=str(folder))
    skipped = set(skip)
    paths: list[str] = []
    empty: list[str] = []
    loose = 0
    try:
        with os.scandir(folder) as entries:
            top = sorted(entries, key=lambda entry: entry.name)
        for entry in top:
            if _ignored(entry.name):
                continue
            if entry.is_dir():
                found = []
                for path in _below(Path(entry.path), entry.name):
                    found.append(path)
                    progress(len(paths) + len(found), 0)
                paths += [path for path in found if path not in skipped]
                if not found:
                    empty.append(entry.name)
            elif _is_picture(Path(entry.path)):
                loose += 1
    except OSError as error:
        raise Failure(
            Code.UNREADABLE_FOLDER, path=str(error.filename or folder), reason=error.strerror or str(error)
        ) from error
    return Scan(folder, tuple(sorted(paths, key=lambda path: (class_of(path), path))), tuple(empty), loose)


def _below(folder: Path, relative: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        if _ignored(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), f"{relative}/{entry.name}")
        elif entry.is_file() and _is_picture(Path(entry.path)):
            yield f"{relative}/{entry.name}"


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FILES


def _is_picture(path: Path) -> bool:
    if path.suffix:
        return path.suffix.lower() in _ENDINGS
    # No ending: the first bytes tell. One that cannot be opened is taken for a picture, so that it is reported.
    try:
        with open(path, "rb") as file:
            return file.read(8).startswith(_MAGIC)
    except OSError:
        return True


def read_picture(path: Path) -> tuple[bytes, Image.Image]:
    """The file's content, and its picture still to be decoded (by `array`). Raises `Broken`."""
    try:
        if path.is_dir():
            raise Broken("folder")
        if path.stat().st_size > PICTURE_BYTES:
            raise Broken("too_large", f"{path.stat().st_size} bytes")
        content = path.read_bytes()
    except PermissionError as error:
        raise Broken("no_permission", str(error)) from error
    except FileNotFoundError as error:
        raise Broken("missing", str(error)) from error
    except OSError as error:
        raise Broken("unreadable", str(error)) from error
    if not content:
        raise Broken("empty")
    try:
        image = Image.open(io.BytesIO(content), formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Broken("too_large", str(error)) from error
    except UnidentifiedImageError as error:
        cut = content.startswith(_MAGIC)
        raise Broken("cut_short" if cut else "not_a_picture", "its beginning is damaged" if cut else "") from error
    except Exception as error:  # Pillow's readers raise what their parsing happens to raise
        raise _broken(error) from error
    if image.width * image.height > PICTURE_POINTS:
        raise Broken("too_large", f"{image.width} x {image.height}")
    return content, image


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of `_FORMATS` that this Pillow was built with."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _broken(error: Exception) -> Broken:
    words = f"{type(error).__name__}: {error}"
    short = isinstance(error, EOFError) or "truncated" in words.lower() or "broken data stream" in words
    return Broken("cut_short" if short else "unreadable", words)


def array(image: Image.Image, channels: int, height: int, width: int) -> Array:
    """The picture as the network takes it: (channels, height, width), 0 to 255. Raises `Broken`."""
    try:
        # A JPEG is decoded at 1/2, 1/4 or 1/8 where that is still twice as fine as needed: many times faster.
        image.draft(image.mode, (2 * max(height, width),) * 2)
        image.load()
        flat = _flat(_upright(image)).convert("L" if channels == 1 else "RGB")
        if flat.size != (width, height):
            flat = flat.resize((width, height), Image.Resampling.BILINEAR)
        values = np.asarray(flat, dtype=np.uint8)
    except Image.DecompressionBombError as error:
        raise Broken("too_large", str(error)) from error
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise _broken(error) from error
    return values[None] if channels == 1 else np.ascontiguousarray(values.transpose(2, 0, 1))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error, OSError):
        return image  # damaged EXIF: the points themselves are sound


def _flat(image: Image.Image) -> Image.Image:
    """Without transparency and with 8 bits."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        above = image.convert("RGBA")
        white = Image.new("RGBA", above.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, above).convert("RGB")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if image.mode != "I" or values.max(initial=0) > 255:
            values >>= 8
        return Image.fromarray(values.clip(0, 255).astype(np.uint8))
    return image


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def look(path: Path) -> Look:
    """Read one picture whole, as far as its judging needs. Raises `Broken`."""
    content, image = read_picture(path)
    width, height = image.size
    small = array(image, 3, 32, 32).astype(np.int16)
    colour = bool((small.max(axis=0) - small.min(axis=0)).max() > _COLOUR_DIFFERENCE)
    return Look(digest(content), len(content), width, height, colour)


def survey(found: Scan, progress: Progress = _quiet) -> Survey:
    """Read every picture. Takes about a tenth of a millisecond each for small ones, some for photographs."""
    paths: list[str] = []
    looks: list[Look] = []
    broken: list[tuple[str, Broken]] = []
    for path, result in read_all(found, look, progress):
        if isinstance(result, Broken):
            broken.append((path, result))
        else:
            paths.append(path)
            looks.append(result)
    return Survey(tuple(paths), tuple(looks), tuple(broken))


def read_all(
    found: Scan, read: Callable[[Path], _Result], progress: Progress
) -> Iterator[tuple[str, _Result | Broken]]:
    """`read` every picture on a few threads (Pillow lets them run side by side); results in order."""

    def one(path: str) -> _Result | Broken:
        try:
            return read(found.folder.joinpath(*path.split("/")))
        except Broken as error:
            return error

    progress(0, len(found.paths))
    with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1), thread_name_prefix="pictures") as pool:
        for done, (path, result) in enumerate(zip(found.paths, pool.map(one, found.paths), strict=True), start=1):
            yield path, result
            progress(done, len(found.paths))


def check(found: Scan, counts: dict[str, int], paths: Sequence[str]) -> None:
    """Raise `Failure` where these pictures cannot be trained on."""
    if not counts:
        raise Failure(Code.EMPTY_FOLDER, path=str(found.folder), loose=found.loose)
    if len(counts) == 1:
        raise Failure(Code.ONE_CLASS, path=str(found.folder), name=next(iter(counts)))
    small = {name: count for name, count in counts.items() if count < MINIMUM}
    if small:
        name = min(small, key=lambda key: small[key])
        raise Failure(
            Code.FEW_PICTURES,
            path=str(found.folder),
            name=name,
            count=small[name],
            minimum=MINIMUM,
            classes=small,
            paths=[path for path in paths if class_of(path) in small],
        )


def split(paths: Sequence[str], seed: int) -> dict[str, list[int]]:
    """Indices of `paths` for training, validation and test, class by class, decided by the seed and the names alone.

    A picture that is added or taken away moves few others.
    """
    classes: dict[str, list[int]] = {}
    for index, path in enumerate(paths):
        classes.setdefault(class_of(path), []).append(index)
    result: dict[str, list[int]] = {name: [] for name in SPLITS}
    for members in classes.values():
        drawn = sorted(members, key=lambda index: hashlib.sha256(_name_bytes(f"{seed}\n{paths[index]}")).digest())
        apart = max(1, round(len(drawn) * _SHARE))
        result["test"] += drawn[:apart]
        result["validation"] += drawn[apart : 2 * apart]
        result["train"] += drawn[2 * apart :]
    return {name: sorted(indices) for name, indices in result.items()}


def split_counts(paths: Sequence[str], parts: dict[str, list[int]]) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for name, indices in parts.items():
        counts: dict[str, int] = {}
        for index in indices:
            key = class_of(paths[index])
            counts[key] = counts.get(key, 0) + 1
        result[name] = dict(sorted(counts.items()))
    return result


def fingerprint(paths: Sequence[str], sizes: Sequence[int], digests: Sequence[str]) -> str:
    """Tells whether the pictures are the same: over their names, sizes and contents."""
    whole = hashlib.sha256()
    for path, size, digest in zip(paths, sizes, digests, strict=True):
        whole.update(_name_bytes(f"{path}\0{size}\0{digest}\n"))
    return whole.hexdigest()


def _name_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def sample(paths: Sequence[str]) -> tuple[str, ...]:
    """Enough of them, spread evenly, to see what kind of pictures they are."""
    return tuple(paths[:: max(1, len(paths) // _SAMPLE)])


def input_for(options: dict[str, Any], looks: Sequence[Look]) -> tuple[int, int]:
    """Channels and size of the network's input: what `options` ask for, "auto" decided by the pictures."""
    channels = options.get("channels", "auto")
    size = options.get("size", "auto")
    if channels == "auto":
        channels = 3 if sum(one.colour for one in looks) > len(looks) * 0.05 else 1
    if size == "auto":
        sides = sorted(max(one.width, one.height) for one in looks)
        size = 28 if sides and sides[len(sides) // 2] <= _SMALL else 64
    return int(channels), int(size)


def remarks(found: Scan, counts: dict[str, int], digests: Sequence[str]) -> list[dict[str, Any]]:
    """What is odd about the pictures without stopping a training: codes and values."""
    result: list[dict[str, Any]] = []

    def remark(code: str, **values: Any) -> None:
        result.append({"code": code, "values": values})

    thin = {name: count for name, count in counts.items() if MINIMUM <= count < THIN}
    if thin:
        remark(Code.THIN_CLASS, classes=thin, minimum=THIN)
    if len(counts) > 1:
        smallest = min(counts, key=lambda name: counts[name])
        largest = max(counts, key=lambda name: counts[name])
        if counts[largest] >= _BALANCE * counts[smallest]:
            remark(
                Code.UNBALANCED,
                smallest=smallest,
                smallest_pictures=counts[smallest],
                largest=largest,
                largest_pictures=counts[largest],
            )
    if found.empty:
        remark(Code.EMPTY_CLASSES, names=list(found.empty))
    if found.loose:
        remark(Code.LOOSE_PICTURES, count=found.loose)
    named_like_splits = [name for name in counts if name.lower() in _SPLIT_NAMES]
    if len(named_like_splits) > 1:
        remark(Code.LOOKS_SPLIT, names=named_like_splits)
    same = len(digests) - len(set(digests))
    if same:
        remark(Code.SAME_PICTURE, count=same)
    return result


def inspect(request: dict[str, Any], options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The answer to an ``inspect`` errand; `options` are those of the model asked about."""
    found = scan(Path(request["folder"]), request.get("skip") or (), progress)
    seen = survey(found, progress)
    counts = seen.counts
    digests = [one.digest for one in seen.looks]
    sizes = [one.size for one in seen.looks]
    looks = dict(zip(seen.paths, seen.looks, strict=True))
    channels, side = input_for(options, [looks[path] for path in sample(seen.paths)])
    parts = split(seen.paths, int(request.get("seed", 0)))
    answer: dict[str, Any] = {
        "ok": True,
        "pictures": len(seen.paths),
        "classes": [{"name": name, "pictures": count} for name, count in counts.items()],
        "broken": [{"path": path, "reason": error.reason, "detail": error.detail} for path, error in seen.broken],
        "examples": _examples(seen.paths, int(request.get("examples", 6))),
        "split": split_counts(seen.paths, parts),
        "fingerprint": fingerprint(seen.paths, sizes, digests),
        "warnings": remarks(found, counts, digests),
        "colour": any(one.colour for one in seen.looks),
        "width": _spread([one.width for one in seen.looks]),
        "height": _spread([one.height for one in seen.looks]),
        "input": {"channels": channels, "height": side, "width": side},
        "bytes_in_memory": len(seen.paths) * channels * side * side,
    }
    try:
        check(found, counts, seen.paths)
    except Failure as failure:
        answer.update(ok=False, code=failure.code, values=failure.values, traceback="")
    return answer


def _examples(paths: Sequence[str], most: int) -> list[dict[str, str]]:
    """Up to `most` of each class, spread over its files."""
    classes: dict[str, list[str]] = {}
    for path in paths:
        classes.setdefault(class_of(path), []).append(path)
    result = []
    for name, members in classes.items():
        taken = min(most, len(members))
        result += [{"path": members[index * len(members) // taken], "class": name} for index in range(taken)]
    return result


def _spread(values: list[int]) -> list[int]:
    ordered = sorted(values)
    return [ordered[0], ordered[len(ordered) // 2], ordered[-1]] if ordered else []
