"""A rectifier under max pooling: what is pooled is rectified, and its gradient finds the largest in the same pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.elementwise.arithmetic import Divide, Multiply
from flowgraph.boxes.elementwise.comparison import Equal, Greater
from flowgraph.boxes.elementwise.selection import Maximum, Where
from flowgraph.boxes.neural.pooling import MaxPool, SpreadToLargest, SpreadToRectified
from flowgraph.plan.rebuild import Builder, number_of, sizes_known


def rectified_last(make: Builder, box: Any) -> Box | None:
    """The largest of what is raised to a number is the largest, raised to it: fewer elements are raised."""
    (raised,) = box.children
    operands = _raised(raised)
    if operands is None:
        return None
    source, floor = operands
    return make.make(Maximum, make.make(MaxPool, source, **box.setting_values()), floor)


def slope_of_both(make: Builder, box: Any) -> Box | None:
    """The slope of a rectifier times what the pooling sends back: 1 or 0, and half of it at the floor, or nothing."""
    mask, sent, zero = box.children
    if number_of(zero) != 0 or not isinstance(mask, Equal | Greater):
        return None
    strict = isinstance(mask, Greater)
    spread = sent if strict else _halved(sent)
    if not isinstance(spread, SpreadToLargest) or spread.dtype != box.dtype:
        return None
    if not spread.sliding.apart or any(map(any, spread.sliding.padding)):  # for which no back end has lines
        return None
    g, raised = spread.children
    operands = _raised(raised)
    if operands is None or g.dtype != raised.dtype or not sizes_known(spread):
        return None
    source, floor = operands
    if strict and not (mask.children[0] is source and number_of(mask.children[1]) == number_of(floor)):
        return None
    if not strict and not (_are(mask, source, raised) and _are(sent.children[0], source, floor)):
        return None
    settings: Any = spread.setting_values()
    largest = make.make(MaxPool, raised, **settings)
    return make.make(SpreadToRectified, g, source, largest, **settings, floor=float(number_of(floor)), half=not strict)


def _raised(box: Box) -> tuple[Box, Box] | None:
    """What is raised to a number, and the number."""
    if not isinstance(box, Maximum) or box.dtype not in (np.float32, np.float64):
        return None
    for source, floor in (box.children, box.children[::-1]):
        number = number_of(floor)
        if number is not None and np.isfinite(number) and source.shape == box.shape and source.dtype == box.dtype:
            return source, floor
    return None


def _halved(box: Box) -> Box | None:
    """What is chosen where a condition does not hold, of which half is where it holds."""
    if not isinstance(box, Where):
        return None
    mask, half, whole = box.children
    return whole if isinstance(mask, Equal) and _is_half(half, whole) else None


def _is_half(half: Box, whole: Box) -> bool:
    if isinstance(half, Divide):
        return half.children[0] is whole and number_of(half.children[1]) == 2
    return isinstance(half, Multiply) and any(
        operand is whole and number_of(other) == 0.5 for operand, other in (half.children, half.children[::-1])
    )


def _are(box: Box, first: Box, second: Box) -> bool:
    """Whether the children of a box are these two, numbers by their value."""
    for a, b in (box.children, box.children[::-1]):
        if a is first and (b is second or (number_of(b) is not None and number_of(b) == number_of(second))):
            return True
    return False


RULES: dict[type[Box], list[Any]] = {MaxPool: [rectified_last], Where: [slope_of_both]}
