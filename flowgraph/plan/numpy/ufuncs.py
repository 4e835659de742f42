"""Which boxes are one universal function of NumPy, so that a line of a plan can call it with a buffer to fill."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Elementwise
from flowgraph.boxes.elementwise.selection import Where


def ufunc_of(box: Box) -> np.ufunc | None:
    """The ufunc that computes the box from its children, None if there is none.

    A box whose fprop gives another dtype than the ufunc computes something else.
    """
    cls = type(box)
    if cls.settings or not issubclass(cls, Elementwise):
        return None
    children = box.children
    if len(children) == 2:
        ufunc, dtype = _computing(cls, children[0].dtype, children[1].dtype)
    else:
        ufunc, dtype = _computing(cls, *[child.dtype for child in children])
    return ufunc if dtype is box.dtype else None


@functools.cache
def _computing(cls: type[Box], *dtypes: np.dtype[Any]) -> tuple[np.ufunc | None, np.dtype[Any] | None]:
    """The ufunc of a class, and the dtype that it gives for arrays of these dtypes."""
    ufunc = _declared(cls)
    if ufunc is None:
        return None, None
    try:
        return ufunc, ufunc.resolve_dtypes((*dtypes, None))[-1]
    except TypeError:
        return None, None


def _declared(cls: type[Box]) -> np.ufunc | None:
    """A ufunc that flowgraph's own class declares; a user's class is believed only what its fprop does."""
    declared = cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,)
    for function in declared:
        if isinstance(function, np.ufunc) and function.nin == len(cls.child_names) and function.nout == 1:
            return function if cls.built_in else None
    return None


# A choice between an array and zeros without a branch per element: the slope of a rectifier, many times faster.

_WHOLE = {4: np.int32, 8: np.int64}


def keep_where(mask: Array, array: Array, out: Array) -> Array:
    """The array where the mask is true, else 0: the bits of each number and those of -1 or 0.

    -1 is made in bytes and then widened: a ufunc that widens what it reads goes through a
    buffer, and takes 1.5 times as long.
    """
    whole = _WHOLE[array.itemsize]
    bits = out.view(whole)
    np.copyto(bits, np.negative(mask.view(np.int8)))
    np.bitwise_and(bits, array.view(whole), bits)
    return out


def keeps_or_zero(box: Where) -> bool:
    """Whether the box chooses between a real array of its own shape and the number 0."""
    mask, yes, no = box.children
    return (
        box.dtype in (np.float32, np.float64)
        and _is_zero(no)
        and yes.dtype == box.dtype
        and mask.dtype.kind == "b"
        and mask.shape == yes.shape == box.shape
    )


def _is_zero(box: Box) -> bool:
    """A zero of positive sign."""
    return isinstance(box, Constant) and box.shape == () and box.value == 0 and not np.signbit(box.value)
