"""Pictures of what none of the classes is, to measure what a bin makes of them: trays, hands, faces, animals, things.

    python tests/bench/unknown_things.py --out build/unknown

Writes OUT/choose/KIND/*.png and OUT/report/KIND/*.png: a method is chosen on the first half and reported on the second;
no source picture is in both. Then

    smartbin-convert verify MODEL --splits SPLITS.csv --part validation --unknown OUT/report

Nothing is committed here, the sources are downloaded with apt-get and pip:

    tuxpaint-stamps-default  Debian, GPL-2               cut-out photos of animals and objects, drawn hands
    gimp-data                Debian, GPL-3+              photographed and made wood, fabric, leather, stone
    sweethome3d              Debian, GPL-2+              photographed floors, stone, walls
    opencv-doc               Debian, Apache-2.0 / BSD    photos of people, buildings, things
    scikit-image             PyPI, BSD-3 and public domain (its data/README.txt)   faces, a cat, surfaces, scenes
    scikit-learn             PyPI, CC BY                 two scenes
    face_recognition         PyPI, MIT; official portraits of a US government       faces

Things that belong to a class are left out: food, clothes, tools of bare metal, glasses, pots. OUT/control/known holds
fruit and vegetables put on the same trays in the same way, which a bin should answer. Hands are drawn, not
photographed: an outline filled with skin, or fingers and a forearm put together from capsules.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from edge.images import read_image
from edge.model import Pixels

_Picture: TypeAlias = NDArray[np.float64]  # (height, width, 3), 0..255
_Make: TypeAlias = Callable[[Generator], _Picture]

SIDE = 320
DEBIAN = ("tuxpaint-stamps-default", "gimp-data", "sweethome3d", "opencv-doc")
PYPI = ("scikit-image", "scikit-learn", "face_recognition")
NO_SURFACE = (
    "3dgreen", "blue", "bluegrid", "bluesky", "bluesq", "blueweb", "boxtree", "cloudy", "craters", "crinkle",
    "electric", "lightning", "moonfoot", "nops", "paper", "pastel", "qube1", "rain", "recessed", "redcube", "sky",
    "sm_squares", "starfield", "stripes", "verycloudy", "warning",
)  # fmt: skip
OBJECTS = (
    "hobbies", "sports/australian_rules_football", "sports/basketball", "sports/cricketball", "sports/football",
    "sports/soccer", "sports/tennis", "medical/stethoscope", "vehicles/7spoke", "vehicles/auto",
    "vehicles/construction/dumper", "vehicles/cycle", "vehicles/emergency/firetruck", "vehicles/emergency/sedan",
    "vehicles/flight/balloon", "vehicles/flight/planes/747", "vehicles/garbagetruck", "vehicles/masstransit/green",
    "vehicles/race", "vehicles/ship/chinese", "vehicles/ship/walnut", "vehicles/wheel", "military/vehicles/bradley",
    "military/vehicles/f22", "military/vehicles/infantry", "people/fireman", "people/toys",
    "animals/mammals/bears/toys", "household/toilet", "household/wheelie", "household/tools/cementmixer",
    "household/tools/hammer", "household/tools/saw", "household/tools/spade", "household/tools/paintbrush",
    "household/dishes/utensils/pepper",
)  # fmt: skip
CONTROL = ("food/fruit", "food/vegetables")
FACES = ("astronaut.png", "camera.png", "biden", "obama", "lena", "messi")
ANIMALS = ("chelsea.png", "baboon", "HappyFish", "butterfly", "squirrel")
SCENES = (
    "coffee.png", "motorcycle_left", "rocket.jpg", "china.jpg", "home.jpg", "building.jpg", "leuvenA", "aero1",
    "board.jpg", "graf1", "aloeL",
)  # fmt: skip


def main() -> int:
    """Download, make, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=2, help="pictures of each source (%(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        fetch(root)
        for kind, source, make in everything(root):
            for view in range(args.views * (3 if kind == "face" else 1)):  # there are few photos of faces
                seed = zlib.crc32(f"{kind}/{source}/{view}".encode())
                part = "choose" if zlib.crc32(source.encode()) % 2 else "report"
                path = args.out / ("control" if kind == "known" else part) / kind / f"{Path(source).stem}-{view}.png"
                if path.exists():
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.clip(make(np.random.default_rng(seed)), 0, 255).astype(np.uint8)).save(path)
    for folder in sorted(args.out.glob("*/*")):
        print(f"{folder}: {len(list(folder.iterdir()))}")
    return 0


