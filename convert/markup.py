"""Pieces of HTML that tell a screen reader what they are. Text is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def element(name: str, *content: str, **attributes: object) -> str:
    """An element; content is HTML. A trailing or inner _ of an attribute's name is dropped or becomes a hyphen."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(v))}"' for key, v in attributes.items())
    return f"<{name}{written}>{''.join(content)}</{name}>"


def text(value: object) -> str:
    """Text as HTML. No line ends between a number and its per cent sign."""
    return escape(str(value)).replace(" %", "&nbsp;%")


def section(title: str, *content: str) -> str:
    """A part of the page under its own heading."""
    return element("section", element("h2", text(title)), *content)


def paragraph(value: str) -> str:
    """A paragraph of text; `code` in backticks, as in Markdown."""
    return element("p", _inline(value))


def bullets(entries: Iterable[str]) -> str:
    """A list of texts."""
    return element("ul", *(element("li", _inline(entry)) for entry in entries))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are text; the first of a row is its heading."""
    body = (element("tr", row_head(row[0]), *(element("td", text(cell)) for cell in row[1:])) for row in rows)
    return raw_table(caption, head, body)


def raw_table(caption: str, head: Sequence[str], rows: Iterable[str]) -> str:
    """Rows are HTML. A wide table scrolls in itself, also with the keyboard."""
    first, *others = head
    titles = element("th" if first else "td", text(first), **({"scope": "col"} if first else {}))
    titles += "".join(element("th", text(name), scope="col") for name in others)
    whole = element(
        "table",
        element("caption", text(caption)),
        element("thead", element("tr", titles)),
        element("tbody", *rows),
    )
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def row_head(value: str) -> str:
    """The heading of a table's row."""
    return element("th", text(value), scope="row")


def figure(picture: str, caption: str, numbers: str = "") -> str:
    """A picture (HTML) with a caption, and the numbers behind it (HTML) folded away."""
    folded = element("details", element("summary", "The numbers"), numbers) if numbers else ""
    return element("figure", picture, element("figcaption", text(caption)), folded)


def _inline(value: str) -> str:
    parts = text(value).split("`")
    return "".join(element("code", part) if i % 2 else part for i, part in enumerate(parts))
