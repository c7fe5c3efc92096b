"""How it gets better: [capture], [update]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from edge.settings.section import AnyPath, Section, Share, based


class CaptureSettings(Section):
    """[capture]: whether pictures of items are kept on disk, to be labelled and taught (docs/PRIVACY.md).

    mode: "on", "off", or "blurred", which shows the item alone.
    path: the folder; without it `captures` beside the outbox. The service may write below /var/lib/smart-bin alone.
    max_mb: the least useful go first beyond this size.
    max_disk_share: or beyond this share of what would be free without them.
    random_share: of the items that the bin is sure of, kept to tell how often it is right.
    margin_below: an item is kept when the two likeliest compartments, or labels, are nearer to each other than this.
    """

    mode: Literal["off", "blurred", "on"] = "off"
    path: AnyPath | None = None
    max_mb: Annotated[float, Field(ge=5.0, le=1_000_000)] = 500.0
    max_disk_share: Annotated[float, Field(gt=0.0, le=0.95)] = 0.5
    random_share: Share = 0.02
    margin_below: Share = 0.25


def _place(text: str, info: ValidationInfo) -> str:
    folder = text.removeprefix("file://")
    return text if not text or "://" in folder else str(based(Path(folder), info))


class UpdateSettings(Section):
    """[update]: models from a signed repository, see docs/UPDATES.md.

    mode: "download" keeps packages ready for `smartbin models use`; "shadow" lets a new one answer beside the old;
    "auto" takes it over then.
    url: https://..., or a folder, as of a USB stick.
    root: the root.json that its maintainer gave out.
    shadow_items, shadow_days: how long it is compared, whichever is reached first.
    max_slower: times the time of the old one.
    max_more_abstentions: share of the items.
    """

    mode: Literal["off", "download", "shadow", "auto"] = "off"
    url: Annotated[str, AfterValidator(_place)] = ""
    root: AnyPath | None = None
    shadow_items: Annotated[int, Field(ge=10, le=100_000)] = 200
    shadow_days: Annotated[float, Field(gt=0.0, le=365.0)] = 14.0
    max_slower: Annotated[float, Field(ge=1.0, le=100.0)] = 1.5
    max_more_abstentions: Share = 0.10

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode != "off" and not (self.url and self.root):
            raise ValueError('url and root are needed; name the repository and its root.json, or write mode = "off"')
        if "://" in self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"url: only https://, http:// and folders are known, not {self.url}")
        return self
