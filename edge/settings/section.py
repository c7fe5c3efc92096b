"""A table of the configuration, and the kinds of values that several of them hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

ID_PATTERN = r"^[a-z0-9_-]+$"


def based(path: Path, info: ValidationInfo) -> Path:
    """The path, which is relative to the folder of the file."""
    base: Path = (info.context or {}).get("base", Path())
    return (base / path.expanduser()).resolve()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"{path} does not exist; correct the path (it is relative to the folder of this file)")
    return path


AnyPath = Annotated[Path, AfterValidator(based)]
ExistingPath = Annotated[Path, AfterValidator(based), AfterValidator(_existing)]
Pin = Annotated[int, Field(ge=0, le=27, description="BCM number of a GPIO pin on the header")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A table of the file. Unknown keys are mistakes, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
