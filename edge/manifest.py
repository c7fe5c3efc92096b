"""model.json: what a packaged model is, what it takes, what it gives, and the sha256 of the file it describes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from edge.errors import ModelError
from edge.model import ModelId

FILE_NAME = "model.json"

_Label = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Input(_Part):
    """One RGB image. Values are raw 0..255: any rescaling is inside the graph; scale and zero point are in the file."""

    height: int = Field(gt=0)
    width: int = Field(gt=0)
    colour: Literal["RGB"] = "RGB"
    dtype: Literal["uint8", "int8", "float32"]
    low: Literal[0] = 0
    high: Literal[255] = 255
    crop_margin: float = Field(default=0.25, ge=0, le=2)


class Outputs(_Part):
    """Which output is which, as an index in the order of get_output_details()."""

    logits: int = Field(ge=0)
    embedding: int | None = Field(default=None, ge=0)


class Provenance(_Part):
    """Where the model came from: the data and its licences, the command that trained it, the recipe it used."""

    data: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    command: str = ""
    recipe: dict[str, JsonValue] = {}


class Manifest(_Part):
    """The content of model.json."""

    schema_number: Literal[1] = Field(default=1, alias="schema")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(min_length=1)
    created: str
    backbone: str
    file: str = Field(default="model.tflite", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    labels: tuple[_Label, ...] = Field(min_length=2)
    input: Input
    outputs: Outputs
    temperature: float = Field(default=1.0, gt=0)
    metrics: dict[str, JsonValue] = {}
    provenance: Provenance = Provenance()
    licence: str

    @field_validator("labels")
    @classmethod
    def _unique(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return labels

    @property
    def id(self) -> ModelId:
        """What an event says about the model that answered."""
        return ModelId(name=self.name, version=self.version, sha256=self.sha256)


def load(folder: Path) -> Manifest:
    """The checked manifest of a model folder. Raises ModelError, also when the model file is not the one described."""
    return load_with_content(folder)[0]


def load_with_content(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest and the very bytes whose sha256 was checked, so that a file replaced later changes nothing."""
    manifest = _parse(folder / FILE_NAME)
    path = folder / manifest.file
    content = _read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise ModelError(
            f"{path}: sha256 is {found[:12]}…, {FILE_NAME} expects {manifest.sha256[:12]}… ({len(content)} bytes). "
            "The file is cut, damaged or belongs to another model: copy the whole model folder again."
        )
    return manifest, content


def dump(manifest: Manifest) -> str:
    """The text of model.json."""
    return manifest.model_dump_json(by_alias=True, indent=2) + "\n"


def _parse(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(_read(path))
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, e["loc"])), e["msg"]))) for e in error.errors(include_url=False)
        )
        raise ModelError(f"{path}: {problems}. Package the model again with `smartbin-convert package`.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror}. A model is a folder with {FILE_NAME} and the file named in it: check the path."
        ) from error
