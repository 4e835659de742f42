"""Tables of which a step looks up few rows: which rows these are, and an update that moves no other."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Add, Divide, Multiply, Negative, Positive, Subtract
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Maximum, Minimum
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.indexing.scatter import SetAt
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.shapes.indexing import ARRAY
from flowgraph.training.weights import reads_shape_only


class Lookups(NamedTuple):
    """The terms of a gradient: what lookups of rows add to it, and what anything else does; and their sums."""

    of_rows: list[IndexAdd]
    others: list[Box]
    sums: set[Box]


def lookups_in(grad: Box) -> Lookups:
    """The terms that a gradient is made of by what leaves zeros zero: sums, multiples, limits of each number."""
    found = Lookups([], [], set())
    seen: set[Box] = set()
    stack = [grad]
    while stack:
        box = stack.pop()
        if box in seen:
            continue
        seen.add(box)
        inner = _terms(box)
        if inner is not None:
            stack += reversed(inner)
            if len(inner) > 1:
                found.sums.add(box)
        elif isinstance(box, IndexAdd) and _rows_added_to(box) is not None:
            found.of_rows.append(box)
        else:
            found.others.append(box)
    return found


def _terms(box: Box) -> list[Box] | None:
    """The children outside of whose rows the value of a box is 0; None where there are none."""
    if isinstance(box, Add | Subtract | Negative | Positive | Cast):
        return list(box.children) if all(child.shape == box.shape for child in box.children) else None
    if isinstance(box, Multiply | Minimum | Maximum):
        for place, factor in enumerate(box.children):
            if factor.shape == () and (isinstance(box, Multiply) or _limits_no_zero(box, factor)):
                return [box.children[1 - place]]
    if isinstance(box, Divide) and box.children[1].shape == ():
        return [box.children[0]]
    return None


def _limits_no_zero(box: Box, limit: Box) -> bool:
    """Whether 0 lies within a limit of each number."""
    if not isinstance(limit, Constant):
        return False
    number: Any = limit.value
    return bool(number >= 0 if isinstance(box, Minimum) else number <= 0)


def _row_numbers(box: Index | IndexAdd, indices: Sequence[Box]) -> Box | None:
    """The numbers of the rows that an index names; None where it names anything but whole rows."""
    first, *further = box.index or (None,)
    if any(one is not Ellipsis and one != slice(None) for one in further):
        return None
    if isinstance(first, int | np.integer):
        return Constant(np.array(first))
    return indices[0] if first == ARRAY and indices[0].dtype.kind in "iu" else None


def _rows_added_to(box: IndexAdd) -> Box | None:
    return _row_numbers(box, box.children[2:])


def _rows_of(lookups: Lookups) -> Any:
    """The numbers of all rows that are looked up; a row may be named several times."""
    named = list(dict.fromkeys(rows for box in lookups.of_rows if (rows := _rows_added_to(box)) is not None))
    if len(named) == 1:
        return named[0]
    flat: list[Any] = [rows if rows.dtype == np.intp else rows.astype(np.intp) for rows in named]
    return np.concatenate([rows.reshape(-1) for rows in flat])


def at_rows(new: Mapping[Parameter, Box], lookups: Lookups) -> dict[Parameter, Box]:
    """The update in which parameters of one shape get their new values at the rows of the lookups, and nowhere else.

    The new values are computed at the rows: what works element by element does so for a part of the elements too. Where
    a row is named twice its value is computed twice, from the same numbers. Rows are taken of the sum of several terms
    of the gradient, which plans make one of.
    """
    rows = _rows_of(lookups)
    computed: dict[Box, Any] = {}
    return {
        parameter: SetAt(parameter, _taken(box, rows, lookups.sums, computed), rows, index=(ARRAY,))
        for parameter, box in new.items()
    }


def _taken(wanted: Box, rows: Box, sums: Container[Box], computed: dict[Box, Any]) -> Any:
    """The rows of a box; `computed` are those of others."""
    stack = [wanted]
    while stack:
        box = stack[-1]
        inner = _is_by_element(box, wanted.shape) and box not in sums
        missing = [child for child in box.children if child not in computed] if inner else []
        if missing:
            stack += missing
            continue
        stack.pop()
        if box in computed:
            continue
        if inner:
            computed[box] = box.with_children(*[computed[child] for child in box.children])
        else:
            computed[box] = box if box.shape == () else Index(box, rows, index=(ARRAY,))
    return computed[wanted]


def _is_by_element(box: Box, shape: tuple[Any, ...]) -> bool:
    """Whether each row of a value follows from the rows of the children."""
    return (
        isinstance(box, Elementwise)
        and box.shape == shape
        and bool(box.children)
        and all(child.shape in (shape, ()) for child in box.children)
    )


def other_use(who: str, parameter: Parameter, lookups: Lookups, grads: Mapping[Parameter, Box]) -> UsageError:
    """The error for a table of which rows are looked up, and that has a gradient for other rows too."""
    reader = _other_reader(parameter, Graph(*grads.values()))
    if reader is None:
        what = f"whose gradient has a term of another kind, {type(lookups.others[0]).__name__}\n  "
    else:
        what = f"which {reader.title} reads as a whole\n  built at {reader.built_at}\n  "
    return UsageError(
        f"{who}: found lazy=True and the table {parameter.title}, of which rows are looked up, but {what}"
        f"needs tables of which rows are looked up and nothing else, because a penalty or a product has a gradient for "
        f"every row; leave the penalty out, or let AdamW decay the rows that are looked up, or leave lazy=True out"
    )


def no_table(who: str, grads: Mapping[Parameter, Box]) -> UsageError:
    """The error for a lazy rule that has nothing to leave out."""
    names = ", ".join(parameter.name or parameter.title for parameter in grads)
    return UsageError(
        f"{who}: found lazy=True, but of none of the parameters ({names}) rows are looked up, so that it would do "
        f"nothing; needs a table that is read as table[numbers], with whole numbers, or leave lazy=True out"
    )


def _other_reader(parameter: Parameter, graph: Graph) -> Box | None:
    """The first box of a graph that reads the values of a parameter otherwise than by rows."""
    for box in graph.boxes:
        by_rows = isinstance(box, Index) and _row_numbers(box, box.children[1:]) is not None
        if not by_rows and any(
            child is parameter and not reads_shape_only(box, place) for place, child in enumerate(box.children)
        ):
            return box
    return None
