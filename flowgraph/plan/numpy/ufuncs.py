"""Which boxes are one universal function of NumPy, so that a line of a plan can call it with a buffer to fill."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise


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
