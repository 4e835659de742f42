"""The largest or smallest of each of many short rows: NumPy reduces columns many times faster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.plan.binding import Memory
from flowgraph.plan.numpy.rules import Writes, rule_for
from flowgraph.plan.numpy.windows import Shapes, arrays_in, bytes_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known

SHORT, MANY = 128, 64
"""Bytes of a row at most, and rows at least. A reduction of columns, with the copy that makes them, takes this part of
the time of one of rows: 0.03 to 0.5 of it from 256 rows on, 0.4 to 0.7 for 64, and 1.2 for 16 rows of 32 numbers
(`python -m benchmarks thresholds`)."""


class Extremes:
    """The largest, or the smallest, of each row of a matrix, found in its columns."""

    def __init__(self, ufunc: np.ufunc, columns: Array, out: Array) -> None:
        self.reduce, self.columns = ufunc.reduce, columns
        self.out, self.flat = out, out.reshape(-1)
        self.rows = columns.T.reshape(*out.shape, len(columns))

    def __call__(self, a: Array) -> Array:
        """Fill the buffer."""
        np.copyto(self.rows, a)
        self.reduce(self.columns, axis=0, out=self.flat)
        return self.out


def _has_short_rows(box: Max | Min) -> bool:
    (a,) = box.children
    if not (sizes_known(a) and a.ndim > 1 and a.dtype == box.dtype and box.dtype in (np.float32, np.float64)):
        return False
    size = shape_of(a)[-1]
    return (
        not box.keepdims
        and box.axes(a.ndim) == (a.ndim - 1,)
        and 1 < size <= SHORT // box.dtype.itemsize
        and elements(box) >= MANY
    )


def _scratch(box: Max | Min) -> int:
    return bytes_of(_arrays(box.children[0]))


def _arrays(a: Box) -> Shapes:
    """The columns."""
    return {"columns": ((shape_of(a)[-1], elements(a) // shape_of(a)[-1]), a.dtype)}


def _bind(writer: Writes, box: Max | Min, texts: Sequence[str], out: str) -> list[str]:
    """The function that computes the box, and its argument."""
    data = type(box) is Max, _arrays(box.children[0]), writer.plan.scratch[box].start, out
    return [writer.source.bind_new(f"{'max' if data[0] else 'min'}_of_rows", extremes_in, *data), *texts]


def extremes_in(memory: Memory, largest: bool, arrays: Shapes, start: int, out: str) -> Extremes:
    """The extremes of rows into a named buffer."""
    columns = arrays_in(memory, start, arrays)["columns"]
    return Extremes(np.maximum if largest else np.minimum, columns, memory[out])


@rule_for(Max, Min, operands=_bind, when=_has_short_rows, scratch=_scratch)
def _extremes(box: Max | Min, names: Sequence[str], out: str) -> list[str]:
    return [f"{names[0]}({names[1]})"]
