"""Something kept from the tray: the sidecar beside its picture, which holds all that is known of it. Pure."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from edge.model import SortEvent
from edge.wire import event_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA = 1
NOT_AN_ITEM: Final = "not-an-item"  # a label of its own: a hand, an empty tray; nothing is taught to be that
NEW_LABEL = r"^[a-z0-9][a-z0-9 _-]{0,39}$"  # of a label that no model knows yet
# No underscore: a file of an export is named <bin>__<day>__<item>.jpg, and a bin's id may hold any number of them.
ITEM_ID = r"^[0-9A-Za-z-]{1,64}$"
_BIN_ID = r"^[a-z0-9_-]+$"  # in the name of an exported file
_DAY = r"^\d{4}-\d{2}-\d{2}$"
_MOST_LETTERS = 60


class Why(StrEnum):
    """Why an item was kept."""

    ABSTAINED = "abstained"
    LOW_MARGIN = "low_margin"
    VOTES_DISAGREE = "votes_disagree"
    STRANGE = "strange"  # far from what the model was trained on
    JAM = "jam"
    FLAP_ERROR = "flap_error"
    RANDOM = "random"  # the bin was sure; drawn so that its accuracy can be told without bias
    CORRECTED = "corrected"  # somebody said that it was wrong
    TAUGHT = "taught"  # put there in teach mode


def checked_label(text: str) -> str:
    """The text, when it can be a label, and the name of a folder in an export. Raises ValueError that says why not."""
    if not text.isprintable() or text != text.strip() or not 1 <= len(text) <= _MOST_LETTERS:
        raise ValueError(
            f"a label is 1 to {_MOST_LETTERS} letters, digits and signs with no space around, not {text!r}"
        )
    if text[0] == "." or text[-1] == "." or set(text) & set('/\\:*?"<>|'):
        raise ValueError(
            f'a label holds none of / \\ : * ? " < > | and neither begins nor ends with a dot, unlike {text!r}'
        )
    return text


@dataclass(frozen=True, slots=True)
class Embedding:
    """What the model saw, the mean over the votes. values: base64 of float16, little endian. Only for that model."""

    model_sha256: str
    values: str

    @staticmethod
    def of(model_sha256: str, vector: NDArray[np.float32]) -> Embedding:
        """vector: float32 (features,)."""
        return Embedding(model_sha256, base64.b64encode(vector.astype("<f2").tobytes()).decode())

    @property
    def vector(self) -> NDArray[np.float32]:
        """float32 (features,). Raises ValueError: damaged."""
        import numpy as np  # noqa: PLC0415 - much memory for the page, which has no use for vectors

        return np.frombuffer(base64.b64decode(self.values, validate=True), "<f2").astype(np.float32)


@dataclass(frozen=True, slots=True)
class SiteItem:
    """day: UTC, as the bin's clock had it. usefulness: 0..1, how much a label would teach. event: None in teach mode.

    label: None until a person said what it is. labelled_by: page, correction, import or teach-mode. labelled_at: RFC
    3339 UTC. revision: how often the label was changed.
    """

    item_id: Annotated[str, Field(pattern=ITEM_ID)]
    bin_id: Annotated[str, Field(pattern=_BIN_ID)]
    day: Annotated[str, Field(pattern=_DAY)]
    why: tuple[Why, ...]
    usefulness: Annotated[float, Field(ge=0.0, le=1.0)]
    event: SortEvent | None = None
    embedding: Embedding | None = None
    label: Annotated[str, AfterValidator(checked_label)] | None = None
    labelled_by: str | None = None
    labelled_at: str | None = None
    revision: Annotated[int, Field(ge=0)] = 0

    @property
    def suggested(self) -> str | None:
        """What the bin took it for."""
        return None if self.event is None else self.event.label

    @property
    def confidence(self) -> float | None:
        """How sure the bin was of that, 0..1."""
        return None if self.event is None else self.event.confidence


def with_label(item: SiteItem, label: str | None, by: str, at: str) -> SiteItem:
    """The item with another label, or with None without. Where the bin took it for something else, that is noted."""
    wrong = label is not None and item.suggested is not None and label != item.suggested
    why = tuple(one for one in item.why if one is not Why.CORRECTED) + ((Why.CORRECTED,) if wrong else ())
    who, when = (None, None) if label is None else (by, at)
    return replace(item, label=label, why=why, labelled_by=who, labelled_at=when, revision=item.revision + 1)


_ITEMS = TypeAdapter(SiteItem)
_NAME = re.compile(r"(?P<bin_id>[a-z0-9_-]+)__(?P<day>\d{4}-\d{2}-\d{2})__(?P<item_id>[0-9A-Za-z-]{1,64})\.jpg")


@dataclass(frozen=True, slots=True)
class PictureName:
    """What the name of an exported picture says."""

    bin_id: str
    day: str
    item_id: str


def picture_name(item: SiteItem) -> str:
    """Of its picture in an export."""
    return f"{item.bin_id}__{item.day}__{item.item_id}.jpg"


def parse_picture_name(name: str) -> PictureName | None:
    """What picture_name made; also where something was put in front of it, as Label Studio does with an upload."""
    found = _NAME.search(name)
    return PictureName(**found.groupdict()) if found and found.end() == len(name) else None


def to_dict(item: SiteItem, *, embedding: bool = True) -> dict[str, Any]:
    """As JSON holds it; embedding: whether with those 3.5 kB."""
    event, vector = item.event, item.embedding
    return {
        "schema": SCHEMA,
        "item_id": item.item_id,
        "bin_id": item.bin_id,
        "day": item.day,
        "why": [why.value for why in item.why],
        "usefulness": round(item.usefulness, 4),
        "label": item.label,
        "labelled_by": item.labelled_by,
        "labelled_at": item.labelled_at,
        "revision": item.revision,
        "event": None if event is None else json.loads(event_json(event)),
        **(
            {"embedding": vector and {"model_sha256": vector.model_sha256, "values": vector.values}}
            if embedding
            else {}
        ),
    }


def to_json(item: SiteItem) -> bytes:
    """The sidecar."""
    return json.dumps(to_dict(item), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def from_json(content: bytes) -> SiteItem:
    """What to_json wrote. Unknown keys are ignored. Raises ValueError that says what does not fit."""
    try:
        message = json.loads(content)
        schema = message.get("schema") if isinstance(message, dict) else None
        if schema != SCHEMA:
            raise ValueError(f"not an item of schema {SCHEMA} but of {schema!r}; a newer version wrote it, or none did")
        return _ITEMS.validate_python(message)
    except (ValidationError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not a kept item: {error}") from error
