"""Tables of the values of a run and of the gradients of a bprop, for a cell of a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.graph.topology import Topology
from flowgraph.markup import MOST_ROWS, table, text
from flowgraph.rendering.statistics import describe, mean_text
from flowgraph.rendering.wording import number_text
from flowgraph.shapes.spec import shape_text

HEADINGS = ("name", "box", "shape", "dtype", "min", "mean", "max", "exactly 0", "not finite")


def values_html(graph: Topology, values: Mapping[Box, Any], head: str) -> str:
    """A row per box that has a value, in the order of the graph, the middle ones left out where there are many.

    A box of several outputs has a row for each. Minimum, mean and maximum are those of the finite elements, of complex
    ones of their moduli; "exactly 0" is the share of such elements.
    """
    parts = [
        (graph.names[box] if len(box.outputs) == 1 else f"{graph.names[box]}[{place}]", box, part)
        for box, value in values.items()
        for place, part in enumerate(value if isinstance(value, tuple) else (value,))
        if part is not None
    ]
    left = max(len(parts) - MOST_ROWS, 0)
    start = len(parts) if not left else MOST_ROWS - MOST_ROWS // 2
    rows = [[name, type(box).__name__, *summary(part)] for name, box, part in parts[:start]]
    rows += [[f"… {left:,} more …", *[""] * (len(HEADINGS) - 1)]] * bool(left)
    rows += [[name, type(box).__name__, *summary(part)] for name, box, part in parts[start + left :]]
    return f"<div><b>{text(head)}</b>{table(HEADINGS, rows, 4)}</div>"


def summary(value: Any) -> list[str]:
    """Shape, dtype, minimum, mean, maximum, share of zeros and count of elements that are not finite, as text.

    >>> import numpy as np
    >>> from flowgraph.rendering.value_table import summary
    >>> summary(np.array([0.0, 1.0, 2.0, np.nan]))
    ['(4,)', 'float64', '0', '1', '2', '25%', '1']
    """
    array = np.asarray(value)
    kind = [shape_text(array.shape), str(array.dtype)]
    if array.dtype.kind not in "biufc" or not array.size:
        return [*kind, *[""] * 5]
    with np.errstate(all="ignore"):
        good = np.isfinite(array)
        bad = array.size - np.count_nonzero(good)
        zero = 1 - np.count_nonzero(array) / array.size
        found = describe(array[good])
    shown = [number_text(found.low), mean_text(found), number_text(found.high)] if found is not None else [""] * 3
    return [*kind, *shown, f"{zero:.0%}" if zero else "", str(bad) if bad else ""]