def fetch(root: Path) -> None:
    """Every package, unpacked below root."""
    subprocess.run(["apt-get", "download", "-q", *DEBIAN], cwd=root, check=True)
    for package in root.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root / "debian")], check=True)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(root / "pypi")]
    subprocess.run([*pip, *PYPI, "--no-binary", "face_recognition"], check=True)
    for archive in [*(root / "pypi").iterdir(), *root.rglob("sweethome3d.jar")]:
        if archive.name.endswith(".gz"):
            with tarfile.open(archive) as tar:
                tar.extractall(root / "pypi", filter="data")
        else:
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(root / "unzipped")


def everything(root: Path) -> Iterator[tuple[str, str, _Make]]:
    """Kind, name of the source, how to make a picture of it."""
    surfaces = _surfaces(root)
    trays: list[_Make] = [lambda rng, p=path: _photographed(p, rng) for path in surfaces]  # type: ignore[misc] # of p
    for path, make in zip(surfaces, trays, strict=True):
        yield "tray", path.name, lambda rng, m=make: shot(m(rng), rng)  # type: ignore[misc] # of m
    for number in range(60):
        yield "tray", f"made-{number}", lambda rng: shot(_made_tray(rng), rng)
        yield "hand", f"made-{number}", lambda rng: shot(_laid(_made_hand(rng), _made_tray(rng), rng, spread=0.15), rng)
    stamps = root / "debian/usr/share/tuxpaint/stamps"
    for path in sorted((stamps / "symbols/alphabets/asl").glob("*.png")):
        yield "hand", path.name, lambda rng, p=path: shot(_laid(_skinned(p, rng), _made_tray(rng), rng), rng)  # type: ignore[misc] # of p
    for kind, path in _stamps(stamps):
        yield kind, path.name, lambda rng, p=path: shot(_laid(_rgba(p), _made_tray(rng), rng), rng)  # type: ignore[misc] # of p
    for kind, path in _photos(root):
        yield kind, path.name, lambda rng, p=path: shot(_cropped(read_image(p), rng), rng)  # type: ignore[misc] # of p


def _surfaces(root: Path) -> list[Path]:
    found = [*root.rglob("*.pat"), *root.glob("unzipped/com/eteks/sweethome3d/io/resources/textures/*.jpg")]
    found += [*root.rglob("skimage/data/gravel.png"), *root.rglob("skimage/data/brick.png")]
    return sorted(path for path in found if not any(word in path.name.lower() for word in NO_SURFACE))


def _stamps(stamps: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(stamps.rglob("*.png")):
        name = path.relative_to(stamps).as_posix()
        if "cartoon" in name or "mirror" in name:
            continue
        if name.startswith(OBJECTS):
            yield "object", path
        elif name.startswith(CONTROL):
            yield "known", path
        elif name.startswith("animals") and "shellfish" not in name and "fish/" not in name:
            yield "animal", path


def _photos(root: Path) -> Iterator[tuple[str, Path]]:
    folders = ("unzipped/skimage/data", "unzipped/sklearn/datasets/images", "pypi/face_recognition*/tests/test_images")
    found = [path for folder in folders for path in root.glob(f"{folder}/*.*")]
    found += (root / "debian/usr/share/doc/opencv-doc/examples/data").glob("*.*")
    for kind, names in (("face", FACES), ("animal", ANIMALS), ("scene", SCENES)):
        for path in sorted(found):
            if path.name.startswith(names):
                yield kind, path


def _photographed(path: Path, rng: Generator) -> _Picture:
    """A surface that fills the picture; the pattern is laid side by side."""
    tile = _gimp_pattern(path) if path.suffix == ".pat" else read_image(path)
    factor = rng.uniform(0.8, 1.8)
    tile = np.asarray(cv2.resize(tile, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR))
    times = (SIDE // tile.shape[0] + 2, SIDE // tile.shape[1] + 2, 1)
    return np.tile(tile, times)[:SIDE, :SIDE].astype(np.float64)


def _gimp_pattern(path: Path) -> Pixels:
    """Header of big-endian 32-bit numbers (length, version, width, height, channels, mark), a name, then the pixels."""
    content = path.read_bytes()
    length, _, width, height, channels, _ = np.frombuffer(content[:24], ">u4").tolist()
    pixels = np.frombuffer(content[length : length + width * height * channels], np.uint8)
    shaped = pixels.reshape(height, width, channels)
    return np.repeat(shaped[..., :1], 3, axis=2) if channels < 3 else shaped[..., :3]


def _cloud(rng: Generator, across: int, down: int) -> NDArray[np.float64]:
    """Soft noise, (SIDE, SIDE), about -1..1, with so many lumps each way."""
    small = rng.normal(size=(down + 2, across + 2))
    return np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), dtype=np.float64) / 1.5


