"""From what `verify` measured: one HTML page, and the model card in the model's folder, both of the same numbers."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from convert import figures
from convert.card import card
from convert.errors import RecipeError
from convert.figures import Figures
from convert.modelfolder import CARD_FILE
from convert.page import page
from edge.errors import ImageError
from edge.images import read_image
from edge.manifest import Manifest, load
from edge.model import Pixels


def read(folder: Path, verified: Path | None = None) -> tuple[Manifest, Figures]:
    """A model's manifest and its figures. Raises ModelError, RecipeError: none, or those of another model."""
    manifest = load(folder)
    path = verified or folder / figures.FILE
    found = figures.load(path)
    if found.model != manifest.id:
        raise RecipeError(
            f"{path}: measured {found.model.name} {found.model.version}, sha256 {found.model.sha256[:12]}…; {folder} "
            f"holds {manifest.name} {manifest.version}, {manifest.sha256[:12]}…. Run `smartbin-convert verify` on it."
        )
    return manifest, found


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "report",
        help="what `verify` measured as one HTML page, and as the model card in the model's folder",
        description=__doc__,
        epilog="examples:\n"
        "  smartbin-convert report models/my-bin --pictures pictures/ --out report.html\n"
        "  smartbin-convert report models/my-bin --no-pictures --out docs/my-bin.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="MODEL_FOLDER", help="what `package` wrote and `verify` measured")
    parser.add_argument("--verify", type=Path, metavar="FILE", help=f"(MODEL_FOLDER/{figures.FILE})")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the HTML page to write")
    mistakes = parser.add_mutually_exclusive_group()
    mistakes.add_argument(
        "--pictures",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where the worst mistakes lie; `verify` says (here)",
    )
    mistakes.add_argument(
        "--no-pictures", action="store_true", help="name them only: a page that may be published when they may not"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    manifest, found = read(options.folder, options.verify)

    def picture(name: str) -> Pixels:
        try:
            return read_image(options.pictures / name)
        except ImageError as error:
            raise RecipeError(
                f"{error} Give --pictures the folder that `verify` printed, or leave them out with --no-pictures."
            ) from error

    _write(options.out, page(manifest, found, None if options.no_pictures else picture))
    size = (options.folder / manifest.file).stat().st_size
    _write(options.folder / CARD_FILE, card(manifest, size, found))
    print(
        f"{options.out}: {'no pictures' if options.no_pictures else 'with pictures of mistakes, not to be published'}"
    )
    print(f"{options.folder / CARD_FILE}: the model card")


def _write(path: Path, content: str) -> None:
    """The file is written whole or stays as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RecipeError(f"{path}: {error.strerror}. Choose another place, or check the disk.") from error
