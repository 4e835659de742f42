"""Where the elements of values are: views as offsets and strides, and what is called at addresses in memory."""

from __future__ import annotations

import ctypes
import functools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from flowgraph.box import Array, Box, Leaf
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import AddMatMul
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.blas import routine
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.shapes.indexing import ARRAY

# Memory layout of values: every view is an offset and strides in the array of another box.

LETTERS = "ijklmnopqrstuvw"
"""Variables of loops, by axis."""


class Place(NamedTuple):
    """The box in whose array the elements are, and the offset and strides, counted in elements."""

    base: Box
    offset: int
    strides: tuple[int, ...]


def find_places(graph: Graph, kinds: Mapping[Box, str]) -> dict[Box, Place]:
    """The place of every value of a graph."""
    layouts: dict[Box, Array] = {}
    bases: dict[Box, Box] = {}
    places: dict[Box, Place] = {}
    for box in graph.boxes:
        if len(box.outputs) != 1 or not sizes_known(box):
            raise RefusedError("has several outputs, or a size that depends on values", box)
        if not elements(box):
            raise RefusedError("has no elements", box)
        base = bases[box] = bases[box.children[0]] if is_view(box, kinds) else box
        layout = _view(box, layouts[box.children[0]]) if base is not box else np.empty(shape_of(box), np.int8)
        if base is not box and not np.may_share_memory(layout, layouts[base]):
            raise RefusedError("is no view of its child", box)  # its offset would lead into foreign memory
        layouts[box] = layout
        start = layout.__array_interface__["data"][0] - layouts[base].__array_interface__["data"][0]
        places[box] = Place(base, start, layout.strides)
    return places


def is_view(box: Box, kinds: Mapping[Box, str]) -> bool:
    """Whether the value is in the array of the first child."""
    if isinstance(box, Leaf) or (isinstance(box, Index) and ARRAY in box.index):
        return False
    if isinstance(box, AddMatMul):  # the product is added to what is there
        return True
    return kinds[box] == "view" or (kinds[box] == "number" and isinstance(box, Index | Reshape))


def _view(box: Box, layout: Array) -> Array:
    """The view as an array, also where NumPy would give one element."""
    if isinstance(box, AddMatMul):
        return layout
    if isinstance(box, Index) and Ellipsis not in box.index:
        return layout[(*box.index, ...)]
    return np.asarray(box.fprop(layout))


def squeezed(shape: Sequence[Any]) -> tuple[int, ...]:
    """The sizes above 1: the loops that go over all elements."""
    return tuple([size for size in shape if size != 1])


def own_index(shape: Sequence[Any]) -> list[str]:
    """The index of an element in the loops over the sizes above 1."""
    letters = iter(LETTERS)
    if len(squeezed(shape)) > len(LETTERS):
        raise RefusedError(f"has {len(shape)} axes")
    return ["0" if size == 1 else next(letters) for size in shape]


