"""Sample items to wear: clothes and shoes, most of them reliefs drawn from an outline."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from convert import scene_textures as tx
from convert.scene_parts import Part, item, placed, solid
from convert.scene_shapes import (
    Floats,
    Mask,
    creases,
    inflated,
    moved,
    noise,
    relief,
    silhouette,
    smooth_curve,
    sphere,
    surface,
    tube,
)

# Clothes


def _cloth(
    mask: Mask, per_cm: float, rng: Generator, *, thick: float = 0.35, wrinkle: float = 0.25, wave: float = 6.0
) -> Floats:
    """The height of a piece of clothing that lies flat but not ironed."""
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]] / per_cm
    flat = np.stack([x, y], -1)
    folds = (
        noise(flat, rng, wave) * 0.7
        + np.abs(noise(flat, rng, wave * 0.8))
        - 0.4
        + 0.35 * creases(flat, rng, wave * 0.8)
    )
    flatness = inflated(mask, per_cm, thick) / thick
    return np.asarray(np.maximum(flatness * (thick + wrinkle + wrinkle * folds), 0.02 * flatness))


@item("clothes-t-shirt")
def t_shirt(rng: Generator) -> list[Part]:
    """A small T-shirt, spread out."""
    half = [(2.6, 10.6), (5.6, 9.8), (12.2, 4.6), (9.6, 1.4), (6.8, 3.4), (7.1, -10.6), (0, -10.9)]
    outline = [*half, *[(-x, y) for x, y in half[-2::-1]], (-1.4, 9.4), (0, 9.1), (1.4, 9.4)]
    size, per_cm = (27.0, 24.0), 18.0
    mask = silhouette(outline, size, per_cm, False)
    height = tx.softened(_cloth(mask, per_cm, rng, thick=0.3, wrinkle=0.32, wave=7), 2.0) * mask
    image = Image.fromarray(tx.knit(1080, 960, "#27547f", 5, 0.12))
    draw = ImageDraw.Draw(image)
    draw.arc((430, 0, 650, 118), 5, 175, fill="#1c3f63", width=16)
    draw.line((260, 905, 820, 905), fill="#1c3f63", width=4)
    for s in (-1, 1):
        draw.line((540 + s * 470, 290, 540 + s * 372, 412), fill="#1c3f63", width=4)
        draw.line((540 + s * 226, 92, 540 + s * 270, 340), fill="#1f466d", width=4)
    draw.ellipse((440, 270, 640, 470), fill="#f2b544")
    for k in range(3):
        draw.rectangle((420, 400 + 28 * k, 660, 412 + 28 * k), fill="#27547f")
    tx.write(image, (0.5, 0.56), "SUNNY DAYS", 62, "#f2efe6")
    return placed([Part(relief(height, mask, per_cm), solid(tx.array(image), 0.95, sheen=0.4))], heading=-11)


@item("clothes-sock")
def sock(rng: Generator) -> list[Part]:
    """A striped sock."""
    knots = [
        (-3, 10),
        (-0.2, 10.2),
        (3, 10),
        (3, 3),
        (3.1, -2),
        (5.5, -4.6),
        (9.4, -6.2),
        (10.4, -8.6),
        (8.2, -10.4),
        (3, -9.8),
        (-2.2, -8),
        (-3.6, -4.8),
        (-2.9, 0),
    ]
    size, per_cm = (24.0, 24.0), 18.0
    mask = silhouette(knots, size, per_cm)
    height = tx.softened(_cloth(mask, per_cm, rng, thick=0.55, wrinkle=0.16, wave=4.5), 1.5) * mask
    image = tx.array(tx.plain(960, 960, "#d9d4c8"))
    y, x = np.mgrid[0:960, 0:960] / 40 - 12
    y = -y
    for k in range(4):
        image = tx.blended(image, "#8c2f39", ((y < 6.4 - 2.2 * k) & (y > 5.3 - 2.2 * k)).astype(np.float64))
    heel = np.hypot(x + 3.4, y + 6.8) < 2.7
    toe = (x - y) * 0.7 > 11.4
    image = tx.blended(image, "#3c4a5e", (heel | toe | (y > 8.2)).astype(np.float64))
    rib = np.where(y > 8.2, 1 - 0.25 * (np.sin(x * 14) > 0), 1.0)
    stitched = image * (tx.knit(960, 960, "#ffffff", 9, 0.3)[..., :1] / 255.0) * rib[..., None]
    return placed([Part(relief(height, mask, per_cm), solid(stitched.astype(np.uint8), 0.95, sheen=0.4))], heading=-48)


@item("clothes-jeans")
def jeans(rng: Generator) -> list[Part]:
    """Short jeans with pockets, seams and a button."""
    half = [(6.6, 10.2), (7.2, 5), (8.6, -9.6), (1.4, -10.2), (0.25, -1.2)]
    outline = [*half, *[(-x, y) for x, y in half[::-1]]]
    size, per_cm = (20.0, 23.0), 20.0
    mask = silhouette(outline, size, per_cm, False)
    height = tx.softened(_cloth(mask, per_cm, rng, thick=0.4, wrinkle=0.3, wave=6), 1.5) * mask
    base = tx.twill(800, 920, "#3c587d", 5, 0.22)
    fade = np.exp(-((((np.mgrid[0:920, 0:800][1] - 400) / 400.0) ** 2 - 0.5) ** 2) * 12) * 0.35 + 0.12 * tx.cloud(
        920, 800, rng, 5
    )
    image = Image.fromarray(tx.blended(base, "#a9bbd0", np.clip(fade, 0, 1)))
    draw = ImageDraw.Draw(image)
    thread = "#c08a3e"
    for line in (
        [(130, 118), (670, 118)],
        [(400, 118), (400, 500)],
        [(430, 118), (430, 330), (404, 390)],
        [(160, 120), (215, 230), (112, 262)],
        [(640, 120), (585, 230), (688, 262)],
        [(400, 500), (345, 868)],
        [(400, 500), (455, 868)],
        [(56, 812), (344, 836)],
        [(744, 812), (456, 836)],
    ):
        draw.line(line, fill="#24364f", width=9)
        draw.line([(x + 5, y + 4) for x, y in line], fill=thread, width=2)
    for x in (190, 330, 470, 610):
        draw.rectangle((x - 7, 52, x + 7, 124), fill="#2f486a", outline=thread)
    draw.ellipse((388, 74, 416, 102), fill="#b0793a", outline="#6b4a22", width=3)
    return placed([Part(relief(height, mask, per_cm), solid(tx.array(image), 0.95, sheen=0.3))], heading=21)


@item("clothes-beanie")
def beanie(rng: Generator) -> list[Part]:
    """A knitted hat with a turned-up brim and a pompom."""
    knots = [
        (-7, -6.4),
        (0, -6.7),
        (7, -6.4),
        (7.4, -2.5),
        (6.8, 2.2),
        (4, 6),
        (0, 7.2),
        (-4, 6),
        (-6.8, 2.2),
        (-7.4, -2.5),
    ]
    size, per_cm = (18.0, 18.0), 22.0
    mask = silhouette(knots, size, per_cm)
    y, x = (np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]] / per_cm - 9) * np.array([-1, 1])[:, None, None]
    brim = (y < -2.6).astype(np.float64)
    ribs = 0.09 * np.abs(np.sin(x * 5.2 / (1 - 0.05 * np.clip(y + 2, 0, 9))))
    height = inflated(mask, per_cm, 1.5) + 0.35 * tx.softened(brim, 2) + ribs * mask
    height += 0.25 * noise(np.stack([x, y], -1), rng, 7) * inflated(mask, per_cm, 1.5)
    wool = tx.blended(
        tx.knit(720, 720, "#b3472f", 16, 0.4), tx.knit(720, 720, "#e6dcc8", 16, 0.4), tx.softened(brim, 0, (720, 720))
    )
    unit = sphere(220, 320)
    fluff = 2.0 * (1 + 0.05 * noise(unit, rng, 0.9) + 0.10 * np.abs(noise(unit, rng, 0.16)))
    pompom = moved(surface(unit * fluff[..., None] * [1, 1, 0.8]), shift=(0, 8.0, 1.6))
    parts = [
        Part(relief(height, mask, per_cm), solid(wool, 0.95, sheen=0.5)),
        Part(pompom, solid("#e6dcc8", 0.95, sheen=0.5)),
    ]
    return placed(parts, heading=-28)


# Shoes


@item("shoes-sneaker")
def sneaker(rng: Generator) -> list[Part]:
    """A canvas sneaker lying on its side."""
    top = [(-10.8, -2.6), (-11.2, 0), (-10.8, 3.6), (-10.2, 5.6), (-8.6, 5.2), (-6.2, 3.9), (-4.2, 4.6), (-2.2, 5.4)]
    front = [(0.5, 3.6), (3.6, 1.6), (6.5, 0.6), (9.4, -0.4), (11.2, -2.0), (11.3, -3.4)]
    outline = [*top, *front, (11.0, -4.6), (6, -5.0), (0, -4.8), (-6, -5.0), (-10.6, -4.8), (-11.3, -4.2)]
    size, per_cm = (26.0, 14.0), 24.0
    mask = silhouette(outline, size, per_cm)
    y, x = (np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]] / per_cm - np.array([7, 13])[:, None, None]) * np.array(
        [-1, 1]
    )[:, None, None]
    sole = -2.9 + 0.5 * np.exp(-(((x - 10) / 2.5) ** 2))
    height = inflated(mask, per_cm, 2.6) * 1.2 + 0.30 * inflated(mask & (y < sole), per_cm, 0.3) / 0.3
    height += 0.05 * noise(np.stack([x, y], -1), rng, 3) * mask
    image = Image.fromarray(tx.twill(1040, 560, "#b8362b", 4, 0.10))
    draw = ImageDraw.Draw(image)

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(520 + 40 * px, 280 - 40 * py) for px, py in points]

    draw.polygon(at((6.6, 1.2), (7.2, -0.6), (7.4, -3.2), (12, -3.2), (12, 1)), fill="#ece9e0")
    draw.polygon(at((-2.6, 6), (-1.2, 4.3), (1.2, 2.5), (5.6, 0.5), (6.4, 1.4), (0.8, 4.4)), fill="#9c2b22")
    for line in (
        ((-1.4, 4.2), (-2.2, 0.5), (-1.6, -3)),
        ((-8.2, 5), (-8.0, 0), (-9, -3)),
        ((5.9, 0.4), (4.2, -1.2), (3.8, -3)),
    ):
        draw.line(at(*line), fill="#f0d9d2", width=3)
    draw.polygon(at((-13, -2.9), (7, -2.9), (9.0, -2.5), (13, -2.3), (13, -6), (-13, -6)), fill="#efece4")
    draw.line(at((-13, -3.5), (13, -3.3)), fill="#1f3658", width=9)
    draw.polygon(at((-12, 0.5), (-10, 0.8), (-9.8, -2.9), (-12, -2.9)), fill="#efece4")
    for k in range(6):
        px, py = -0.9 + 1.02 * k, 3.5 - 0.62 * k
        draw.ellipse(
            [*at((px - 0.2, py + 0.2))[0], *at((px + 0.2, py - 0.2))[0]], fill="#d9d9d9", outline="#55201b", width=3
        )
    parts = [Part(relief(height, mask, per_cm), solid(tx.array(image), 0.75))]

    def depth(px: float, py: float) -> float:
        return float(height[int((7 - py) * per_cm), int((13 + px) * per_cm)])

    for k in range(6):
        px, py = -0.9 + 1.02 * k, 3.5 - 0.62 * k
        lace = [
            (px, py, depth(px, py) + 0.1),
            (px + 0.5, py + 0.75, depth(px + 0.3, py + 0.4) + 0.3),
            (px + 0.8, py + 1.3, depth(px + 0.1, py) * 0.6),
        ]
        parts.append(Part(tube(smooth_curve(lace, 20), np.full(20, 0.2), flat=0.5), solid("#f2f0ea", 0.9)))
    loop = smooth_curve(
        [(-1.6, 4.6, 2.2), (-3.6, 6.2, 1.2), (-5.2, 5.4, 2.6), (-2.6, 3.6, 3.2), (-0.6, 2.0, 3.4), (0.6, 0.4, 3.4)], 60
    )
    parts.append(Part(tube(loop, np.full(60, 0.19), flat=0.6), solid("#f2f0ea", 0.9)))
    return placed(parts, heading=-24)


@item("shoes-flip-flop")
def flip_flop(rng: Generator) -> list[Part]:
    """A rubber beach sandal."""
    knots = [
        (-11.2, 0),
        (-10, 3),
        (-6, 3.2),
        (-1, 3.0),
        (4, 4.2),
        (8.6, 4.2),
        (11.2, 2),
        (11.4, -1),
        (9.4, -3.6),
        (4, -4),
        (-1, -2.7),
        (-6, -3.0),
        (-10, -2.9),
    ]
    size, per_cm = (25.0, 11.0), 24.0
    mask = silhouette(knots, size, per_cm)
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]] / per_cm - np.array([5.5, 12.5])[:, None, None]
    height = 1.7 * np.minimum(1, inflated(mask, per_cm, 0.25) / 0.25) + 0.03 * np.sin(x * 12) * np.sin(y * 12) * mask
    image = tx.blended(
        tx.array(tx.plain(1000, 440, "#1f8a9c")), "#176b7a", (np.sin(np.mgrid[0:440, 0:1000].sum(0) / 14) > 0.6) * 0.5
    )
    image = tx.blended(
        image,
        "#f4f0e2",
        1 - tx.softened(cv2.erode(mask.astype(np.uint8), np.ones((15, 15))), 0, (1000, 440)),
    )
    parts = [Part(relief(height, mask, per_cm), solid(image, 0.7))]
    for side in (-1, 1):
        strap = smooth_curve(
            [
                (7.0, 0.3, 1.4),
                (6.6, 0.5 * side, 2.8),
                (3.6, 2.2 * side, 3.9),
                (0.2, 2.9 * side, 3.2),
                (-1.2, 2.9 * side, 1.2),
            ],
            60,
        )
        parts.append(Part(tube(strap, np.linspace(0.4, 0.62, 60), flat=0.6), solid("#f07c2c", 0.35)))
    return placed(parts, heading=52)


@item("shoes-leather-shoe")
def leather_shoe(rng: Generator) -> list[Part]:
    """A brown lace-up, standing, seen from above."""
    knots = [
        (-11, 0),
        (-10.2, 2.9),
        (-6.5, 3.3),
        (-1.5, 3.0),
        (4, 4.1),
        (8.5, 3.7),
        (11.6, 1.4),
        (11.7, -0.9),
        (8.5, -3.6),
        (4, -4.1),
        (-1.5, -3.2),
        (-6.5, -3.3),
        (-10.2, -2.9),
    ]
    size, per_cm = (25.0, 11.0), 24.0
    mask = silhouette(knots, size, per_cm)
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]] / per_cm - np.array([5.5, 12.5])[:, None, None]
    inner = cv2.erode(mask.astype(np.uint8), np.ones((11, 11))).astype(bool)
    body = inflated(inner, per_cm, 2.6) / 2.6
    rise = np.interp(x, [-11, -8, -3, 1, 5, 9, 12], [7.2, 6.6, 6.0, 6.2, 4.4, 3.6, 3.0])
    opening = np.clip(1.15 - ((x + 6.0) / 4.6) ** 2 - (y / 2.0) ** 2, 0, 1)
    height = 0.9 * mask + (rise - 0.9) * body**0.9 - 4.6 * np.clip(opening * 3, 0, 1) * body
    tongue = (np.abs(y) < 1.0 - 0.02 * x) & (x > -2.6) & (x < 5.2)
    height += 0.12 * tongue + 0.03 * noise(np.stack([x, y], -1), rng, 1.6) * mask
    leather = tx.mottled(tx.array(tx.plain(1000, 440, "#6b3f22")), rng, 0.10, 6, 0.02)
    wide = (1000, 440)
    leather = tx.blended(leather, "#2a1a10", tx.softened(~inner, 1, wide) * 0.9)
    leather = tx.blended(leather, "#caa67c", tx.softened(opening > 0.12, 1, wide))
    leather = tx.blended(leather, "#4d2c17", tx.softened(tongue, 1, wide) * 0.8)
    seam = (np.abs(x - 7.0 + 0.12 * y**2) < 0.07) | (np.abs(np.abs(y) - 1.35) < 0.05) & (x > -1.5) & (x < 5.4)
    leather = tx.blended(leather, "#3a2113", tx.softened(seam, 1, wide))
    parts = [Part(relief(height, mask, per_cm), solid(leather, 0.32, clearcoat=0.3))]
    for k in range(5):
        px = -1.4 + 1.35 * k
        z = float(np.interp(px, [-3, 1, 5], [6.0, 6.2, 4.4])) + 0.15
        lace = smooth_curve(
            [(px, -1.5, z - 0.5), (px + 0.1, -0.7, z), (px + 0.2, 0.7, z), (px + 0.3, 1.5, z - 0.5)], 24
        )
        parts.append(Part(tube(lace, np.full(24, 0.17)), solid("#24160d", 0.9)))
    for side in (-1, 1):
        bow = [
            (-1.3, 0, 6.3),
            (-1.0, 1.6 * side, 6.9),
            (-2.4, 3.0 * side, 5.6),
            (-3.0, 1.8 * side, 6.4),
            (-1.5, 0.1 * side, 6.4),
        ]
        parts.append(Part(tube(smooth_curve(bow, 50), np.full(50, 0.16)), solid("#24160d", 0.9)))
    return placed(parts, heading=-62, at=(0, -1))
