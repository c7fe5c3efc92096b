"""A model folder: the .tflite file, model.json that says what it is, and README.md for whoever finds it.

It is complete and accepted by the classifier of the Pi, or it is not there: an older folder stays until then.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue, ValidationError

from convert.card import card
from convert.errors import RecipeError
from edge import bank as banks
from edge.adapters.files import sync_folder, write_synced
from edge.adapters.litert import LiteRtClassifier, describe
from edge.bank import Bank
from edge.errors import ModelError
from edge.manifest import FILE_NAME, BankFile, Input, Manifest, Outputs, Provenance, Unknown, dump, load
from edge.novelty import Novelty, to_bytes

MODEL_FILE, CARD_FILE, BANK_FILE = "model.tflite", "README.md", "bank.npz"


@dataclass(frozen=True, slots=True)
class Description:
    """What the .tflite file does not say of itself. metrics: named figures, numbers or text, as measured."""

    name: str
    version: str
    created: str
    backbone: str
    labels: tuple[str, ...]
    licence: str
    temperature: float = 1.0
    crop_margin: float = 0.25
    metrics: Mapping[str, JsonValue] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    novelty: Novelty | None = None
    bank: Bank | None = None


def write(tflite: bytes, description: Description, folder: Path) -> Manifest:
    """Write the folder, replacing an older one. Raises ModelError, RecipeError: no such place."""
    manifest = _manifest(tflite, description, folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            new = Path(scratch) / "new"
            new.mkdir(mode=0o755)
            write_synced(new / MODEL_FILE, tflite)
            if manifest.unknown is not None and description.novelty is not None:
                write_synced(new / manifest.unknown.file, to_bytes(description.novelty.statistics))
            if manifest.bank is not None and description.bank is not None:
                write_synced(new / BANK_FILE, banks.to_bytes(description.bank))
            write_synced(new / FILE_NAME, dump(manifest).encode())
            write_synced(new / CARD_FILE, card(manifest, len(tflite)).encode())
            LiteRtClassifier(new).close()
            _swap(new, folder, Path(scratch) / "old")
    except OSError as error:
        raise RecipeError(f"{folder}: {error.strerror}. Choose another place with --out.") from error
    return manifest


def with_bank(folder: Path, bank: Bank) -> None:
    """Give a model folder a bank, or another one; all else stays. Raises ModelError, RecipeError: not writable."""
    manifest = load(folder).model_copy(update={"bank": _bank_file(bank)})
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            new = Path(scratch) / "new"
            shutil.copytree(folder, new)
            write_synced(new / BANK_FILE, banks.to_bytes(bank))
            write_synced(new / FILE_NAME, dump(manifest).encode())
            _swap(new, folder, Path(scratch) / "old")
    except OSError as error:
        raise RecipeError(f"{folder}: {error.strerror}. Is the disk full, or the folder somebody else's?") from error


def _manifest(tflite: bytes, description: Description, folder: Path) -> Manifest:
    inputs, outputs = describe(tflite, folder / MODEL_FILE)
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[3] != 3:
        raise ModelError(f"{folder}: the model must take one RGB image, not {[t.shape for t in inputs]}.")
    try:
        return Manifest(
            name=description.name,
            version=description.version,
            created=description.created,
            backbone=description.backbone,
            file=MODEL_FILE,
            sha256=hashlib.sha256(tflite).hexdigest(),
            labels=description.labels,
            input=Input.model_validate(
                {
                    "height": inputs[0].shape[1],
                    "width": inputs[0].shape[2],
                    "dtype": inputs[0].dtype.name,
                    "crop_margin": description.crop_margin,
                }
            ),
            outputs=_outputs([tensor.shape for tensor in outputs], len(description.labels), folder),
            temperature=description.temperature,
            unknown=None if description.novelty is None else _unknown(description.novelty),
            bank=None if description.bank is None else _bank_file(description.bank),
            metrics=dict(description.metrics),
            provenance=description.provenance,
            licence=description.licence,
        )
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise ModelError(f"{folder}: {problems}.") from error


def _outputs(shapes: Sequence[tuple[int, ...]], labels: int, folder: Path) -> Outputs:
    """Told apart by their width: converters give outputs in an order of their own."""
    logits = [i for i, shape in enumerate(shapes) if shape == (1, labels)]
    others = [i for i in range(len(shapes)) if i not in logits]
    if len(logits) != 1 or len(others) > 1:
        raise ModelError(
            f"{folder}: the model must answer (1, {labels}) logits, one for each label, and may answer one embedding; "
            f"its outputs are {', '.join(map(str, shapes))}. Check the labels."
        )
    return Outputs(logits=logits[0], embedding=others[0] if others else None)


def _unknown(novelty: Novelty) -> Unknown:
    return Unknown(sha256=hashlib.sha256(to_bytes(novelty.statistics)).hexdigest(), threshold=novelty.threshold)


def _bank_file(bank: Bank) -> BankFile:
    return BankFile(file=BANK_FILE, sha256=hashlib.sha256(banks.to_bytes(bank)).hexdigest())


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Put `new` where `folder` is; the old one moves out first, for a folder with files cannot be replaced at once."""
    if folder.exists():
        if not (folder / FILE_NAME).exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ModelError(f"{folder}: there is something that is not a model folder; choose another place.")
        folder.rename(old)
    new.rename(folder)
    sync_folder(folder.parent)
