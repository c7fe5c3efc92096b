"""What mkdocs.yml cannot say: pages that lie outside docs/ and belong to the site, and links that lead out of docs/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
# file of the repository -> page of the site
PAGES = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "readme.md",
    "models/garbage10-efficientnet-lite2/README.md": "model.md",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Adds PAGES."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=moved(text, source, page)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Mends links out of docs/."""
    name = page.file.src_uri
    return markdown if name in PAGES.values() else moved(markdown, f"docs/{name}", name)


def moved(text: str, source: str, page: str) -> str:
    """Markdown of the repository's file `source` as the site's page `page`: a link to what is no page is its text."""

    def link(found: re.Match[str]) -> str:
        bang, words, target, anchor = found.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        where = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if ":" in target or (where is None and not (ROOT / path).exists()):
            return found[0]  # elsewhere, or nowhere: mkdocs says so
        if where is None:
            return words
        return f"{bang}[{words}]({posixpath.relpath(where, posixpath.dirname(page))}{anchor or ''})"

    return _LINK.sub(link, text)
