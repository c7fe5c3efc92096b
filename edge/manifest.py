"""model.json: what a packaged model is, what it takes, what it gives, and the sha256 of the file it describes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from edge.errors import ModelError
from edge.model import ModelId

if TYPE_CHECKING:
    from edge.bank import Bank
    from edge.novelty import Novelty

FILE_NAME = "model.json"
BANK_AGAIN = "Make it again with `smartbin-convert bank`."

_Label = Annotated[str, Field(min_length=1)]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # of a model
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


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


class Unknown(_Part):
    """How to tell that a thing is none of the labels; edge.novelty does. file: the statistics, beside model.json.

    threshold: the distance that 95 % of the validation pictures stay within, shown as a tray would show them.
    """

    method: Literal["subspace-angle"] = "subspace-angle"
    file: _FileName = "unknown.npz"
    sha256: _Sha256
    threshold: float = Field(gt=0)


class BankFile(_Part):
    """What the bin is taught with: edge.bank. file: beside model.json."""

    file: _FileName = "bank.npz"
    sha256: _Sha256


class Provenance(_Part):
    """Where the model came from: the data and its licences, the command that trained it, the recipe it used."""

    data: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    command: str = ""
    recipe: dict[str, JsonValue] = {}


class Manifest(_Part):
    """The content of model.json."""

    schema_number: Literal[1] = Field(default=1, alias="schema")
    name: str = Field(pattern=NAME)
    version: str = Field(min_length=1)
    created: str
    backbone: str
    file: _FileName = "model.tflite"
    sha256: _Sha256
    labels: tuple[_Label, ...] = Field(min_length=2)
    input: Input
    outputs: Outputs
    temperature: float = Field(default=1.0, gt=0)
    unknown: Unknown | None = None
    bank: BankFile | None = None
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

    @model_validator(mode="after")
    def _embeds(self) -> Self:
        if self.unknown is not None and self.outputs.embedding is None:
            raise ValueError("unknown things are told by the embedding, but outputs.embedding is not given")
        if self.bank is not None and self.outputs.embedding is None:
            raise ValueError("a bank is of embeddings, but outputs.embedding is not given")
        return self

    @property
    def id(self) -> ModelId:
        """What an event says about the model that answered."""
        return ModelId(name=self.name, version=self.version, sha256=self.sha256)


def read(folder: Path) -> Manifest:
    """The manifest alone, of a model folder that somebody else has checked. Raises ModelError."""
    path = folder / FILE_NAME
    try:
        return Manifest.model_validate_json(_read(path))
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, e["loc"])), e["msg"]))) for e in error.errors(include_url=False)
        )
        raise ModelError(f"{path}: {problems}. Package the model again with `smartbin-convert package`.") from error


def load(folder: Path) -> Manifest:
    """The checked manifest of a model folder. Raises ModelError, also when a file is not the one described."""
    manifest = load_with_content(folder)[0]
    load_novelty(folder, manifest)
    return manifest


def load_with_content(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest and the very bytes whose sha256 was checked, so that a file replaced later changes nothing."""
    manifest = read(folder)
    return manifest, _described(folder / manifest.file, manifest.sha256)


def load_novelty(folder: Path, manifest: Manifest) -> Novelty | None:
    """What tells unknown things from known ones; None where the model does not carry it. Raises ModelError."""
    from edge import novelty  # noqa: PLC0415 - numpy is much memory for who only reads the manifest

    unknown = manifest.unknown
    if unknown is None:
        return None
    path = folder / unknown.file
    content = _described(path, unknown.sha256)
    try:
        return novelty.Novelty(novelty.from_bytes(content), unknown.threshold)
    except ValueError as error:
        raise ModelError(f"{path}: {error}. Package the model again with `smartbin-convert package`.") from error


def load_bank(folder: Path, manifest: Manifest) -> Bank | None:
    """What a bin is taught with; None where the model does not carry it. Raises ModelError."""
    from edge import bank as banks  # noqa: PLC0415 - as above

    if manifest.bank is None:
        return None
    path = folder / manifest.bank.file
    content = _described(path, manifest.bank.sha256)
    try:
        bank = banks.from_bytes(content)
    except ValueError as error:
        raise ModelError(f"{path}: {error}. {BANK_AGAIN}") from error
    if len(bank.bias) != len(manifest.labels):
        raise ModelError(
            f"{path}: it is of {len(bank.bias)} labels, the model has {len(manifest.labels)}. {BANK_AGAIN}"
        )
    return bank


def dump(manifest: Manifest) -> str:
    """The text of model.json."""
    return manifest.model_dump_json(by_alias=True, indent=2) + "\n"


def _described(path: Path, sha256: str) -> bytes:
    """The content of a file, when it is the one that model.json describes."""
    content = _read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelError(
            f"{path}: sha256 is {found[:12]}…, {FILE_NAME} expects {sha256[:12]}… ({len(content)} bytes). "
            "The file is cut, damaged or belongs to another model: copy the whole model folder again."
        )
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror}. A model is a folder with {FILE_NAME} and the file named in it: check the path."
        ) from error
