"""Arithmetic, functions of one number, comparisons and choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import Digamma, Erf, Erfc, Erfinv, GammaLn, relu, sigmoid, silu
from flowgraph.boxes.engine.passing_on import StopGradient
from flowgraph.interop.jax.rules import primitive_rule

for _name, _function in {
    "neg": np.negative, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "square": np.square, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "logistic": sigmoid, "erf": Erf, "erfc": Erfc,
    "erf_inv": Erfinv, "lgamma": GammaLn, "digamma": Digamma, "abs": np.abs, "sign": np.sign, "floor": np.floor,
    "ceil": np.ceil, "is_finite": np.isfinite, "real": np.real, "imag": np.imag, "conj": np.conj,
    "stop_gradient": StopGradient,
}.items():  # fmt: skip

    def _unary(a: Foreign, *, function: Foreign = _function, **settings: Foreign) -> Any:
        return function(a)

    primitive_rule(_name)(_unary)

for _name, _function in {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum,
    "pow": np.power, "rem": np.fmod, "atan2": np.arctan2, "eq": np.equal, "ne": np.not_equal, "lt": np.less,
    "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}.items():  # fmt: skip

    def _binary(a: Foreign, b: Foreign, *, function: Foreign = _function, **settings: Foreign) -> Any:
        return function(a, b)

    primitive_rule(_name)(_binary)


primitive_rule("function:relu")(relu)
primitive_rule("function:silu")(silu)
primitive_rule("function:logaddexp")(np.logaddexp)


@primitive_rule("copy", "copy_p", "reduce_precision", "optimization_barrier", "convert_element_type", "pvary")
def same(a: Foreign, **settings: Foreign) -> Any:
    """The same numbers, which are converted to the dtype of the result."""
    return a


@primitive_rule("div")
def div(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """a / b, towards 0 for whole numbers."""
    whole = a.dtype.kind in "iu" and b.dtype.kind in "iu"
    return np.trunc(a / b) if whole else a / b


@primitive_rule("integer_pow")
def integer_pow(a: Foreign, *, y: int, **settings: Foreign) -> Any:
    """A power with a whole number."""
    return np.square(a) if y == 2 else 1 / a ** (-y) if y < 0 else a**y


@primitive_rule("rsqrt")
def rsqrt(a: Foreign, **settings: Foreign) -> Any:
    """1 / √a."""
    return 1 / np.sqrt(a)


@primitive_rule("round")
def rounded(a: Foreign, *, rounding_method: Foreign = None, **settings: Foreign) -> Any:
    """To whole numbers: halves to even ones, or away from 0."""
    if int(rounding_method or 0) == 1:
        return np.rint(a)
    return np.trunc(a + np.copysign(0.5, a))


@primitive_rule("not")
def negated(a: Foreign, **settings: Foreign) -> Any:
    """Not, of booleans or of bits."""
    return np.logical_not(a) if a.dtype == bool else np.invert(a)


@primitive_rule("and")
def both(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """And, of booleans or of bits."""
    return np.logical_and(a, b) if a.dtype == bool else np.bitwise_and(a, b)


@primitive_rule("or")
def either(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """Or, of booleans or of bits."""
    return np.logical_or(a, b) if a.dtype == bool else np.bitwise_or(a, b)


@primitive_rule("xor")
def one_of(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """Exclusive or, of booleans or of bits."""
    return np.logical_xor(a, b) if a.dtype == bool else np.bitwise_xor(a, b)


@primitive_rule("select_n")
def select(which: Foreign, *cases: Foreign, **settings: Foreign) -> Any:
    """For each element the case of that number."""
    if which.dtype == bool:
        return np.where(which, cases[1], cases[0])
    result = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        result = np.where(which == number, cases[number], result)
    return result


@primitive_rule("clamp")
def clamp(low: Foreign, a: Foreign, high: Foreign, **settings: Foreign) -> Any:
    """Between two bounds; the gradient passes inside them."""
    return np.where(a < low, low, np.where(a > high, high, a))


@primitive_rule("complex")
def complex_of(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """a + i b."""
    return a + 1j * b
