"""A table of the configuration, and the kinds of values that several of them hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

ID_PATTERN = r"^[a-z0-9_-]+$"


def based(path: Path, info: ValidationInfo) -> Path:
    """The path, which is relative to the folder of the file."""
    base: Path = (info.context or {}).get("base", Path())
    try:
        return (base / path.expanduser()).resolve()
    except (OSError, RuntimeError) as error:  # no such user's home, links in a ring
        raise ValueError(f"{path} leads nowhere ({error}); correct the path") from error


def _existing(path: Path, info: ValidationInfo) -> Path:
    found = based(path, info)
    try:
        there = found.exists()
    except OSError as error:  # in a folder of somebody else's, or longer than a path may be
        raise ValueError(
            f"{found} cannot be looked for ({error.strerror}); correct the path, or who may read"
        ) from error
    if not there:
        relative = "" if path.expanduser().is_absolute() else " (it is relative to the folder of this file)"
        raise ValueError(f"{found} does not exist; correct the path{relative}")
    return found


AnyPath = Annotated[Path, AfterValidator(based)]
ExistingPath = Annotated[Path, AfterValidator(_existing)]
Pin = Annotated[int, Field(ge=0, le=27, description="BCM number of a GPIO pin on the header")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A table of the file. Unknown keys are mistakes, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
