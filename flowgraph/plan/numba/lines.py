"""The expression for one element of a box, in what Numba compiles, with the numbers that NumPy would compute with."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Clip, Where
from flowgraph.boxes.neural.activation import NormalCdf
from flowgraph.boxes.neural.loss import BinaryCrossEntropy, Hinge
from flowgraph.boxes.special.error_function import Erf, Erfc
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.numbers import cast, number_name
from flowgraph.plan.numba.rules import RULES, element_for
from flowgraph.plan.numpy.ufuncs import ufunc_of

_OPERATORS: dict[Any, str] = {
    np.add: "{} + {}", np.subtract: "{} - {}", np.multiply: "{} * {}", np.divide: "{} / {}", np.negative: "-{}",
    np.positive: "{}", np.square: "{0} * {0}", np.greater: "{} > {}", np.greater_equal: "{} >= {}",
    np.less: "{} < {}", np.less_equal: "{} <= {}", np.equal: "{} == {}", np.not_equal: "{} != {}",
}  # fmt: skip


def expression(box: Box, texts: Sequence[str]) -> str:
    """One element of the box from those of its children."""
    rule = RULES.of(box)
    if rule is not None and rule.element is not None:
        return rule.element(box, texts)
    return _of_ufunc(box, texts)


@element_for(Cast)
def _cast(box: Cast, texts: Sequence[str]) -> str:
    return cast(texts[0], box.children[0].dtype, box.dtype)


@element_for(Where)
def _where(box: Where, texts: Sequence[str]) -> str:
    mask, yes, no = (
        cast(text, child.dtype, dtype)
        for text, child, dtype in zip(texts, box.children, (np.dtype(bool), box.dtype, box.dtype), strict=True)
    )
    return f"({yes} if {mask} else {no})"


@element_for(Erf)
def _erf(box: Erf, texts: Sequence[str]) -> str:
    return _in_float64(box, texts, "erf({})")


@element_for(Erfc)
def _erfc(box: Erfc, texts: Sequence[str]) -> str:
    return _in_float64(box, texts, "erfc({})")


@element_for(NormalCdf)
def _normal_cdf(box: NormalCdf, texts: Sequence[str]) -> str:
    return _in_float64(box, texts, "0.5 * erfc(-0.7071067811865476 * {})")


def _in_float64(box: Box, texts: Sequence[str], formula: str) -> str:
    """A function of one real number that Numba has for float64 only."""
    _real(box)
    wide = np.dtype(np.float64)
    return cast(formula.format(cast(texts[0], box.children[0].dtype, wide)), wide, box.dtype)


@element_for(BinaryCrossEntropy)
def _binary_cross_entropy(box: BinaryCrossEntropy, texts: Sequence[str]) -> str:
    a, y = _real(box, texts)
    return f"maximum({a}, {number_name(box.dtype)}(0)) - {a} * {y} + log1p(exp(minimum({a}, -{a})))"


@element_for(Hinge)
def _hinge(box: Hinge, texts: Sequence[str]) -> str:
    a, y = _real(box, texts)
    number = number_name(box.dtype)
    return f"maximum({number}(1) - {a} * {y}, {number}(0))"


@element_for(Clip)
def _clip(box: Clip, texts: Sequence[str]) -> str:
    number = number_name(box.dtype, box)
    return f"minimum(maximum({_real(box, texts)[0]}, {number}({box.low!r})), {number}({box.high!r}))"


def _real(box: Box, texts: Sequence[str] = ()) -> list[str]:
    """The children in the dtype of the box, which has to be a real one."""
    if box.dtype.kind != "f":
        raise RefusedError(f"has no rule for Numba with dtype {box.dtype}", box)
    return [cast(text, child.dtype, box.dtype) for text, child in zip(texts, box.children, strict=False)]


def _of_ufunc(box: Box, texts: Sequence[str]) -> str:
    ufunc = ufunc_of(box)
    assert ufunc is not None
    dtypes = ufunc.resolve_dtypes((*[child.dtype for child in box.children], None))
    loop = "".join(d.char for d in dtypes[:-1]) + "->" + dtypes[-1].char
    if loop not in _loops(ufunc):
        raise RefusedError(f"has no rule for Numba with dtype {', '.join(str(d) for d in dtypes[:-1])}", box)
    given = [cast(text, child.dtype, d) for text, child, d in zip(texts, box.children, dtypes, strict=False)]
    if ufunc in _OPERATORS and dtypes[0].kind == "f":
        return _OPERATORS[ufunc].format(*given)
    return cast(f"{ufunc.__name__}({', '.join(given)})", dtypes[-1], box.dtype)


@functools.cache
def _loops(ufunc: np.ufunc) -> frozenset[str]:
    """The dtypes for which Numba has its own version of a ufunc."""
    ufunc_db: Any = importlib.import_module("numba.np.ufunc_db")
    try:
        return frozenset(ufunc_db.get_ufunc_info(ufunc))
    except KeyError:
        return frozenset()
