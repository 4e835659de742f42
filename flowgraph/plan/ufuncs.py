"""Which boxes are one universal function of NumPy, so that a line of a plan can call it with a buffer to fill."""

from __future__ import annotations

import functools

import numpy as np

from flowgraph.box import Box, Elementwise


def ufunc_of(box: Box) -> np.ufunc | None:
    """The ufunc that computes the box from its children, None if there is none."""
    return None if box.settings or not isinstance(box, Elementwise) else _declared(type(box))


@functools.cache
def _declared(cls: type[Box]) -> np.ufunc | None:
    """A ufunc that flowgraph's own class declares; a user's class is believed only what its fprop does."""
    declared = cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,)
    for function in declared:
        if isinstance(function, np.ufunc) and function.nin == len(cls.child_names) and function.nout == 1:
            return function if cls.__module__.startswith("flowgraph.") else None
    return None
