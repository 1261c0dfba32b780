"""One file of a picture, read and judged. Needs Pillow and numpy, not PyTorch.

Every picture goes the same way in training and in prediction: first frame, turned upright by its EXIF, transparency
laid on white, 16-bit grey brought to 8, grey or colour as the network wants it, stretched to the network's size.
"""

from __future__ import annotations

import functools
import hashlib
import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ..protocol import PICTURE_BYTES, PICTURE_POINTS

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
_COLOUR_DIFFERENCE = 16  # between the channels of one point, of 255; less is a scanner's tint

Array = npt.NDArray[np.uint8]


class Broken(Exception):
    """A file that cannot be read as a picture: `reason` is one of the protocol's, `detail` the library's words."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Look:
    """What one readable picture is."""

    digest: str
    size: int
    width: int
    height: int
    colour: bool


def has_ending(name: str) -> bool:
    """Whether a file is called like a picture."""
    return Path(name).suffix.lower() in _ENDINGS


def is_picture(path: Path) -> bool:
    """Whether it is to be taken for a picture: by its ending, without one by its first bytes."""
    if path.suffix:
        return has_ending(path.name)
    # One that cannot be opened is taken for a picture, so that it is reported.
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
