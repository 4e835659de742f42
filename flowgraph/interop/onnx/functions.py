"""Functions that ONNX does not have, made of those that it has, without loss where a plain formula would have one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box.value import Foreign
from flowgraph.interop.onnx.table import parts_for


def number(box: Foreign, value: float) -> Any:
    """A number of the dtype of a box, which so widens nothing."""
    return box.dtype.type(value)


def is_negative(a: Foreign) -> Any:
    """Whether the sign bit is set: of numbers below zero, and of -0."""
    return (a < 0) | ((a == 0) & (np.reciprocal(a) < 0))


@parts_for(boxes.Expm1)
def expm1(box: Foreign, a: Foreign) -> Any:
    """By the trick of Kahan: the error of exp(a) - 1 and that of the logarithm of exp(a) are the same."""
    u = np.exp(a)
    near = np.abs(a) < 1
    safe = np.where(near & (u != 1), u, number(box, math.e))
    return np.where(near, np.where(u == 1, a, (safe - 1) * (a / np.log(safe))), u - 1)


@parts_for(boxes.Log1p)
def log1p(box: Foreign, a: Foreign) -> Any:
    """By the same trick: ln(u) a / (u - 1) with u the rounded 1 + a."""
    u = 1 + a
    near = (np.abs(a) < 1) & (u != 1)
    safe = np.where(near & (u > 0), u, number(box, 2))
    return np.where(u == 1, a, np.where(near & (u > 0), np.log(safe) * (a / (safe - 1)), np.log(u)))


@parts_for(boxes.Exp2)
def _(box: Foreign, a: Foreign) -> Any:
    return np.power(number(box, 2), a)


@parts_for(boxes.Log2)
def _(box: Foreign, a: Foreign) -> Any:
    return np.log(a) / number(box, math.log(2))


@parts_for(boxes.Log10)
def _(box: Foreign, a: Foreign) -> Any:
    return np.log(a) / number(box, math.log(10))


@parts_for(boxes.Cbrt)
def _(box: Foreign, a: Foreign) -> Any:
    root = np.power(np.abs(a), number(box, 1 / 3))
    return np.where(a < 0, -root, root)


@parts_for(boxes.LogAddExp)
def _(box: Foreign, a: Foreign, b: Foreign) -> Any:
    return np.where(a == b, a + number(box, math.log(2)), np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b))))


@parts_for(boxes.LogAddExp2)
def _(box: Foreign, a: Foreign, b: Foreign) -> Any:
    two = number(box, math.log(2))
    return np.where(a == b, a + 1, np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b) * two)) / two)


@parts_for(boxes.Hypot)
def _(box: Foreign, a: Foreign, b: Foreign) -> Any:
    one, other = np.abs(a), np.abs(b)
    large, small = np.maximum(one, other), np.minimum(one, other)
    ratio = small / np.where((large == 0) | np.isinf(large), number(box, 1), large)
    infinite = np.isinf(one) | np.isinf(other)
    return np.where(infinite, number(box, math.inf), large * np.sqrt(1 + ratio * ratio))


@parts_for(boxes.Arctan2)
def _(box: Foreign, y: Foreign, x: Foreign) -> Any:
    """The quadrant by the signs, that of zero included."""
    half, whole = number(box, math.pi / 2), number(box, math.pi)
    up, quotient = np.where(is_negative(y), -1, 1).astype(box.dtype), y / np.where(x == 0, number(box, 1), x)
    steep = np.where(y == 0, np.where(is_negative(x), whole, number(box, 0)), half)
    both = np.isinf(y) & np.isinf(x)
    flat = np.where(both, number(box, math.pi / 4), np.arctan(np.abs(np.where(both, number(box, 1), quotient))))
    angle = up * np.where(x == 0, steep, np.where(x < 0, whole - flat, flat))
    return np.where(np.isnan(x) | np.isnan(y), x + y, angle)


@parts_for(boxes.Copysign)
def _(box: Foreign, a: Foreign, b: Foreign) -> Any:
    return np.where(is_negative(b), -np.abs(a), np.abs(a))


@parts_for(boxes.SignBit, when=lambda box: box.children[0].dtype.kind == "f")
def _(box: Foreign, a: Foreign) -> Any:
    return is_negative(a)


@parts_for(boxes.Heaviside)
def _(box: Foreign, a: Foreign, b: Foreign) -> Any:
    step = np.where(a < 0, number(box, 0), np.where(a == 0, b, number(box, 1)))
    return np.where(np.isnan(a), a, step)


@parts_for(boxes.Fmax, boxes.Fmin)
def _(box: Foreign, a: Foreign, b: Foreign) -> Any:
    chosen = np.maximum(a, b) if isinstance(box, boxes.Fmax) else np.minimum(a, b)
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, chosen)) if box.dtype.kind == "f" else chosen


@parts_for(boxes.Ldexp)
def _(box: Foreign, a: Foreign, exponents: Foreign) -> Any:
    return a * np.power(number(box, 2), exponents.astype(box.dtype))


@parts_for(boxes.Degrees)
def _(box: Foreign, a: Foreign) -> Any:
    return a.astype(box.dtype) * number(box, 180 / math.pi)


@parts_for(boxes.Radians)
def _(box: Foreign, a: Foreign) -> Any:
    return a.astype(box.dtype) * number(box, math.pi / 180)


@parts_for(boxes.Sinc)
def _(box: Foreign, a: Foreign) -> Any:
    angle = number(box, math.pi) * np.where(a == 0, number(box, 1e-20 if box.dtype != np.float16 else 1e-4), a)
    return np.sin(angle) / angle


@parts_for(boxes.Erfc)
def _(box: Foreign, a: Foreign) -> Any:
    return 1 - boxes.Erf(a)


@parts_for(boxes.NormalCdf)
def _(box: Foreign, a: Foreign) -> Any:
    return number(box, 0.5) * (1 + boxes.Erf(a * number(box, math.sqrt(0.5))))


@parts_for(boxes.LogExpit)
def _(box: Foreign, a: Foreign) -> Any:
    return -boxes.Softplus(-a)


@parts_for(boxes.Logit)
def _(box: Foreign, a: Foreign) -> Any:
    return np.log(a / (1 - a))


@parts_for(boxes.XLogY)
def _(box: Foreign, x: Foreign, y: Foreign) -> Any:
    zero = (x == 0) & np.logical_not(np.isnan(y))
    return np.where(zero, number(box, 0), x * np.log(np.where(zero, number(box, 1), y)))


@parts_for(boxes.XLog1pY)
def _(box: Foreign, x: Foreign, y: Foreign) -> Any:
    zero = (x == 0) & np.logical_not(np.isnan(y))
    return np.where(zero, number(box, 0), x * np.log1p(np.where(zero, number(box, 1), y)))


@parts_for(boxes.Entr)
def _(box: Foreign, x: Foreign) -> Any:
    inside = np.where(x > 0, -x * np.log(np.where(x > 0, x, number(box, 1))), x)
    return np.where(x == 0, number(box, 0), np.where(x < 0, number(box, -math.inf), inside))


@parts_for(boxes.RelEntr, boxes.KlDiv)
def _(box: Foreign, x: Foreign, y: Foreign) -> Any:
    proper = (x > 0) & (y > 0)
    one = number(box, 1)
    over, under = np.where(proper, x, one), np.where(proper, y, one)
    ratio = over / under
    far = (ratio == 0) | np.isinf(ratio)
    apart = np.where(far, np.log(over) - np.log(under), np.log(np.where(far, one, ratio)))
    found = np.where(proper, x * apart, number(box, math.inf))
    zero = (x == 0) & (y >= 0)
    found = np.where(zero, number(box, 0), found)
    if isinstance(box, boxes.KlDiv):
        found = np.where(zero, y, np.where(proper, found - x + y, found))
    return np.where(np.isnan(x) | np.isnan(y), x + y, found)


@parts_for(boxes.PolyVal, when=lambda box: isinstance(box.children[0].shape[0], int))
def _(box: Foreign, p: Foreign, x: Foreign) -> Any:
    """Coefficient by coefficient, as Horner does."""
    total = np.zeros((), box.dtype) * x
    for i in range(p.shape[0]):
        total = total * x + p[i]
    return total
