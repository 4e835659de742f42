"""Indexing: slices, integers, new axes, integer and boolean arrays; and its gradient, which adds into zeros."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.part import part
from flowgraph.errors import UsageError
from flowgraph.example import example
from flowgraph.spec import Spec

ARRAY = "array"
"""In the setting `index`: the place of the next child that holds integers or truth values."""


class Index(Box):
    """Some elements of an array, chosen as NumPy chooses them: h = a[index].

    h = a[index]        da = the gradient, added into zeros at the same places

    `index` is a tuple of slices, integers, None, Ellipsis, and "array" for each of the children `indices`.
    """

    index: tuple[Any, ...] = ()

    symbol = "[ ]"
    formula = r"a_{i}"
    constant_children = frozenset({"indices"})
    examples = (
        example((3, 4), index=(1,)),
        example((5,), index=(slice(None, None, -1),)),
        example((5, 3), np.array([0, 4, 4]), index=(ARRAY,)),
    )

    def fprop(self, a: Any, *indices: Any) -> Any:
        return a[filled(self.index, indices)]

    def bprop(self, grad: Any, h: Any, a: Any, *indices: Any) -> tuple[Any, ...]:
        return IndexAdd.apply(grad, a, *indices, index=self.index), *(None for _ in indices)


class IndexAdd(Box):
    """Zeros of the shape of `like`, with an array added in at an index: the gradient of indexing.

    h = 0, h[index] += a, where an element chosen twice receives both        da = grad[index]
    """

    index: tuple[Any, ...] = ()

    symbol = "add at"
    constant_children = frozenset({"like", "indices"})
    examples = (
        example((4,), (3, 4), index=(1,)),
        example((3, 3), (5, 3), np.array([0, 4, 4]), index=(ARRAY,)),
    )

    def fprop(self, a: Any, like: Any, *indices: Any) -> Any:
        h = np.zeros(like.shape, a.dtype)
        np.add.at(h, filled(self.index, indices), a)
        return h

    def bprop(self, grad: Any, h: Any, a: Any, like: Any, *indices: Any) -> tuple[Any, ...]:
        return Index.apply(grad, *indices, index=self.index), None, *(None for _ in indices)

    def infer(self, a: Spec, like: Spec, *indices: Spec) -> Spec:
        """The shape of `like`, the dtype of a."""
        return Spec(like.shape, a.dtype)


def filled(index: tuple[Any, ...], indices: Any) -> tuple[Any, ...]:
    """The index that NumPy takes, with the arrays in their places."""
    if not indices:
        return index
    arrays = iter(indices)
    return tuple(next(arrays) if item is ARRAY or item == ARRAY else item for item in index)


def get(box: Box, index: Any) -> Any:
    """box[index]: an Index box; of a box with several outputs, one of them."""
    if len(box.outputs) != 1:
        return part(box, index)
    template, arrays = [], []
    for item in index if isinstance(index, tuple) else (index,):
        if item is None or item is Ellipsis or isinstance(item, slice):
            template.append(item)
        elif isinstance(item, Box | np.ndarray | list) or isinstance(item, bool | np.bool_):
            arrays.append(item)
            template.append(ARRAY)
        else:
            try:
                template.append(operator.index(item))
            except TypeError:
                raise UsageError(f"{box.title}: found the index {item!r}, needs integers or truth values") from None
    return Index(box, *arrays, index=tuple(template))
