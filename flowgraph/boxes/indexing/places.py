"""The places along an axis, 0, 1, ...: a box where their number follows the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.box.exports import public
from flowgraph.shapes.spec import Spec


class ArangeLike(Box):
    """The indices 0, 1, 2 ... along one axis of an array: np.arange(N) where N is a symbolic size.

    h_i = i; no gradient, as it depends on the shape alone

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.boxes.indexing.places import ArangeLike
    >>> x, y = fg.Input("x", shape=("N", 10)), fg.Input("y", shape=("N",), dtype=int)
    >>> x[ArangeLike(y), y].shape
    ('N',)
    """

    axis: int = 0

    symbol = "arange"
    arithmetic = False
    constant_children = frozenset({"like"})
    examples = (example((3, 4)), example((3, 4), axis=-1))

    def fprop(self, like: Value) -> Value:
        return np.arange(like.shape[self.axis])

    def infer(self, like: Spec) -> Spec:
        """The size of the axis."""
        if not -len(like.shape) <= self.axis < len(like.shape):
            raise self.shape_error(f"axis = {self.axis} of an array with {len(like.shape)} axes")
        return Spec((like.shape[self.axis],), np.dtype(int))


@public
def arange_like(like: Value, axis: int = 0) -> Any:
    """ArangeLike on boxes whose axis follows the batch, its value where the size is known.

    Parameters
    ----------
    like : box or array_like
        What has the axis; only its shape is read.
    axis : int, default 0
        The axis whose places are numbered.

    Returns
    -------
    box or ndarray
        0, 1, ... up to the size of the axis, less one; a box where the size follows the batch.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.arange_like(np.zeros((2, 3)), axis=1)
    array([0, 1, 2])
    """
    size = like.shape[axis]
    return np.arange(size) if isinstance(size, int) else ArangeLike(like, axis=axis)
