"""A model folder: the .tflite file, model.json that says what it is, and README.md for whoever finds it.

It is complete and accepted by the classifier of the Pi, or it is not there: an older folder stays until then.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue, ValidationError

from edge.adapters.litert import LiteRtClassifier, describe
from edge.errors import ModelError
from edge.manifest import FILE_NAME, Input, Manifest, Outputs, Provenance, dump

MODEL_FILE, CARD_FILE = "model.tflite", "README.md"


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


def package(tflite: bytes, description: Description, folder: Path) -> Manifest:
    """Write the folder, replacing an older one. Raises ModelError when the file is not a classifier of these labels."""
    manifest = _manifest(tflite, description, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        new = Path(scratch) / "new"
        new.mkdir(mode=0o755)
        _write(new / MODEL_FILE, tflite)
        _write(new / FILE_NAME, dump(manifest).encode())
        _write(new / CARD_FILE, card(manifest, len(tflite)).encode())
        LiteRtClassifier(new).close()
        _swap(new, folder, Path(scratch) / "old")
    return manifest


def card(manifest: Manifest, size_bytes: int) -> str:
    """The text of README.md: what the model is, how well it does, where it came from."""
    shape = f"{manifest.input.height} x {manifest.input.width} RGB, 0..255, {manifest.input.dtype}"
    sections = [
        f"# {manifest.name} {manifest.version}",
        f"Says which of {len(manifest.labels)} kinds of waste is on a picture: {', '.join(manifest.labels)}.",
        _table(
            {
                "backbone": manifest.backbone,
                "input": shape,
                "file": f"{manifest.file}, {size_bytes / 1e6:.1f} MB, sha256 `{manifest.sha256}`",
                "temperature": f"{manifest.temperature:.3f}",
                "crop margin": f"{manifest.input.crop_margin:g} of the item's longer side",
                "made": manifest.created,
                "licence": manifest.licence,
            }
        ),
        "## Measured",
        _table(manifest.metrics) if manifest.metrics else "Nothing yet: `smartbin-convert verify` measures it.",
        "## Where it comes from",
        _list("Trained on", manifest.provenance.data),
        _list("Licences of the data and of the initial weights", manifest.provenance.licences),
        f"Made with\n\n    {manifest.provenance.command}" if manifest.provenance.command else "",
        "## Limits",
        "A model like this is sure of what looks like its training pictures and errs on what does not: crumpled film, "
        "labelled jars, other light, other angles. It always names one of its labels, also of a thing that is none of "
        "them. Let it sort with a threshold (`abstain_below`), and measure it on pictures of your own bin.",
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


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


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Put `new` where `folder` is; the old one moves out first, for a folder with files cannot be replaced at once."""
    if folder.exists():
        if not (folder / FILE_NAME).exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ModelError(f"{folder}: there is something that is not a model folder; choose another place.")
        folder.rename(old)
    new.rename(folder)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _table(rows: Mapping[str, object]) -> str:
    lines = [f"| {name} | {_figure(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _list(title: str, entries: Sequence[str]) -> str:
    return "\n".join([f"{title}:", "", *(f"- {entry}" for entry in entries)]) if entries else ""
