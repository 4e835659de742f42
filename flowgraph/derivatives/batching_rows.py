"""Boxes that have an axis of rows already over further rows, as a Jacobian has them in a mapped function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.engine.shape_like import RepeatRows, RowsAs, UnitRows
from flowgraph.derivatives.batching import rule_for


@rule_for(UnitRows)
def _unit_rows(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    return RepeatRows(UnitRows(_of_one_row(box.children[0], found)), some)


@rule_for(RepeatRows)
def _repeat_rows(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    a, rows = box.children
    repeated: Any = RepeatRows(found.get(a, a), _of_one_row(rows, found))
    return np.swapaxes(repeated, 0, 1) if a in found else RepeatRows(repeated, some)


@rule_for(RowsAs)
def _rows_as(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    a, like = box.children
    shape = _of_one_row(like, found)
    if a not in found:
        return RepeatRows(RowsAs(a, shape), some)
    unfolded: Any = RowsAs(np.swapaxes(found[a], 0, 1), shape)
    return np.moveaxis(unfolded, len(like.shape), 0)


def _of_one_row(box: Box, found: Mapping[Box, Box]) -> Box:
    """A box with the shape of one row, whose values do not matter; there may be no row to take it from."""
    if box not in found:
        return box
    known = [size for size in box.shape if isinstance(size, int)]
    if len(known) == len(box.shape):
        return Constant(np.broadcast_to(np.zeros((), box.dtype), known))
    rows: Any = found[box]
    one: Box = np.sum(rows, axis=0).astype(box.dtype)
    return one
