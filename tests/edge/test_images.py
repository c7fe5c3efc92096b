from __future__ import annotations

import io
import os
import random
import re
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import ImageError
from edge.images import read_image
from edge.model import Pixels

_RED = (200, 30, 20)


def _photo(width: int = 48, height: int = 32) -> Image.Image:
    """Left half red, right half blue: shows rotation and colour order alike."""
    image = Image.new("RGB", (width, height), _RED)
    image.paste((20, 30, 200), (width // 2, 0, width, height))
    return image


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _near(pixel: Pixels, colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    return bool(np.all(np.abs(pixel.astype(int) - colour) <= tolerance))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000"])
def test_common_formats_from_a_file_and_from_bytes(tmp_path: Path, kind: str) -> None:
    content = _encoded(_photo(), kind)
    path = tmp_path / "photo"
    path.write_bytes(content)

    pixels = read_image(path)

    assert pixels.shape == (32, 48, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert _near(pixels[16, 4], _RED, 12)
    assert np.array_equal(read_image(content), pixels)


_UPRIGHT_CORNER = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    stored = Image.new("RGB", (64, 32), "white")
    stored.paste("black", (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation

    pixels = read_image(_encoded(stored, kind, exif=exif))

    assert pixels.shape[:2] == ((32, 64) if orientation < 5 else (64, 32))
    row, column = _UPRIGHT_CORNER[orientation]
    assert pixels[-4 if row else 4, -4 if column else 4].max() < 20
    assert (pixels[..., 0] < 20).mean() == pytest.approx(1 / 8, abs=0.02), "and nowhere else"


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert read_image(_encoded(_photo(), "JPEG", exif=exif)).shape == (32, 48, 3)


def test_damaged_exif_does_not_cost_the_picture() -> None:
    content = _encoded(_photo(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f" + bytes(20))

    assert _near(read_image(content)[16, 4], _RED)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]

    pixels = read_image(_encoded(frames[0], kind, save_all=True, append_images=frames[1:]))

    assert _near(pixels[16, 16], (255, 0, 0), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_greyscale_becomes_three_equal_channels(kind: str) -> None:
    pixels = read_image(_encoded(Image.new("L", (20, 10), 90), kind))

    assert pixels.shape == (10, 20, 3)
    assert np.all(pixels == 90)


def test_one_bit_becomes_black_and_white() -> None:
    assert np.all(read_image(_encoded(Image.new("1", (20, 10), 1), "PNG")) == 255)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind: str) -> None:
    pixels = read_image(_encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), kind))

    assert _near(pixels[8, 8], (255, 0, 0), 8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    values = np.linspace(0, 65535, 256).round().astype(np.uint16)[None].repeat(4, axis=0)

    pixels = read_image(_encoded(Image.fromarray(values), kind))

    assert np.all(np.abs(pixels[0, :, 1].astype(int) - np.arange(256)) <= 1)


def test_sixteen_bits_big_endian() -> None:
    image = Image.frombytes("I;16B", (4, 4), struct.pack(">H", 0x8000) * 16)

    assert np.all(np.abs(read_image(_encoded(image, "TIFF")).astype(int) - 127) <= 1)


def test_more_than_sixteen_bits_are_refused() -> None:
    image = Image.fromarray(np.full((4, 4), 1_000_000, np.int32))

    with pytest.raises(ImageError, match="more than 16 bits"):
        read_image(_encoded(image, "TIFF"))


def test_floating_point_is_refused() -> None:
    image = Image.fromarray(np.full((4, 4), 0.5, np.float32))

    with pytest.raises(ImageError, match="floating-point"):
        read_image(_encoded(image, "TIFF"))


def _palette() -> Image.Image:
    image = Image.new("P", (16, 16), 0)
    image.putpalette([200, 30, 20, 0, 0, 0])
    return image


def test_a_palette_is_looked_up() -> None:
    assert _near(read_image(_encoded(_palette(), "PNG"))[8, 8], _RED)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_encoded(Image.new("RGBA", (16, 16), (10, 20, 30, 0)), "PNG"), id="rgba"),
        pytest.param(_encoded(Image.new("LA", (16, 16), (10, 0)), "PNG"), id="grey with alpha"),
        pytest.param(_encoded(_palette(), "PNG", transparency=0), id="palette index"),
        pytest.param(_encoded(_palette(), "PNG", transparency=b"\x00\x01"), id="palette bytes"),
        pytest.param(_encoded(Image.new("RGB", (16, 16), _RED), "PNG", transparency=_RED), id="colour key"),
        pytest.param(_encoded(_palette(), "GIF", transparency=0), id="gif"),
        pytest.param(_encoded(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "WEBP", lossless=True), id="webp"),
    ],
)
def test_what_is_transparent_shows_white(content: bytes) -> None:
    assert np.all(read_image(content) == 255)


def test_half_transparent_is_mixed_with_white() -> None:
    pixels = read_image(_encoded(Image.new("RGBA", (16, 16), (255, 0, 0, 128)), "PNG"))

    assert _near(pixels[8, 8], (255, 127, 127), 2)


def test_a_large_jpeg_comes_smaller_but_larger_than_any_model_needs() -> None:
    pixels = read_image(_encoded(_photo(4096, 3072), "JPEG"))

    assert pixels.shape == (1536, 2048, 3)
    assert _near(pixels[700, 100], _RED)


def _bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims a size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


# Below Pillow's own limit, where it warns, and where it raises.
@pytest.mark.parametrize("side", [8_000, 11_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_bomb(side, side))

    with pytest.raises(ImageError, match=r"bomb\.png: .*pixels.*: make it smaller"):
        read_image(path)


def test_the_limit_is_on_the_number_of_pixels() -> None:
    content = _encoded(_photo(100, 50), "PNG")

    assert read_image(content, max_pixels=5000).shape == (50, 100, 3)
    with pytest.raises(ImageError, match=r"100 x 50 pixels are too many \(at most 0\.004999 million\)"):
        read_image(content, max_pixels=4999)


def test_the_limit_counts_what_is_decoded_of_a_large_jpeg() -> None:
    content = _encoded(Image.new("RGB", (4096, 3072)), "JPEG")
    assert read_image(content, max_pixels=3_200_000).shape == (1536, 2048, 3)
    with pytest.raises(ImageError, match="too many"):
        read_image(content, max_pixels=3_000_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_cut_file_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = _encoded(Image.fromarray(noise), kind)
    path = tmp_path / "cut.img"
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(ImageError, match=r"cut\.img: "):
        read_image(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000"])
def test_damage_anywhere_is_an_image_error_or_pixels(kind: str) -> None:
    chance = random.Random(5)
    content = _encoded(_photo(), kind)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            pixels = read_image(bytes(damaged), max_pixels=1_000_000)
        except ImageError as error:
            assert str(error).startswith("image: ")
        else:
            assert pixels.ndim == 3
            assert pixels.dtype == np.uint8


@pytest.mark.parametrize(
    "content", [b"hello", b"<html>", bytes(1000), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]
)
def test_what_is_no_image(content: bytes) -> None:
    with pytest.raises(ImageError, match="upload: not an image that can be read"):
        read_image(content, name="upload")


def test_a_heic_photo_says_what_to_do() -> None:
    with pytest.raises(ImageError, match=r"IMG_1\.HEIC: a HEIC, AVIF or video file .* save it as JPEG"):
        read_image(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", name="IMG_1.HEIC")


def test_avif_where_pillow_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    content = _encoded(_photo(), "AVIF")
    Image.init()
    monkeypatch.delitem(Image.OPEN, "AVIF")

    with pytest.raises(ImageError, match="HEIC, AVIF or video file that cannot be read here"):
        read_image(content)


def test_nothing_at_all(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()

    with pytest.raises(ImageError, match=r"empty\.jpg: empty \(0 bytes\)"):
        read_image(path)
    with pytest.raises(ImageError, match=r"image: empty \(0 bytes\)"):
        read_image(b"")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg: No such file or directory"):
        read_image(tmp_path / "gone.jpg")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="a folder, not an image file"):
        read_image(tmp_path)


@pytest.mark.timeout(20)
def test_a_pipe_that_nobody_writes_to_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")

    with pytest.raises(ImageError, match=r"pipe\.jpg: a device or a pipe, not an image file"):
        read_image(tmp_path / "pipe.jpg")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device(device: str) -> None:
    with pytest.raises(ImageError, match=f"{device}: a device or a pipe"):
        read_image(Path(device))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(_encoded(_photo(), "PNG"))
    path.chmod(0)

    with pytest.raises(ImageError, match=r"secret\.png: Permission denied"):
        read_image(path)


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_file_stays_open(tmp_path: Path) -> None:
    contents = {"good.png": _encoded(_photo(), "PNG"), "bad.png": b"\x89PNG", "bomb.png": _bomb(9000, 9000)}
    before = _open_files()
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        for _ in range(20):
            try:
                read_image(tmp_path / name)
            except ImageError:
                continue

    assert _open_files() == before


def test_pillow_does_not_warn_and_the_filters_of_the_process_stay() -> None:
    content = _encoded(_palette(), "PNG", transparency=b"\x00\x01")
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_image(content)
        with pytest.raises(ImageError):
            read_image(_bomb(11_000, 11_000))

    assert caught == []
    assert warnings.filters == before


def test_several_threads_read_at_once() -> None:
    content = _encoded(_photo(), "PNG")
    before = list(warnings.filters)
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.extend(_near(read_image(content)[16, 4], _RED) for _ in range(20)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [True] * 120
    assert warnings.filters == before


def test_the_sentence_names_the_file_and_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "note.jpg"
    path.write_text("not a picture")

    with pytest.raises(ImageError) as caught:
        read_image(path)

    assert re.fullmatch(rf"{re.escape(str(path))}: [^\n]+\.", str(caught.value))
