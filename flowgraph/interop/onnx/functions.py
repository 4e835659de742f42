"""Functions that ONNX does not have, made of those that it has, without loss where a plain formula would have one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.table import made_of, parts_for


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


@parts_for(boxes.Cbrt)
def cbrt(box: Foreign, a: Foreign) -> Any:
    """The root of the size, with the sign."""
    root = np.power(np.abs(a), number(box, 1 / 3))
    return np.where(a < 0, -root, root)


@parts_for(boxes.LogAddExp)
def log_add_exp(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """By the larger one, so that nothing overflows; of two equal infinities it is that infinity."""
    return np.where(a == b, a + number(box, math.log(2)), np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b))))


@parts_for(boxes.LogAddExp2)
def log_add_exp2(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """The same to the base 2."""
    two = number(box, math.log(2))
    return np.where(a == b, a + 1, np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b) * two)) / two)


@parts_for(boxes.Hypot)
def hypot(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """By the ratio to the larger one, whose square does not overflow."""
    first, other = np.abs(a), np.abs(b)
    large, small = np.maximum(first, other), np.minimum(first, other)
    ratio = small / np.where((large == 0) | np.isinf(large), number(box, 1), large)
    infinite = np.isinf(first) | np.isinf(other)
    return np.where(infinite, number(box, math.inf), large * np.sqrt(1 + ratio * ratio))


@parts_for(boxes.Arctan2)
def arctan2(box: Foreign, y: Foreign, x: Foreign) -> Any:
    """The quadrant by the signs, that of zero included."""
    half, whole = number(box, math.pi / 2), number(box, math.pi)
    up, quotient = np.where(is_negative(y), -1, 1).astype(box.dtype), y / np.where(x == 0, number(box, 1), x)
    steep = np.where(y == 0, np.where(is_negative(x), whole, number(box, 0)), half)
    both = np.isinf(y) & np.isinf(x)
    flat = np.where(both, number(box, math.pi / 4), np.arctan(np.abs(np.where(both, number(box, 1), quotient))))
    angle = up * np.where(x == 0, steep, np.where(x < 0, whole - flat, flat))
    return np.where(np.isnan(x) | np.isnan(y), x + y, angle)


@parts_for(boxes.Heaviside)
def heaviside(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """A step; of no number none."""
    step = np.where(a < 0, number(box, 0), np.where(a == 0, b, number(box, 1)))
    return np.where(np.isnan(a), a, step)


@parts_for(boxes.Fmax, boxes.Fmin)
def number_of_two(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """The larger or the smaller of two numbers; where one is NaN, the other."""
    chosen = np.maximum(a, b) if isinstance(box, boxes.Fmax) else np.minimum(a, b)
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, chosen)) if box.dtype.kind == "f" else chosen


@parts_for(boxes.Sinc)
def sinc(box: Foreign, a: Foreign) -> Any:
    """sin(πa) / (πa); at zero that of a number so small that it is 1."""
    angle = number(box, math.pi) * np.where(a == 0, number(box, 1e-20 if box.dtype != np.float16 else 1e-4), a)
    return np.sin(angle) / angle


@parts_for(boxes.XLogY, boxes.XLog1pY)
def x_log_y(box: Foreign, x: Foreign, y: Foreign) -> Any:
    """Zero where x is, unless y is NaN."""
    zero = (x == 0) & np.logical_not(np.isnan(y))
    logarithm = np.log if isinstance(box, boxes.XLogY) else np.log1p
    return np.where(zero, number(box, 0), x * logarithm(np.where(zero, number(box, 1), y)))


@parts_for(boxes.Entr)
def entropy(box: Foreign, x: Foreign) -> Any:
    """-x log x; of zero 0, of a number below -inf."""
    inside = np.where(x > 0, -x * np.log(np.where(x > 0, x, number(box, 1))), x)
    return np.where(x == 0, number(box, 0), np.where(x < 0, number(box, -math.inf), inside))


@parts_for(boxes.RelEntr, boxes.KlDiv)
def relative_entropy(box: Foreign, x: Foreign, y: Foreign) -> Any:
    """By the logarithm of the ratio; by two logarithms where that overflows."""
    proper = (x > 0) & (y > 0)
    unit = number(box, 1)
    over, under = np.where(proper, x, unit), np.where(proper, y, unit)
    ratio = over / under
    far = (ratio == 0) | np.isinf(ratio)
    apart = np.where(far, np.log(over) - np.log(under), np.log(np.where(far, unit, ratio)))
    value = np.where(proper, x * apart, number(box, math.inf))
    zero = (x == 0) & (y >= 0)
    value = np.where(zero, number(box, 0), value)
    if isinstance(box, boxes.KlDiv):
        value = np.where(zero, y, np.where(proper, value - x + y, value))
    return np.where(np.isnan(x) | np.isnan(y), x + y, value)


@parts_for(boxes.PolyVal, when=lambda box: isinstance(box.children[0].shape[0], int))
def polynomial(box: Foreign, p: Foreign, x: Foreign) -> Any:
    """Coefficient by coefficient, as Horner does."""
    total = np.zeros((), box.dtype) * x
    for i in range(p.shape[0]):
        total = total * x + p[i]
    return total


parts_for(boxes.SignBit, when=lambda box: box.children[0].dtype.kind == "f")(lambda box, a: is_negative(a))
made_of({
    boxes.Exp2: lambda box, a: np.power(number(box, 2), a),
    boxes.Log2: lambda box, a: np.log(a) / number(box, math.log(2)),
    boxes.Log10: lambda box, a: np.log(a) / number(box, math.log(10)),
    boxes.Copysign: lambda box, a, b: np.where(is_negative(b), -np.abs(a), np.abs(a)),
    boxes.Ldexp: lambda box, a, exponents: a * np.power(number(box, 2), exponents.astype(box.dtype)),
    boxes.Degrees: lambda box, a: a.astype(box.dtype) * number(box, 180 / math.pi),
    boxes.Radians: lambda box, a: a.astype(box.dtype) * number(box, math.pi / 180),
    boxes.Erfc: lambda box, a: 1 - boxes.Erf(a),
    boxes.NormalCdf: lambda box, a: number(box, 0.5) * (1 + boxes.Erf(a * number(box, math.sqrt(0.5)))),
    boxes.LogExpit: lambda box, a: -boxes.Softplus(-a),
    boxes.Logit: lambda box, a: np.log(a / (1 - a)),
})  # fmt: skip
