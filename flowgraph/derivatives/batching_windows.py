"""Convolutions and pooling over rows: rows become further examples, further filters, or groups of channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d, ConvFilters, ConvInput
from flowgraph.boxes.neural.pooling import (
    MaxPool,
    MeanOfLargest,
    MeanPool,
    SpreadEvenly,
    SpreadToLargest,
    SpreadToRectified,
)
from flowgraph.boxes.neural.resizing import Resize, ResizeInput
from flowgraph.derivatives.batching import lifted, rule_for
from flowgraph.shapes.size import Size


@rule_for(MaxPool, MeanPool, SpreadToLargest, SpreadToRectified, MeanOfLargest, SpreadEvenly, Resize, ResizeInput)
def _of_last_axes(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    """The window slides over the last axes, whatever stands before them; images are resized along them."""
    return box.with_children(*(lifted(child, found, some) for child in box.children))


@rule_for(Conv1d, Conv2d, Conv3d)
def _convolution(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    x, w = box.children
    if w not in found:
        return _unfolded(box.with_children(_folded(found[x]), w), found[x])
    if x not in found and box.groups == 1:
        return np.moveaxis(_split(box.with_children(x, _folded(found[w])), found[w]), 1, 0)
    return _in_groups(box, (_beside(lifted(x, found, some)), _folded(lifted(w, found, some))), some, beside=True)


@rule_for(ConvInput)
def _input(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    g, w, like = (lifted(child, found, some) for child in box.children)
    if box.children[1] not in found:
        return _unfolded(box.with_children(_folded(g), box.children[1], _folded(like)), g)
    return _in_groups(box, (_beside(g), _folded(w), _beside(like)), some, beside=True)


@rule_for(ConvFilters)
def _filters(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    g, x, like = (lifted(child, found, some) for child in box.children)
    if box.children[1] not in found and box.groups == 1:
        return _unfolded(box.with_children(_beside(g), box.children[1], _folded(like)), like)
    return _in_groups(box, (_beside(g), _beside(x), _folded(like)), some, beside=False)


def _in_groups(box: Any, children: tuple[Any, ...], some: Box, beside: bool) -> Any:
    """Rows as groups of channels, where their number is known."""
    rows = some.shape[0]
    if isinstance(rows, Size):
        return None
    h = type(box)(*children, **box.setting_values() | {"groups": box.groups * rows})
    axis = 1 if beside else 0
    split = np.reshape(h, (*h.shape[:axis], rows, h.shape[axis] // rows, *h.shape[axis + 1 :]))
    return np.moveaxis(split, axis, 0)


def _folded(a: Value) -> Any:
    """Rows and examples, or rows and filters, as one axis."""
    return np.reshape(a, (-1, *a.shape[2:]))


def _beside(a: Value) -> Any:
    """Rows and channels as one axis, after that of the examples."""
    moved = np.moveaxis(a, 0, 1)
    return np.reshape(moved, (moved.shape[0], -1, *moved.shape[3:]))


def _unfolded(h: Value, like: Value) -> Any:
    """The rows of `like` as an axis of their own again, in front."""
    return np.reshape(h, (*like.shape[:2], *h.shape[1:]))


def _split(h: Value, like: Value) -> Any:
    """The rows of `like` as an axis of their own again, after that of the examples."""
    return np.reshape(h, (h.shape[0], *like.shape[:2], *h.shape[2:]))
