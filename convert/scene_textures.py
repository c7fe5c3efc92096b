"""Prints and patterns for the sample pictures: labels, newsprint, barcodes, cloth. uint8 RGB arrays; no brands."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Texture: TypeAlias = NDArray[np.uint8]

FILLER = (
    "the tray holds one thing at a time and waits for light sorted glass paper old metal from every street "
    "council said that bins were emptied early on monday while rain fell over harbour and market again"
)
WORDS = FILLER.split()


def plain(width: int, height: int, colour: str) -> Image.Image:
    """An empty sheet to draw on."""
    return Image.new("RGB", (width, height), colour)


def array(image: Image.Image) -> Texture:
    """What was drawn, as uint8 (height, width, 3)."""
    return np.asarray(image.convert("RGB"))


def write(
    image: Image.Image, at: tuple[float, float], text: str, size: int, colour: str = "black", *, turn: int = 0
) -> None:
    """Text centred at a place given as fractions of the sheet, turned by `turn` degrees."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    patch = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(patch).text((2 - left, 2 - top), text, fill=255, font=font)
    patch = patch.rotate(turn, expand=True)
    place = (int(at[0] * image.width - patch.width / 2), int(at[1] * image.height - patch.height / 2))
    image.paste(Image.new("RGB", patch.size, colour), place, patch)


def column(image: Image.Image, box: tuple[int, int, int, int], size: int, rng: Generator, colour: str = "#222") -> None:
    """A block of small print in a box given in pixels."""
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for y in range(box[1], box[3] - size, int(size * 1.25)):
        line = ""
        while font.getlength(line) < box[2] - box[0] - 5 * size:
            line += str(rng.choice(WORDS)) + " "
        draw.text((box[0], y), line, fill=colour, font=font)


def barcode(image: Image.Image, box: tuple[int, int, int, int], rng: Generator) -> None:
    """Black bars on a white field."""
    draw = ImageDraw.Draw(image)
    draw.rectangle(box, fill="white")
    x = box[0] + 4
    while x < box[2] - 6:
        width = int(rng.integers(1, 4))
        draw.rectangle((x, box[1] + 4, x + width, box[3] - 4), fill="black")
        x += width + int(rng.integers(2, 5))


def cloud(height: int, width: int, rng: Generator, cells: int = 6, octaves: int = 4) -> NDArray[np.float64]:
    """Soft noise (height, width) about -1..1."""
    total = np.zeros((height, width))
    for k in range(octaves):
        n = cells * 2**k
        small = rng.normal(size=(max(2, n * height // max(height, width)) + 1, n + 1))
        total += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) / 2**k
    return total / 1.5


def mottled(texture: Texture, rng: Generator, amount: float, cells: int = 6, grain: float = 0.0) -> Texture:
    """The texture made uneven by soft noise (`amount`) and noise a pixel (`grain`), as fractions of its brightness."""
    h, w = texture.shape[:2]
    factor = 1 + amount * cloud(h, w, rng, cells) + grain * rng.normal(size=(h, w))
    return np.clip(texture * factor[..., None], 0, 255).astype(np.uint8)


def blended(below: Texture, above: Texture | str, share: NDArray[Any]) -> Texture:
    """`above` laid over `below` where share (height, width) is 1."""
    top = array(plain(1, 1, above)) if isinstance(above, str) else above
    t = np.clip(share, 0, 1)[..., None]
    return np.asarray(below * (1 - t) + top * t).astype(np.uint8)


def softened(picture: NDArray[Any], sigma: float, size: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """A mask or a map as float, resized to (width, height) when given, its edges softened by sigma pixels."""
    value = np.asarray(picture, dtype=np.float64)
    value = value if size is None else np.asarray(cv2.resize(value, size), dtype=np.float64)
    return np.asarray(cv2.GaussianBlur(value, (0, 0), sigma) if sigma else value, dtype=np.float64)


def knit(width: int, height: int, colour: str, stitch: int = 10, depth: float = 0.25) -> Texture:
    """Rows of V-shaped stitches."""
    y, x = np.mgrid[0:height, 0:width]
    wave = np.abs((x / stitch) % 1 - 0.5) * 2
    value = np.abs(((y / stitch) + wave * 0.6) % 1 - 0.5) * 2 * (0.6 + 0.4 * np.sin(np.pi * ((x / stitch) % 1)))
    return _shaded(colour, 1 - depth * (1 - value))


def twill(width: int, height: int, colour: str, pitch: int = 5, depth: float = 0.2) -> Texture:
    """Diagonal ribs, as in denim."""
    y, x = np.mgrid[0:height, 0:width]
    return _shaded(colour, 1 - depth * (((x + y) / pitch) % 1))


def _shaded(colour: str, factor: NDArray[np.float64]) -> Texture:
    base = np.asarray(array(plain(1, 1, colour))[0, 0], dtype=np.float64)
    return np.clip(base * factor[..., None], 0, 255).astype(np.uint8)
