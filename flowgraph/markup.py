"""Pieces of HTML that stay well formed whatever text, rows or pictures they are given."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

from flowgraph.printable import printable

MOST_ROWS = 60
"""Rows that a table in a notebook shows; more would push the next cell off two screens."""

MOST_SIGNS = 200
"""Signs that a cell shows; a longer text is one that nobody reads in a table."""


def text(content: object, most: int = MOST_SIGNS) -> str:
    """A text as HTML shows it: escaped, without control characters, cut after so many signs.

    >>> from flowgraph.markup import text
    >>> text("a < b"), text("abcdef", most=4)
    ('a &lt; b', 'abc…')
    """
    shown = str(content)
    shown = shown if len(shown) <= most else f"{shown[: most - 1]}…"
    from html import escape  # its table of entities takes a millisecond of every import of flowgraph

    return escape(printable(shown))


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    first_number: int | None = None,
    most: int | None = None,
    classes: Sequence[str] = (),
) -> str:
    """A table whose columns from `first_number` on stand to the right; past `most` rows the middle ones are counted.

    `classes` are words that, where a cell is one of them, become its class: a style sheet colours "passed".
    """
    first = len(headings) if first_number is None else first_number

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{_attributes(cell, place >= first, classes)}>{text(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )

    lines = list(rows)
    body = [f"<tr>{line(row, 'td')}</tr>" for row in _ends(lines, most)]
    if most is not None and len(lines) > most:
        left = f'<tr><td colspan="{len(headings)}">… {len(lines) - most:,} more …</td></tr>'
        body.insert(most - most // 2, left)
    return f"<table><thead><tr>{line(headings, 'th')}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def fold_text(head: str, content: str, is_open: bool = False) -> str:
    """A line of text that a click opens; the content is HTML."""
    return f"<details{' open' * is_open}><summary>{text(head)}</summary>{content}</details>"


def inline(svg: str, prefix: str = "") -> str:
    """An SVG file as an element of a page: without its prologue, its ids apart from those of other pictures.

    Without a prefix one is made of the content, so that pictures in any cells of a notebook stay apart.
    """
    element = svg[svg.index("<svg") :]
    prefix = prefix or f"p{zlib.crc32(svg.encode()):x}"
    element = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', element)
    return re.sub(r'(href="|url\()#', rf"\1#{prefix}-", element)


def _ends(lines: list[Sequence[str]], most: int | None) -> list[Sequence[str]]:
    if most is None or len(lines) <= most:
        return lines
    return [*lines[: most - most // 2], *lines[len(lines) - most // 2 :]]


def _attributes(cell: str, number: bool, classes: Sequence[str]) -> str:
    names = [*(["number"] if number else []), *([cell] if cell in classes else [])]
    right = ' style="text-align:right"' if number else ""
    return f' class="{" ".join(names)}"{right}' if names else ""


def sized_to_fit(svg: str) -> str:
    """The SVG for a cell of a notebook: never wider than the cell, in its own proportions."""
    return svg.replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)