def _made_tray(rng: Generator) -> _Picture:
    """Steel, wood, plastic or cloth, with scratches, seen whole with its rim or from near."""
    kind = rng.choice(["steel", "wood", "plastic", "cloth"])
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    if kind == "steel":
        colour, grain = np.array([1, 1, 1.03]) * rng.uniform(95, 205), 9 * _cloud(rng, 4, 300) + 12 * _cloud(rng, 2, 2)
    elif kind == "wood":
        rings = np.sin((x / rng.uniform(6, 25) + 2 * _cloud(rng, 2, 5)) + 0.4 * _cloud(rng, 200, 3))
        colour, grain = np.array([1, 0.76, 0.53]) * rng.uniform(110, 225), 10 * rings + 7 * _cloud(rng, 300, 4)
    elif kind == "plastic":
        colour, grain = rng.uniform(25, 235) + rng.normal(0, 22, 3), 3 * _cloud(rng, 4, 4) + 2 * _cloud(rng, 300, 300)
    else:
        pitch = rng.uniform(3, 9)
        weave = np.sin(2 * np.pi * x / pitch) * np.sin(2 * np.pi * y / pitch)
        colour, grain = rng.uniform(30, 220) + rng.normal(0, 25, 3), 12 * weave + 9 * _cloud(rng, 120, 120)
    tray = colour + grain[..., None]
    for _ in range(int(rng.integers(0, 12))):
        ends = rng.uniform(0, SIDE, 4).astype(int).tolist()
        cv2.line(
            tray, (ends[0], ends[1]), (ends[2], ends[3]), (colour * rng.uniform(0.85, 1.1)).tolist(), 1, cv2.LINE_AA
        )
    if rng.random() < 0.3:
        edge = int(rng.integers(8, 45))
        inside = np.zeros((SIDE, SIDE))
        inside[edge : SIDE - edge, edge : SIDE - edge] = 1
        tray = tray * (0.55 + 0.45 * cv2.GaussianBlur(inside, (0, 0), rng.uniform(1, 5)))[..., None]
    return tray


def _rgba(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))


def _skin(rng: Generator) -> NDArray[np.float64]:
    return np.array([232, 182, 150]) * rng.uniform(0.35, 1.05) + rng.normal(0, 6, 3)


def _skinned(path: Path, rng: Generator) -> Pixels:
    """A hand that is drawn in lines, filled with skin."""
    drawn = _rgba(path)
    lines = (drawn[..., 3] > 80).astype(np.uint8)
    closed = cv2.morphologyEx(np.pad(lines, 20), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))[20:-20, 20:-20]
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = cv2.drawContours(np.zeros_like(lines), outlines, -1, 1, cv2.FILLED)
    depth = np.minimum(cv2.distanceTransform(solid, cv2.DIST_L2, 5) / 25, 1)
    shade = (0.6 + 0.4 * depth) * (1 - 0.5 * cv2.GaussianBlur(lines.astype(np.float64), (0, 0), 2))
    skin = np.clip(_skin(rng) * shade[..., None], 0, 255).astype(np.uint8)
    return np.dstack([skin, solid * np.uint8(255)])


