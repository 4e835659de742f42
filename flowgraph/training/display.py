"""What models and results of a training are shown as in a cell of a notebook: a head, a picture, tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from flowgraph.box.leaves import Parameter
from flowgraph.markup import MOST_ROWS, folded, inline, table, text
from flowgraph.rendering.value_table import HEADINGS, summary


def cell_html(shown: object, svg: str | None, *parts: str, details: tuple[str, str] | None = None) -> str:
    """The text of an object as a head, its picture if it has one, more HTML, and details that a click opens.

    Without a picture the details, a name and HTML, are open.
    """
    picture = "" if svg is None else inline(svg)
    more = "" if details is None else folded(*details, is_open=svg is None)
    return f"<div><p><b>{text(repr(shown).strip('<>'))}</b></p>{picture}{''.join(parts)}{more}</div>"


def parameters_table(parameters: Sequence[Parameter]) -> str:
    """A row per parameter: its name, shape and range."""
    rows = [[parameter.name or "", type(parameter).__name__, *summary(parameter.value)] for parameter in parameters]
    return table(HEADINGS, rows, 4, MOST_ROWS)


def numbers_table(headings: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table of numbers and words, the middle left out where there are many rows."""
    cells = [[_cell(one) for one in row] for row in rows]
    return table([name.replace("_", " ") for name in headings], cells, 0, MOST_ROWS)


def drawn_or_none(draw: Callable[[], bytes | str]) -> str | None:
    """The SVG that `draw` gives; None where matplotlib is not installed."""
    try:
        drawn = draw()
    except ImportError:
        return None
    return drawn.decode() if isinstance(drawn, bytes) else drawn


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    return "" if value is None else str(value)
