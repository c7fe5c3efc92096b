"""A tiny model that can be taught, and a site of coloured things to teach it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from site_items import opened, site_item
from tinymodel import COLOURS, Colour, write_tiny_model

from edge import manifest
from edge.adapters.litert import LiteRtClassifier
from edge.bank import Bank, last_layer, to_bytes
from edge.model import Pixels
from edge.site_item import SiteItem

PINK: Colour = (255, 128, 192)  # of cups, which the model does not know
SKY: Colour = (25, 145, 255)  # the model takes it for glass; on this site it is plastic
_EACH = 40


def picture(colour: Colour, seed: int) -> Pixels:
    """uint8 (64, 64, 3) of about this colour."""
    random = np.random.default_rng(seed)
    shade = np.array(colour) + random.normal(0, 12, 3)
    return np.clip(shade + random.normal(0, 5, (64, 64, 3)), 0, 255).astype(np.uint8)


def write_teachable_model(folder: Path, **changes: Any) -> Path:
    """The tiny model with a bank, as `smartbin-convert bank` would make one."""
    write_tiny_model(folder, **changes)
    classifier = LiteRtClassifier(folder)
    answers = [classifier.classify(picture(colour, i)) for colour in COLOURS.values() for i in range(_EACH)]
    classifier.close()
    features = np.stack([answer.embedding for answer in answers if answer.embedding is not None])
    truth = np.repeat(np.arange(len(COLOURS)), _EACH)
    weights, bias = last_layer(features, np.stack([answer.logits for answer in answers]))
    return put_bank(folder, Bank(features, truth, np.arange(len(truth)) % 2 == 1, weights, bias))


def put_bank(folder: Path, bank: Bank) -> Path:
    """The model with this bank."""
    content = to_bytes(bank)
    (folder / "bank.npz").write_bytes(content)
    described = manifest.BankFile(sha256=hashlib.sha256(content).hexdigest())
    model = manifest.load(folder).model_copy(update={"bank": described})
    (folder / manifest.FILE_NAME).write_text(manifest.dump(model))
    return folder


def keep(folder: Path, label: str | None, colour: Colour, numbers: range, **changes: Any) -> list[SiteItem]:
    """Items of one label and colour in a folder of kept items, with their pictures and what no model saw in them."""
    return keep_pictures(folder, label, numbers, lambda number: jpeg(picture(colour, number)), **changes)


def keep_pictures(
    folder: Path, label: str | None, numbers: Iterable[int], shown: Callable[[int], bytes], **changes: Any
) -> list[SiteItem]:
    """shown: the JPEG of a number."""
    store = opened(folder)
    items = []
    for number in numbers:
        # ids differ in what says the moment
        item_id = f"{number:08x}-0000-7000-8000-{number:012d}"
        item = site_item(number, **{"item_id": item_id, "label": label, "event": None, "embedding": None, **changes})
        assert store.add(item, shown(number))
        items.append(item)
    store.close()
    return items


def jpeg(rgb: Pixels) -> bytes:
    """The picture as a file."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=95)
    return stream.getvalue()