def _made_hand(rng: Generator) -> Pixels:
    """A hand with its forearm from above: capsules as a height map, lit from one side."""
    height = np.zeros((400, 400))
    wrist, spread = np.array([200.0, 250.0]), rng.uniform(0.6, 1.3)
    _capsule(height, np.array([200 + rng.normal(0, 30), 399]), wrist, 38)
    for side in (-28, 0, 28):
        _capsule(height, wrist, np.array([200.0 + side, 175]), 34)
    for angle, length in zip((-0.32, -0.1, 0.1, 0.3), (90, 108, 100, 74), strict=True):
        turn, bent = angle * spread, length * rng.uniform(0.45, 1)
        root = np.array([200 + 150 * angle, 165.0])
        _capsule(height, root, root + bent * np.array([np.sin(turn), -np.cos(turn)]), 15)
    out = rng.uniform(0.5, 1.2)
    _capsule(height, np.array([165.0, 225]), np.array([165 - 75 * np.sin(out), 225 - 75 * np.cos(out)]), 18)
    soft = cv2.GaussianBlur(height, (0, 0), 4)
    dx, dy = cv2.Sobel(soft, cv2.CV_64F, 1, 0) / 8, cv2.Sobel(soft, cv2.CV_64F, 0, 1) / 8
    light = rng.normal(0, 1, 2)
    shade = (1 - 0.5 * (light[0] * dx + light[1] * dy)) / np.sqrt(1 + dx**2 + dy**2)
    pores = 1 + 0.03 * rng.normal(size=height.shape)
    skin = np.clip(_skin(rng) * (np.clip(shade, 0.3, 1.3) * pores)[..., None], 0, 255).astype(np.uint8)
    alpha = np.clip(cv2.GaussianBlur((height > 0).astype(np.float64), (0, 0), 1.2) * 255, 0, 255).astype(np.uint8)
    return np.dstack([skin, alpha])


def _capsule(height: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64], radius: float) -> None:
    """Raise the map to a capsule between two points (x, y)."""
    y, x = np.mgrid[0 : height.shape[0], 0 : height.shape[1]]
    along = end - start
    t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / (along @ along), 0, 1)
    square = radius**2 - (x - start[0] - t * along[0]) ** 2 - (y - start[1] - t * along[1]) ** 2
    np.maximum(height, np.sqrt(np.maximum(square, 0)), out=height)


def _laid(thing: Pixels, tray: _Picture, rng: Generator, spread: float = 0.05) -> _Picture:
    """A cut-out (RGBA) on the tray, turned at random, as large as the bin's cut makes it, with a soft shadow."""
    with_alpha = Image.fromarray(thing).rotate(
        float(rng.uniform(0, 360)), expand=True, resample=Image.Resampling.BICUBIC
    )
    with_alpha = with_alpha.crop(with_alpha.getchannel("A").getbbox())
    size = SIDE * rng.uniform(0.6, 0.85) / max(with_alpha.size)
    small = with_alpha.resize((max(1, round(with_alpha.width * size)), max(1, round(with_alpha.height * size))))
    sheet = Image.new("RGBA", (SIDE, SIDE))
    off = rng.normal(0, spread * SIDE, 2)
    sheet.paste(small, (round((SIDE - small.width) / 2 + off[0]), round((SIDE - small.height) / 2 + off[1])))
    layer = np.asarray(sheet, dtype=np.float64)
    alpha = layer[..., 3:] / 255
    shift = np.array([[1, 0, rng.normal(0, 6)], [0, 1, rng.normal(0, 6)]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(alpha[..., 0], shift, (SIDE, SIDE)), (0, 0), rng.uniform(3, 9))
    ground = tray * (1 - rng.uniform(0.2, 0.6) * shadow)[..., None]
    return np.asarray(ground * (1 - alpha) + layer[..., :3] * alpha)


def _cropped(photo: Pixels, rng: Generator) -> _Picture:
    """A square of it, three quarters of the shorter side or more, as it stands or mirrored."""
    height, width = photo.shape[:2]
    side = int(min(height, width) * rng.uniform(0.75, 1))
    top, left = int(rng.integers(0, (height - side) // 2 + 1)), int(rng.integers(0, width - side + 1))
    square = photo[top : top + side, left : left + side]
    scaled = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return scaled[:, :: int(rng.choice([-1, 1]))].astype(np.float64)


def shot(picture: _Picture, rng: Generator) -> _Picture:
    """The same in another light: exposure, a cast, a gradient, a lamp's spot, dark corners, a soft lens, noise."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.35) * (x * np.cos(turn) + y * np.sin(turn)) - rng.uniform(0, 0.2) * (x**2 + y**2)
    at, wide = rng.uniform(-1, 1, 2), rng.uniform(0.2, 0.8)
    light += rng.choice([0, 0, 0.5]) * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / wide**2)
    lit = picture * (light * rng.uniform(0.55, 1.15))[..., None] * rng.normal(1, 0.06, 3)
    lens = cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.3, 1.2))
    return np.asarray(lens + rng.normal(0, rng.uniform(0.5, 5), lens.shape))


if __name__ == "__main__":
    sys.exit(main())
