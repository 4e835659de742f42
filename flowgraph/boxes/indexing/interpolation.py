"""Lines through points: np.interp."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.indexing.index import arange_like, index_add
from flowgraph.boxes.numpy_api.array_arguments import as_box_or_array
from flowgraph.errors import DtypeError, UnsupportedError, UsageError
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.spec import Spec, same

_PLACES = np.array([-1.0, -0.3, 0.5, 2.0])


class Interp(Box):
    """Linear interpolation between points at x; constant before the first and after the last.

    h = (1 - t) f_j + t f_{j+1}, t = (x - x_j) / (x_{j+1} - x_j)
    ∂h/∂x = s, the slope; ∂h/∂f = 1 - t and t; ∂h/∂x_j = -s (1 - t), ∂h/∂x_{j+1} = -s t

    At a corner the slope is that to its right, at the last point that to its left; outside it is 0.
    """

    symbol = "interp"
    formula = r"(1 - t) f_j + t f_{j+1}"
    derivative = r"s, \; -s (1 - t), \; 1 - t"
    examples = (
        example(np.array([[-0.7, 0.1, 1.9], [-2.0, 0.4, 3.0]]), _PLACES, (4,)),
        example(np.array(0.2), _PLACES, np.array([1.0, -1.0, 0.5, 0.7])),
        example(np.array([0.3, -0.4]), np.array([0.1]), (1,)),
    )

    def fprop(self, x: Value, xp: Value, fp: Value) -> Value:
        if np.any(xp[1:] < xp[:-1]):
            raise UsageError(
                f"{self.title}: found xp that is not increasing, needs ascending xp; sort xp, and fp in the same order"
            )
        return np.asarray(np.interp(x, xp, fp))

    def bprop(self, grad: Value, h: Value, x: Value, xp: Value, fp: Value) -> tuple[Value, ...]:
        last = count_like(arange_like(xp, 0)) - 1
        left = np.minimum(np.maximum(np.searchsorted(xp, x, side="right") - 1, 0), last - 1)
        right = left + 1
        x0, x1, f0, f1 = xp[left], xp[right], fp[left], fp[right]
        width = np.where(x1 == x0, 1, x1 - x0)
        t = np.clip((x - x0) / width, 0, 1)
        slope = np.where((x >= xp[0]) & (x <= xp[-1]), grad * (f1 - f0) / width, 0)
        of_places, of_heights = _shared(-slope, t, xp, left, right), _shared(grad, t, fp, left, right)
        return slope.astype(x.dtype), of_places.astype(xp.dtype), of_heights.astype(fp.dtype)

    def infer(self, x: Spec, xp: Spec, fp: Spec) -> Spec:
        """One height per x, in double precision."""
        if "c" in (x.dtype.kind, xp.dtype.kind, fp.dtype.kind):
            raise DtypeError(f"{self.title}: found complex numbers, needs real ones; interpolate each part by itself")
        if len(xp.shape) != 1 or len(fp.shape) != 1 or not same(xp.shape[0], fp.shape[0]):
            raise self.shape_error("needs xp and fp with one axis each and of the same length")
        return Spec(x.shape, np.dtype(np.float64))


@implements(np.interp)
def interp(x: Value, xp: Value, fp: Value, left: Value = None, right: Value = None, period: Value = None) -> Any:
    """np.interp of boxes: x, xp, fp, left and right may all be boxes."""
    x, xp, fp = as_box_or_array(x), as_box_or_array(xp), as_box_or_array(fp)
    if "c" in (x.dtype.kind, xp.dtype.kind, fp.dtype.kind):
        raise UnsupportedError("np.interp: found complex numbers, needs real ones; interpolate each part by itself")
    if period is None:
        return _ends(Interp(x, xp, fp), x, xp, left, right)
    if isinstance(period, Box) or period == 0:
        raise UsageError(f"np.interp: found period={period!r}, needs a number other than 0")
    x, xp = (a.astype(np.float64) % abs(period) for a in (x, xp))
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    around = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
    return Interp(x, around, np.concatenate([fp[-1:], fp, fp[:1]]))


def _ends(h: Value, x: Value, xp: Value, left: Value, right: Value) -> Any:
    """The values of left and right, if they are given."""
    if left is not None:
        h = np.where(x < xp[0], left, h)
    return h if right is None else np.where(x > xp[-1], right, h)


def _shared(grad: Value, t: Value, like: Value, left: Value, right: Value) -> Any:
    """A gradient shared between both neighbours."""
    near = index_add(grad * (1 - t), like, left, index=(ARRAY,))
    return near + index_add(grad * t, like, right, index=(ARRAY,))
