"""Simplification of operations with scalars: identities are removed, factors combined where that is safe."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Constant
from flowgraph.boxes.elementwise.arithmetic import Add, Divide, Multiply, Negative, Positive, Subtract
from flowgraph.boxes.elementwise.exponential import Exp, Log1p, LogAddExp
from flowgraph.boxes.elementwise.selection import Absolute, Maximum
from flowgraph.plan.rebuild import Builder, is_scalar, number_of

# Range analysis: when scalar factors may be combined without overflow, underflow or loss of digits.
# Floating-point numbers are not associative at the edges of their range: (x * 1e200) * 1e-200 overflows for a large x,
# x * (1e200 * 1e-200) does not. A rule here is given the numbers that are known when the plan is made, and answers for
# every array.


def is_normal(number: Any, dtype: DTypeLike) -> bool:
    """Whether the number is finite and not so small that its dtype keeps fewer digits of it, nor 0."""
    info = np.finfo(dtype)
    return bool(info.tiny <= abs(number) <= info.max)


def is_unit(number: Any) -> bool:
    """Whether a product with the number rounds nothing: 1 or -1."""
    return number is not None and abs(number) == 1


def may_multiply(c: Any, d: Any, dtype: Any) -> bool:
    """Whether c * (d * x) may be (c * d) * x for every x; None stands for a number that is known in the run only.

    Two numbers from 1 upwards overflow together or not at all, two of at most 1 vanish together. A large one would
    bring back what a small one has made vanish, which NumPy does not.
    """
    if is_unit(c) or is_unit(d):
        return True
    if c is None or d is None:
        return False
    with np.errstate(all="ignore"):
        both = dtype.type(c) * dtype.type(d)
    same_side = (abs(c) >= 1) == (abs(d) >= 1)
    return same_side and all(is_normal(number, dtype) for number in (c, d, both))


def may_add(c: Any, d: Any, dtype: DTypeLike) -> bool:
    """Whether c + (d + x) may be (c + d) + x for every x: no sum with so small numbers overflows."""
    info = np.finfo(dtype)
    return c is not None and d is not None and bool(abs(c) + abs(d) < info.max * info.eps / 4)


# Simplification of operations with scalars: identities are removed, factors combined where that is safe.


def _is_float(box: Box) -> bool:
    return box.dtype.kind == "f" and all(child.dtype == box.dtype for child in box.children)


def _same(box: Box, child: Box) -> bool:
    return child.shape == box.shape and child.dtype == box.dtype


def _is(box: Box, number: float) -> bool:
    known = number_of(box)
    if known is None and isinstance(box, Constant) and box.value.size == 1:
        known = box.value.reshape(())[()]
    return known is not None and bool(known == number)


def add_zero(make: Builder, box: Box) -> Box | None:
    """x + 0 and x - 0 are x."""
    a, b = box.children
    if _same(box, a) and _is(b, 0):
        return a
    return b if isinstance(box, Add) and _same(box, b) and _is(a, 0) else None


def times_one(make: Builder, box: Box) -> Box | None:
    """x * 1 and x / 1 are x, but for complex numbers, of whose infinities the product is NaN."""
    a, b = box.children
    if box.dtype.kind == "c":
        return None
    if _same(box, a) and _is(b, 1):
        return a
    return b if isinstance(box, Multiply) and _same(box, b) and _is(a, 1) else None


def positive(make: Builder, box: Box) -> Box | None:
    """+x is x."""
    return box.children[0]


def negative(make: Builder, box: Box) -> Box | None:
    """-x is -1 * x, a factor that other factors take in; -(-x) is x."""
    (a,) = box.children
    if isinstance(a, Negative):
        return a.children[0]
    if not _is_float(box) or is_scalar(box):
        return None
    return make.make(Multiply, make.constant(-1, box.dtype), a)


def quotient(make: Builder, box: Box) -> Box | None:
    """x / c is (1 / c) * x for a number c that is known, where 1 / c is neither too small nor too large."""
    a, c = box.children
    number = number_of(c)
    if not _is_float(box) or number is None:
        return None
    with np.errstate(all="ignore"):
        inverse = box.dtype.type(1) / number
    return make.make(Multiply, make.constant(inverse, box.dtype), a) if is_normal(inverse, box.dtype) else None


def factor_first(make: Builder, box: Box) -> Box | None:
    """x * c is c * x; c * (d * x) is (c * d) * x where no edge of the range comes between."""
    a, b = box.children
    if not _is_float(box) or is_scalar(box):
        return None
    if is_scalar(b):
        return make.make(Multiply, b, a)
    if is_scalar(a) and isinstance(b, Multiply) and is_scalar(b.children[0]) and _is_float(b):
        c, d = a, b.children[0]
        if may_multiply(number_of(c), number_of(d), box.dtype):
            return make.make(Multiply, make.make(Multiply, c, d), b.children[1])
    return None


def number_first(make: Builder, box: Box) -> Box | None:
    """Among numbers: a constant stands first, and two that are constant become one."""
    a, b = box.children
    if not is_scalar(box) or not _is_float(box):
        return None
    if number_of(b) is not None and number_of(a) is None:
        return make.make(type(box), b, a)
    if number_of(a) is not None and type(b) is type(box) and number_of(b.children[0]) is not None and _is_float(b):
        c, d = number_of(a), number_of(b.children[0])
        may = may_multiply if isinstance(box, Multiply) else may_add
        return (
            make.make(type(box), make.constant(box.fprop(c, d), box.dtype), b.children[1])
            if may(c, d, box.dtype)
            else None
        )
    return None


def minus_product(make: Builder, box: Box) -> Box | None:
    """x - c * y is x + (-c) * y."""
    a, b = box.children
    if not _is_float(box) or is_scalar(box) or not _is_scaled(b):
        return None
    return make.make(Add, a, make.make(Multiply, minus(make, b.children[0]), b.children[1]))


def minus(make: Builder, c: Box) -> Box:
    """The number with its sign changed."""
    return make.make(Multiply, make.constant(-1, c.dtype), c)


def like_terms_of_change(make: Builder, box: Box) -> Box | None:
    """x + c * x is (1 + c) * x in the new value of a parameter, also where another term stands between.

    A value that a caller gets stays: y + x may be finite where 2 * x is not.
    """
    if not _is_float(box) or is_scalar(box):
        return None
    terms = _terms(box)
    for i, first in enumerate(terms):
        for j in range(i + 1, len(terms)):
            if _base(first) is _base(terms[j]) and first.shape == box.shape:
                c, d = _factor(make, first), _factor(make, terms[j])
                rest = [term for k, term in enumerate(terms) if k not in (i, j)]
                return _sum(make, [*rest, make.make(Multiply, make.make(Add, c, d), _base(first))])
    return None


def _terms(box: Box) -> list[Box]:
    """The terms of a sum of two or three."""
    a, b = box.children
    return [*(a.children if _is_sum(a, box) else [a]), *(b.children if _is_sum(b, box) else [b])]


def _is_sum(box: Box, parent: Box) -> bool:
    return isinstance(box, Add) and _same(parent, box) and _is_float(box)


def _sum(make: Builder, terms: list[Box]) -> Box:
    total = terms[0]
    for term in terms[1:]:
        total = make.make(Add, total, term)
    return total


def _is_scaled(box: Box) -> bool:
    return isinstance(box, Multiply) and is_scalar(box.children[0]) and not is_scalar(box) and _is_float(box)


def _base(box: Box) -> Box:
    return box.children[1] if _is_scaled(box) else box


def _factor(make: Builder, box: Box) -> Box:
    return box.children[0] if _is_scaled(box) else make.constant(1, box.dtype)


def minus_one_times(make: Builder, box: Box) -> Box | None:
    """-1 * x is -x, which is written so once no other factor can take the sign in."""
    c, x = box.children
    return Negative(x) if _is(c, -1) and _same(box, x) else None


def softplus(make: Builder, box: Box) -> Box | None:
    """ln(exp(x) + exp(0)) by functions that have vector instructions: np.logaddexp takes 4 to 6 times as long."""
    a, b = box.children
    x = a if _same(box, a) and _is(b, 0) else b
    if box.dtype not in (np.float32, np.float64) or not _same(box, x) or not _is(a if x is b else b, 0):
        return None
    rest = make.make(Log1p, make.make(Exp, make.make(Negative, make.make(Absolute, x))))
    return make.make(Add, make.make(Maximum, x, make.constant(0, box.dtype)), rest)


RULES: dict[type[Box], list[Any]] = {
    Positive: [positive],
    Negative: [negative],
    Add: [add_zero, number_first],
    Subtract: [add_zero, minus_product],
    Multiply: [times_one, number_first, factor_first],
    Divide: [times_one, quotient],
    LogAddExp: [softplus],
}

OF_CHANGES: dict[type[Box], list[Any]] = RULES | {Add: [add_zero, number_first, like_terms_of_change]}
"""Rules for the changes of parameters, which may round and vanish in another order: see docs/plans.md."""
