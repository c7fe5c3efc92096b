"""Kept items for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sample_event import sample_event

from edge.adapters.site_store import SiteStore
from edge.site_item import Embedding, SiteItem, Why

JPEG = b"\xff\xd8 not really one \xff\xd9"


def site_item(number: int, **changes: Any) -> SiteItem:
    """changes: fields of SiteItem. Its id sorts by its number."""
    item_id = f"0198c1d2-0000-7000-8000-{number:012d}"
    fields: dict[str, Any] = {
        "item_id": item_id,
        "bin_id": "lobby-1",
        "day": "2026-11-26",
        "why": (Why.ABSTAINED,),
        "usefulness": 0.5,
        "event": sample_event(event_id=item_id),
        "embedding": Embedding.of("ab" * 32, np.linspace(0, 1, 12, dtype=np.float32)),
    }
    return SiteItem(**{**fields, **changes})


def opened(folder: Path, max_bytes: int = 50_000_000, max_disk_share: float = 0.5) -> SiteStore:
    """A store."""
    return SiteStore(folder, max_bytes, max_disk_share)


def taken(folder: Path) -> int:
    """What a folder with all in it takes from the disk, in bytes."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
