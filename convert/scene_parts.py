"""What a sample picture is put together from: parts, their materials, the register of items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator

from convert import scene_textures as tx
from convert.scene_shapes import Mesh, moved

Material: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A mesh with what it is made of: a mitsuba material where arrays stand for pictures, #rrggbb for colours."""

    mesh: Mesh
    material: Material


ITEMS: dict[str, Callable[[Generator], list[Part]]] = {}


def item(name: str) -> Callable[[Callable[[Generator], list[Part]]], Callable[[Generator], list[Part]]]:
    """Put a builder into ITEMS under `<label>-<what>`."""

    def register(builder: Callable[[Generator], list[Part]]) -> Callable[[Generator], list[Part]]:
        ITEMS[name] = builder
        return builder

    return register


# Materials


def solid(colour: str | tx.Texture, rough: float = 0.5, metallic: float = 0.0, **more: float) -> Material:
    """Anything opaque. rough 0..1; metallic 0..1; more: sheen, clearcoat, specular."""
    look: Material = {"type": "principled", "base_color": colour, "roughness": rough, "metallic": metallic, **more}
    return {"type": "twosided", "bsdf": look}


def metal(name: str = "Al", rough: float = 0.2) -> Material:
    """Bare metal by its chemical name."""
    return {"type": "twosided", "bsdf": {"type": "roughconductor", "material": name, "alpha": rough}}


def is_clear(parts: Sequence[Part]) -> bool:
    """Whether light goes through any of them: such pictures need more light paths to look smooth."""
    return any(part.material["type"] == "dielectric" for part in parts)


def clear(colour: str = "#ffffff", index: float = 1.5) -> Material:
    """Glass or clear plastic; the colour is what one surface lets through."""
    return {"type": "dielectric", "int_ior": index, "specular_transmittance": colour}


# Placing


def placed(
    parts: Sequence[Part],
    *,
    spin: float = 0,
    pitch: float = 0,
    heading: float = 0,
    at: tuple[float, float] = (0, 0),
    roll: float = 0,
) -> list[Part]:
    """Turned (spin about the item's own z, pitch about x, roll about y, heading about z), put down centred on `at`."""
    turned = [Part(moved(moved(p.mesh, (0, 0, spin)), (pitch, roll, heading)), p.material) for p in parts]
    every = np.concatenate([p.mesh.points for p in turned])
    low, high = every.min(axis=0), every.max(axis=0)
    shift = (at[0] - (low[0] + high[0]) / 2, at[1] - (low[1] + high[1]) / 2, 0.01 - low[2])
    return [Part(moved(p.mesh, shift=shift), p.material) for p in turned]
