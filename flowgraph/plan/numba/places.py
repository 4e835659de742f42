"""Indices of elements and places in memory, and what is called there: loops of NumPy and products of BLAS."""

from __future__ import annotations

import ctypes
import functools
import math
import sys
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from flowgraph.plan.blas import routine
from flowgraph.plan.emitter import RefusedError

# Indices of elements, and how far apart in memory they are.

LETTERS = "ijklmnopqrstuvw"
"""Variables of loops, by axis."""


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


def is_rows(strides: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether elements lie row by row without gaps."""
    pairs = zip(shape, strides, rows_of(shape), strict=True)
    return all(size == 1 or stride == row for size, stride, row in pairs)


def joined(
    sizes: Sequence[int], strides: Sequence[Sequence[int]], join: bool = True
) -> tuple[list[int], list[list[int]]]:
    """The loops of which none could be one with the next, for all arrays; those over one element are left out."""
    kept: list[int] = []
    found: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(sizes):
        if size == 1:
            continue
        if join and kept and all(some[-1] == along[axis] * size for some, along in zip(found, strides, strict=True)):
            kept[-1] *= size
            for some, along in zip(found, strides, strict=True):
                some[-1] = along[axis]
            continue
        kept.append(size)
        for some, along in zip(found, strides, strict=True):
            some.append(along[axis])
    return kept, found


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