def rows_of(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of an array in rows, counted in elements."""
    return tuple([math.prod(shape[axis + 1 :]) for axis in range(len(shape))])


def flat_text(offset: int, strides: Sequence[int], index: Sequence[str]) -> str:
    """An offset and an index by its strides as one sum."""
    terms = [one if stride == 1 else f"{stride} * {one}" for stride, one in zip(strides, index, strict=True)
             if stride and one != "0"]  # fmt: skip
    return " + ".join([*([str(offset)] if offset or not terms else []), *terms])


def element(place: Place, shape: Sequence[int], index: Sequence[str], name: Callable[[Box, bool], str]) -> str:
    """The text of the element at an index of a view; `name` gives the array of a box, or, if true, its flat one."""
    base = shape_of(place.base)
    apart = _by_axes(place, shape, index)
    if apart is None:
        return f"{name(place.base, True)}[{flat_text(place.offset, place.strides, index)}]"
    return f"{name(place.base, False)}[{', '.join(apart) if base else '0'}]"


def _by_axes(place: Place, shape: Sequence[int], index: Sequence[str]) -> list[str] | None:
    """The index in the axes of the base, None where an axis of the view goes over more than one of them."""
    base = shape_of(place.base)
    rows = rows_of(base)
    rest = place.offset
    starts: list[int] = []
    for stride in rows:
        start, rest = divmod(rest, stride)
        starts.append(start)
    low, high = list(starts), list(starts)
    terms: list[list[tuple[int, str]]] = [[] for _ in base]
    for size, stride, one in zip(shape, place.strides, index, strict=True):
        if size == 1 or stride == 0 or one == "0":
            continue
        axis = next((a for a, row in enumerate(rows) if base[a] > 1 and abs(stride) >= row), None)
        if axis is None or stride % rows[axis]:
            return None
        steps = stride // rows[axis]
        terms[axis].append((steps, one))
        low[axis] += min(0, steps * (size - 1))
        high[axis] += max(0, steps * (size - 1))
    if any(least < 0 or most >= size for least, most, size in zip(low, high, base, strict=True)):
        return None
    return [
        flat_text(start, [steps for steps, _ in some], [one for _, one in some])
        for start, some in zip(starts, terms, strict=True)
    ]


def is_rows(strides: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether elements lie row by row without gaps."""
    pairs = zip(shape, strides, rows_of(shape), strict=True)
    return all(size == 1 or stride == row for size, stride, row in pairs)


# What native functions call: the loops inside NumPy's ufuncs, which use vector units, and NumPy's matrix products.

LEAST = 48
"""Elements from which the call of a loop over arrays is faster than a call of the C library for each.

An estimate, which no benchmark has tuned.
"""

SLOW = (
    np.log, np.log1p, np.exp2, np.log2, np.log10, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.arctan,
)  # fmt: skip
"""Where Numba calls the C library for each number; exp, expm1 and tanh it has from `exponentials`."""

Called = tuple[np.ufunc | str, np.dtype[np.generic]]
"""A ufunc or "product", and the dtype."""


def is_called(box: Box, places: Mapping[Box, Place]) -> bool:
    """Whether the box is computed by NumPy's own loop over arrays that lie in rows."""
    ufunc = ufunc_of(box)
    if ufunc not in SLOW or ufunc is None or elements(box) < LEAST:
        return False
    (child,) = box.children
    in_rows = child.shape == box.shape and is_rows(places[child].strides, shape_of(child))
    return in_rows and child.dtype == box.dtype and loop_of(ufunc, box.dtype) is not None


def addresses_of(called: Called) -> tuple[int, ...]:
    """What the table of a native function holds for it."""
    function, dtype = called
    if isinstance(function, np.ufunc):
        return loop_of(function, dtype) or (0, 0)
    return (ctypes.cast(cast(Any, routine(dtype)), ctypes.c_void_p).value or 0,)


@functools.cache
def loop_of(ufunc: np.ufunc, dtype: np.dtype[np.generic]) -> tuple[int, int] | None:
    """The addresses of the loop for one dtype and of what it is given beside; None where they are not found.

    They are read from the public struct of a ufunc, and believed only after the loop has computed some values rightly.
    """
    if sys.implementation.name != "cpython" or object.__basicsize__ != 2 * ctypes.sizeof(ctypes.c_void_p):
        return None
    kind = f"{dtype.char}->{dtype.char}"
    if dtype not in (np.float32, np.float64) or kind not in ufunc.types:
        return None
    start = id(ufunc) + object.__basicsize__
    counts = (ctypes.c_int * 3).from_address(start)
    functions, data = (ctypes.c_void_p * 2).from_address(start + 16)
    name = ctypes.c_char_p.from_address(start + 40).value
    count = ctypes.c_int.from_address(start + 32).value
    if tuple(counts) != (1, 1, 2) or name != ufunc.__name__.encode() or count != ufunc.ntypes or not functions:
        return None
    place = ufunc.types.index(kind)
    function = (ctypes.c_void_p * count).from_address(functions)[place]
    given = (ctypes.c_void_p * count).from_address(data)[place] if data else None
    return (function, given or 0) if function and _is_right(function, given or 0, ufunc, dtype) else None


def _is_right(function: int, data: int, ufunc: np.ufunc, dtype: np.dtype[np.generic]) -> bool:
    given = np.linspace(0.25, 2, 100, dtype=dtype)
    found = np.zeros_like(given)
    call_loop(function, data, given.ctypes.data, found.ctypes.data, given.size, given.itemsize)
    return np.array_equal(found, ufunc(given))


def call_loop(function: int, data: int, source: int, target: int, count: int, size: int) -> int:
    """Call a loop as NumPy does."""
    pointer = ctypes.c_void_p
    arrays = (pointer * 2)(source, target)
    counts, steps = (ctypes.c_ssize_t * 1)(count), (ctypes.c_ssize_t * 2)(size, size)
    loop = ctypes.CFUNCTYPE(None, pointer, pointer, pointer, pointer)(function)
    loop(ctypes.addressof(arrays), ctypes.addressof(counts), ctypes.addressof(steps), data or None)
    return 0
