"""Reading pictures that strangers made: whatever is in the file, the answer is RGB pixels or one clear ImageError."""

from __future__ import annotations

import io
import logging
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from edge.errors import ImageError
from edge.model import Pixels

MAX_PIXELS = 50_000_000
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
)

# Only raster formats: Pillow would hand EPS to Ghostscript, which is a program, not a picture.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")
# A JPEG is decoded at 1/2, 1/4 or 1/8 as long as both sides keep this many pixels: four times what a model looks at.
_DRAFT_PX = 1024
_ORIENTATION_TAG = 0x0112
_ROTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's decoders were seen to raise on damaged files, besides OSError (which UnidentifiedImageError is).
_DECODER_ERRORS = (
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
# Pillow logs some kinds of damage, too; the ImageError says it better, and once.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
# warnings.catch_warnings changes the whole process and must not be entered by two threads at once.
_quiet = threading.Lock()


def read_image(source: Path | bytes, max_pixels: int = MAX_PIXELS, name: str | None = None) -> Pixels:
    """uint8 (height, width, 3) RGB, upright.

    EXIF rotation is applied; of an animation the first frame is taken; 16-bit grey is scaled; CMYK, grey, palette and
    transparency become RGB on white; a large JPEG comes at a half, a quarter or an eighth of its size.
    `name` is what an ImageError calls bytes. The size is checked before anything is decoded; max_pixels counts after a
    JPEG's reduction, which costs no memory.
    """
    name = name or (str(source) if isinstance(source, Path) else "image")
    with _opened(source, name) as stream:
        try:
            with _quiet, warnings.catch_warnings(action="ignore"), _open(stream) as image:
                _check_size(image, max(max_pixels, MAX_PIXELS), name)
                image.draft(None, (_DRAFT_PX, _DRAFT_PX))
                _check_size(image, max_pixels, name)
                return _pixels(image)
        except _DECODER_ERRORS as error:
            raise ImageError(_explain(error, stream, name)) from error


@contextmanager
def _opened(source: Path | bytes, name: str) -> Iterator[IO[bytes]]:
    """The source as a stream; anything but a regular file with something in it is refused (a FIFO would block)."""
    if isinstance(source, bytes):
        if not source:
            raise ImageError(f"{name}: empty (0 bytes).")
        yield io.BytesIO(source)
        return
    try:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
            raise ImageError(f"{name}: {kind}, not an image file.")
        if not status.st_size:
            raise ImageError(f"{name}: empty (0 bytes).")
        stream = source.open("rb")
    except OSError as error:
        raise ImageError(f"{name}: {error.strerror}.") from error
    with stream:
        yield stream


def _open(stream: IO[bytes]) -> Image.Image:
    Image.init()
    return Image.open(stream, formats=[f for f in _FORMATS if f in Image.OPEN])


def _check_size(image: Image.Image, max_pixels: int, name: str) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} pixels are too many (at most {max_pixels / 1e6:g} million): make it smaller."
        )


def _pixels(image: Image.Image) -> Pixels:
    image.load()
    rotation = _ROTATIONS.get(_orientation(image))
    rgb = _to_rgb(image)
    return np.array(rgb if rotation is None else rgb.transpose(rotation), dtype=np.uint8)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except _DECODER_ERRORS:
        return 1  # damaged EXIF says nothing about the picture, which was decoded before


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_16_bit(image).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is anybody's guess")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    # Pillow's own conversion of these modes to 8 bits clips at 255 and so turns nearly everything white.
    values = np.asarray(image)
    if values.max() > 0xFFFF or values.min() < 0:
        raise ValueError("more than 16 bits a channel")
    return Image.fromarray((values // 257).astype(np.uint8))


def _explain(error: Exception, stream: IO[bytes], name: str) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"{name}: far too many pixels to be read safely: make it smaller."
    stream.seek(0)
    if stream.read(12)[4:8] == b"ftyp":
        return f"{name}: a HEIC, AVIF or video file that cannot be read here: save it as JPEG or PNG."
    if isinstance(error, UnidentifiedImageError):
        return f"{name}: not an image that can be read (JPEG, PNG, WebP, BMP, GIF, TIFF can)."
    return f"{name}: damaged, cut off or of an unusual kind ({error})."
