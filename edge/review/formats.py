"""How exported items are written down: a table, and the tasks of Label Studio. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from edge.site_item import SiteItem

FOLDERS, CSV, LABEL_STUDIO = "folders", "csv", "label-studio"
TABLE, TASKS, CONFIG, HELP = "items.csv", "tasks.json", "label-config.xml", "README.txt"
PICTURES: Final = "pictures"
UNLABELLED: Final = "_unlabelled"  # the folder, among those of the labels, of what nobody has said anything of
COLUMNS = ("path", "label", "bin", "day", "item_id", "why", "suggested", "confidence", "revision")

LABEL_STUDIO_HELP = """\
Label Studio shows these pictures from the disk:

    export LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true
    export LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={quoted_root}
    label-studio start

In a new project: Settings, Labeling Interface, Code: paste label-config.xml. Settings, Cloud Storage, Add Source
Storage, Local files: the absolute path {folder}, and no sync. Import: tasks.json. When it is labelled: Export, JSON,
and on the bin

    smartbin review import PROJECT.json
"""


def row(item: SiteItem, path: str) -> Sequence[object]:
    """A line of the table."""
    why = " ".join(reason.value for reason in item.why)
    sure = "" if item.confidence is None else f"{item.confidence:.4f}"
    known = (item.label or "", item.bin_id, item.day, item.item_id, why, item.suggested or "", sure, item.revision)
    return (path, *known)


def task(item: SiteItem, url: str) -> dict[str, Any]:
    """A task of Label Studio: what the bin took it for is a prediction, what a person said an annotation."""
    return {
        "data": {
            "image": url,
            "item_id": item.item_id,
            "revision": item.revision,
            "bin": item.bin_id,
            "day": item.day,
            "why": [reason.value for reason in item.why],
            "usefulness": item.usefulness,
        },
        "predictions": [_prediction(item)] if item.event is not None else [],
        "annotations": [{"result": _choice(item.label)}] if item.label is not None else [],
    }


def image_url(folder: str, path: str) -> str:
    """Where Label Studio serves a picture of the export in this folder of its document root."""
    return f"/data/local-files/?d={quote(f'{folder}/{path}')}"


def label_config(labels: Iterable[str]) -> str:
    """The labelling interface to paste into a project."""
    choices = "\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n  <Choices name="label" toName="image" choice="single">\n'
        f"{choices}\n  </Choices>\n</View>\n"
    )


def _prediction(item: SiteItem) -> dict[str, Any]:
    assert item.event is not None, "asked before"
    model = item.event.model
    return {
        "model_version": f"{model.name} {model.version}",
        "score": round(item.event.confidence, 4),
        "result": _choice(item.event.label),
    }


def _choice(label: str) -> list[dict[str, Any]]:
    return [{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [label]}}]
