"""Render the demo's sample pictures: a bin's tray seen from above by a wide camera, empty or with one item on it.

    python -m convert.render_samples --out edge/samples [--only glass-green-bottle]

Needs mitsuba (`pip install 'smart-bin[render]'`). Every item is built by convert.scenes from numbers alone and
has its own seed, so with one variant the same name gives the same picture. The tray is rendered once; with an item,
only the item's surroundings are rendered again and laid over it. About 15 s a picture on two cores with
`--variant llvm_ad_rgb`; the variant that needs no LLVM takes twice as long.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.scene_parts import is_clear
from convert.scene_shapes import write_ply
from convert.scenes import ITEMS, Part, room, tray

WIDTH, HEIGHT = 640, 480
FIELD_OF_VIEW = 60.0  # degrees, across
CAMERA_AT = (0.0, -4.5, 38.0)  # cm
LOOKS_AT = (0.0, -0.3, 0.0)
EXPOSURE = 1.65
CLEAR_NEEDS = 6  # times the light paths: a caustic under glass is found by chance alone
BRIGHTEST = 6.0  # radiance is cut here in every pass: what is brighter is white anyway, and noisy
EMPTY = ("empty-1", "empty-2")


def main(argv: Sequence[str] | None = None) -> int:
    """Render all samples, or those named. Returns the exit code."""
    args = _arguments(argv)
    names = args.only or [*EMPTY, *ITEMS]
    unknown = sorted(set(names) - {*EMPTY, *ITEMS})
    if unknown:
        print(f"no such sample: {', '.join(unknown)}; there are {', '.join([*EMPTY, *ITEMS])}", file=sys.stderr)
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    quality = Quality(args.variant, args.width, args.samples)
    for k, name in enumerate(names, 1):
        began = time.monotonic()
        picture = sample(name, quality)
        path = args.out / f"{name}.jpg"
        cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, args.quality])
        print(f"[{k}/{len(names)}] {path}: {time.monotonic() - began:.0f} s", flush=True)
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m convert.render_samples", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the .jpg files")
    parser.add_argument("--only", action="append", metavar="NAME", help="this sample; may be given again")
    parser.add_argument("--samples", type=int, default=64, help="light paths a pixel (%(default)s)")
    parser.add_argument("--width", type=int, default=WIDTH, help="pixels; the height is three quarters of it")
    parser.add_argument("--quality", type=int, default=90, help="of the JPEG (%(default)s)")
    parser.add_argument("--variant", default="scalar_rgb", help="mitsuba's; llvm_ad_rgb needs a recent libLLVM")
    return parser.parse_args(argv)


class Quality(NamedTuple):
    """How to render: mitsuba's variant, the picture's width in pixels, light paths a pixel."""

    variant: str = "scalar_rgb"
    width: int = WIDTH
    samples: int = 64


def sample(name: str, quality: Quality) -> NDArray[np.uint8]:
    """One sample picture, uint8 RGB (3/4 width, width, 3). name: of an item, or one of EMPTY."""
    seed = zlib.crc32(name.encode())
    light = empty_tray(quality)
    if name not in EMPTY:
        parts = ITEMS[name](np.random.default_rng(seed))
        window = surroundings(parts, quality.width)
        more = CLEAR_NEEDS if is_clear(parts) else 1
        near = render([*tray(), *parts], seed, quality._replace(samples=quality.samples * more), window)
        light = laid_over(light, near, window)
    return developed(light, np.random.default_rng(seed + 1))


@functools.cache
def empty_tray(quality: Quality) -> NDArray[np.float32]:
    """The tray alone, in linear light, float32 (3/4 width, width, 3)."""
    return render(tray(), 1, quality, Window(0, 0, quality.width, quality.width * 3 // 4))


class Window(NamedTuple):
    """A part of the picture, in pixels."""

    left: int
    top: int
    width: int
    height: int


def surroundings(parts: Sequence[Part], width: int) -> Window:
    """The item in the picture with room for its shadow, cut to the frame."""
    eye, aim = np.array(CAMERA_AT), np.array(LOOKS_AT)
    forward = (aim - eye) / np.linalg.norm(aim - eye)
    right = np.array([1.0, 0.0, 0.0])
    up = np.cross(right, forward)
    seen = np.concatenate([part.mesh.points for part in parts]) - eye
    focal = width / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
    x = width / 2 + focal * (seen @ right) / (seen @ forward)
    y = width * 3 / 8 - focal * (seen @ up) / (seen @ forward)
    room_px = width // 8
    left, top = max(0, int(x.min()) - room_px), max(0, int(y.min()) - room_px)
    end, bottom = min(width, int(x.max()) + room_px), min(width * 3 // 4, int(y.max()) + room_px)
    return Window(left, top, end - left, bottom - top)


def laid_over(light: NDArray[np.float32], near: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    """`near` in its window of `light`, fading out towards the window's edges where these are not the frame's."""
    h, w = light.shape[:2]
    inside = np.zeros((h, w), np.float32)
    rows, columns = slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
    inside[rows, columns] = 1
    fade = cv2.distanceTransform(np.pad(inside, 1, mode="edge").astype(np.uint8), cv2.DIST_C, 3)[1:-1, 1:-1] / (w / 20)
    share = np.clip(fade, 0, 1)[rows, columns, None] if not inside.all() else np.float32(1)
    out = light.copy()
    out[rows, columns] = near * share + light[rows, columns] * (1 - share)
    return out


def render(parts: Sequence[Part], seed: int, quality: Quality, window: Window) -> NDArray[np.float32]:
    """A window of the picture in linear light, float32, averaged over passes without each pixel's brightest one."""
    import mitsuba as mi  # noqa: PLC0415 - an optional dependency of this command alone

    mi.set_variant(quality.variant)
    mi.set_log_level(mi.LogLevel.Error)
    passes = 8 if quality.samples >= 8 else 1
    with tempfile.TemporaryDirectory() as folder:
        scene = mi.load_dict(_scene(mi, parts, Path(folder), _camera(mi, quality, passes, window)))
        taken = [np.array(mi.render(scene, seed=(seed + k) % 2**31)) for k in range(passes)]
    stack = np.sort(np.minimum(np.stack(taken), BRIGHTEST), axis=0)
    kept: NDArray[np.float32] = stack[: max(1, passes - 1)].mean(axis=0)
    # What dropping the brightest pass takes away on average is given back, so that dark noise does not darken.
    smooth = cv2.GaussianBlur(stack.mean(axis=0), (0, 0), 2.0) / np.maximum(cv2.GaussianBlur(kept, (0, 0), 2.0), 1e-4)
    return np.asarray(kept * np.clip(smooth, 1, 2), dtype=np.float32)


