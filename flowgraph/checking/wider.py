"""The same operation in a wider type, where its rounding is 2000 times smaller."""

from __future__ import annotations

import numpy as np

from flowgraph.checking.point import Point
from flowgraph.checking.runner import Illegal, parts

HAS_LONGDOUBLE = np.finfo(np.longdouble).eps < 1e-18


def widened(point: Point) -> Point | None:
    """The point in long double; None where this machine or fprop does not carry it through."""
    if not HAS_LONGDOUBLE:
        return None
    inputs = list(point.inputs)
    for i in point.active:
        if type(inputs[i]) is float:
            inputs[i] = np.longdouble(inputs[i])
        else:
            inputs[i] = np.asarray(inputs[i]).astype(np.longdouble)
    try:
        wide = Point.at(point.runner, tuple(inputs), point.regime, point.active)
    except Illegal:
        return None
    carried = all(
        np.asarray(part).dtype in (np.longdouble, np.clongdouble) or np.asarray(part).dtype.kind in "iub"
        for part in parts(wide.output)
    )
    return wide if carried and wide.value.shape == point.value.shape else None


def disagrees(point: Point, wide: Point) -> bool:
    """Whether fprop itself has lost its digits here, so that the point says nothing."""
    difference = np.abs(point.value - wide.value.astype(np.float64))
    scale = np.abs(wide.value).astype(np.float64)
    scale = np.maximum(scale, 1e-3 * (scale.max() if scale.size else 0.0))
    return bool(np.any(difference > 1e-7 * scale))
