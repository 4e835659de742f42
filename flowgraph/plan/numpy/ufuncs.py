"""Which boxes are one universal function of NumPy, so that a line of a plan can call it with a buffer to fill."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise


def ufunc_of(box: Box) -> np.ufunc | None:
    """The ufunc that computes the box from its children, None if there is none."""
    if box.settings or not isinstance(box, Elementwise):
        return None
    ufunc = _declared(type(box))
    return ufunc if ufunc is None or _dtype(ufunc, tuple([c.dtype for c in box.children])) is box.dtype else None


@functools.cache
def _dtype(ufunc: np.ufunc, dtypes: tuple[np.dtype[Any], ...]) -> np.dtype[Any] | None:
    """What the ufunc gives for arrays of these dtypes: a box whose fprop gives another computes something else."""
    try:
        return ufunc.resolve_dtypes((*dtypes, None))[-1]
    except TypeError:
        return None


@functools.cache
def _declared(cls: type[Box]) -> np.ufunc | None:
    """A ufunc that flowgraph's own class declares; a user's class is believed only what its fprop does."""
    declared = cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,)
    for function in declared:
        if isinstance(function, np.ufunc) and function.nin == len(cls.child_names) and function.nout == 1:
            return function if cls.__module__.startswith("flowgraph.") else None
    return None