def _camera(mi: Any, quality: Quality, passes: int, window: Window) -> dict[str, Any]:
    film = {"width": quality.width, "height": quality.width * 3 // 4, "component_format": "float32"}
    crop = dict(zip(("crop_offset_x", "crop_offset_y", "crop_width", "crop_height"), window, strict=True))
    return {
        "type": "perspective",
        "fov": FIELD_OF_VIEW,
        "to_world": mi.ScalarTransform4f().look_at(origin=CAMERA_AT, target=LOOKS_AT, up=(0, 1, 0)),
        "film": {"type": "hdrfilm", "pixel_format": "rgb", **film, **crop},
        "sampler": {"type": "independent", "sample_count": max(1, quality.samples // passes)},
    }


def _scene(mi: Any, parts: Sequence[Part], folder: Path, camera: dict[str, Any]) -> dict[str, Any]:
    transform = mi.ScalarTransform4f
    scene: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": 16, "rr_depth": 6},
        "sensor": camera,
        "room": {"type": "envmap", "bitmap": mi.Bitmap(room()), "to_world": transform().rotate((1, 0, 0), 90)},
        "lamp": {
            "type": "rectangle",
            "to_world": transform().look_at(origin=(-22, 24, 52), target=(0, 0, 0), up=(0, 1, 0)).scale((18, 9, 1)),
            "emitter": {"type": "area", "radiance": {"type": "rgb", "value": (6.2, 6.0, 5.7)}},
        },
    }
    for k, part in enumerate(parts):
        path = folder / f"{k}.ply"
        write_ply(part.mesh, path)
        scene[f"part{k}"] = {"type": "ply", "filename": str(path), "bsdf": _material(mi, part.material)}
    return scene


def _material(mi: Any, value: Any) -> Any:
    """A material of convert.scenes for mitsuba: pictures become bitmaps, row 0 at v = 1; #rrggbb becomes linear."""
    if isinstance(value, np.ndarray):
        return {"type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(value[::-1]))}
    if isinstance(value, str) and value.startswith("#"):
        code = np.array([int(value[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return {"type": "rgb", "value": list(np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4))}
    if isinstance(value, dict):
        return {key: _material(mi, item) for key, item in value.items()}
    return value


def developed(light: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Linear light as a small camera shows it: tone curve, dark corners, a soft lens, the sensor's noise."""
    h, w = light.shape[:2]
    y, x = np.mgrid[0:h, 0:w]
    corner = ((x / w - 0.5) ** 2 + (y / h - 0.5) ** 2) * 2
    exposed = light * EXPOSURE * (1 - 0.25 * corner)[..., None] * rng.normal(1, 0.008, 3)
    shown = np.where(exposed < 0.7, exposed, 0.7 + 0.3 * (1 - np.exp(-(exposed - 0.7) / 0.3)))  # highlights roll off
    coded = np.where(shown <= 0.0031308, shown * 12.92, 1.055 * np.maximum(shown, 1e-6) ** (1 / 2.4) - 0.055)
    clean = cv2.fastNlMeansDenoisingColored(np.clip(coded * 255, 0, 255).astype(np.uint8), None, 2, 4, 5, 15)
    lens = cv2.GaussianBlur(clean, (0, 0), 0.55).astype(np.float64)
    grain = rng.normal(0, 1.6, (h, w, 1)) + rng.normal(0, 0.7, (h, w, 3))
    shot: NDArray[np.uint8] = np.clip(lens + grain + 0.5, 0, 255).astype(np.uint8)
    return shot


if __name__ == "__main__":
    sys.exit(main())
