"""What native functions call: the loops inside NumPy's ufuncs, which use vector units, and NumPy's matrix products."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from flowgraph.box import Box
from flowgraph.plan.blas import routine
from flowgraph.plan.numba.places import Place, is_rows
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, shape_of

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
