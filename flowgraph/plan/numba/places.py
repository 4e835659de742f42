"""Indices of elements, and their places in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

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


# Functions that NumPy has vector instructions for, and Numba has not.

LEAST = 48
"""Elements from which NumPy's own loop is faster than a call of the C library for each.

An estimate, which no benchmark has tuned.
"""

SLOW = (
    np.log, np.log1p, np.exp2, np.log2, np.log10, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.arctan,
)  # fmt: skip
"""Where Numba calls the C library for each number; exp, expm1 and tanh it has from `exponentials`."""
