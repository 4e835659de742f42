"""The usual way out of a NaN or an infinity, by the box that made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Leaf
from flowgraph.box.leaves import Parameter

Numbers = Sequence[Any]

HIDDEN = (
    "; the output does not show it, as a branch that is not taken or a factor 0 hides it, but 0 * inf is NaN in "
    "the gradient: make the argument safe before the box, np.where(ok, f(np.where(ok, a, 1)), 0)"
)

ARRIVED = (
    "no bprop made it: it was given to bprop as grad=, or finite gradients of several parents add up beyond the "
    "largest number of the dtype; scale the loss down"
)


def remedy(box: Box, phase: str, value: Any, fed: Numbers, hidden: bool) -> str:
    """One line of advice; `fed` are the numbers that the box read there, `hidden` where only the gradient shows it."""
    if isinstance(box, Leaf):
        text = _of_leaf(box)
    else:
        rules = BPROP if phase == "bprop" else FPROP
        rule = next((rules[cls.__name__] for cls in type(box).__mro__ if cls.__name__ in rules), None)
        text = rule(fed) if rule else _by_domain(box, phase, value)
    return text + HIDDEN * hidden


def _of_leaf(box: Box) -> str:
    if isinstance(box, Parameter):
        return (
            "the parameter held it before this run, so an earlier update wrote it: a smaller learning rate, a bound on "
            "the norm of the gradient, or explain_nan in the run before"
        )
    return "it was fed in: look at the data, np.isfinite(x).all(), and remove or replace what is missing"


def _by_domain(box: Box, phase: str, value: Any) -> str:
    name = type(box).__name__
    if box.domain:
        bounds = ", ".join(f"{child} in {_interval(interval)}" for child, interval in box.domain.items())
        return f"{name} is defined for {bounds}: bring its child there, with np.clip, or compute it another way"
    if phase == "bprop":
        return f"the derivative of {name} has no value there: keep its child away from that point, or choose a slope"
    if np.isinf(value):
        return f"{name} overflowed: scale its children down, or use a wider dtype"
    return f"{name} has no value at what it was given: look at what fed it"


def _interval(interval: Any) -> str:
    left, right = ("(", ")") if interval.open else ("[", "]")
    return f"{left}{interval.low:g}, {interval.high:g}{right}"


def _log(fed: Numbers) -> str:
    if any(np.less(number, 0).any() for number in fed[:1]):
        return "logarithm of a negative number: check the sign, or take np.log of np.abs(a) or of a square"
    return (
        "logarithm of 0: of probabilities take the scores instead (fg.LogSoftmax, fg.SoftmaxCrossEntropy, "
        "fg.BinaryCrossEntropy), else keep the argument away from 0, np.log(np.maximum(a, 1e-12))"
    )


def _divide(fed: Numbers) -> str:
    if any(np.equal(number, 0).any() for number in fed[-1:]):
        return "division by 0: keep the denominator away from 0, a / np.maximum(b, 1e-12), or choose by np.where first"
    return "a quotient beyond the largest number of its dtype: scale the children, or take the difference of logarithms"


def _exp(fed: Numbers) -> str:
    return (
        "exponential overflow (float64 ends at exp(709), float32 at exp(88)): subtract the maximum first, or use the "
        "box that does it: fg.Softmax, fg.LogSumExp, fg.Sigmoid, fg.Softplus, np.logaddexp"
    )


def _sqrt(fed: Numbers) -> str:
    return "square root of a negative number: rounding of a difference goes below 0; np.sqrt(np.maximum(a, 0))"


def _root_slope(fed: Numbers) -> str:
    return "the slope of a root at 0 is infinite: np.sqrt(a + 1e-12), or leave the root out and compare squares"


def _product(fed: Numbers) -> str:
    return "a product beyond the largest number of its dtype: scale the children, or add logarithms"


def _sum(fed: Numbers) -> str:
    return "a sum beyond the largest number of its dtype: take the mean of scaled numbers, or a wider dtype"


def _mean(fed: Numbers) -> str:
    return "a mean of no elements, or of too few for its ddof, is 0 / 0: look for an empty axis"


def _power(fed: Numbers) -> str:
    return (
        "a power of 0 or of a negative number has no finite value for every exponent, and large ones overflow: "
        "keep the base above 0, np.maximum(a, 1e-12)"
    )


Rule = Callable[[Numbers], str]

FPROP: dict[str, Rule] = {
    **dict.fromkeys(("Log", "Log2", "Log10", "NegativeLogLikelihood"), _log),
    **dict.fromkeys(("Divide", "Reciprocal", "Remainder", "FloorDivide", "Fmod"), _divide),
    **dict.fromkeys(("Exp", "Exp2", "Expm1", "Sinh", "Cosh"), _exp),
    **dict.fromkeys(("Power", "ConstantPower"), _power),
    **dict.fromkeys(("Multiply", "Square", "Prod", "CumProd", "MatMul", "Affine", "Einsum", "TensorDot"), _product),
    **dict.fromkeys(("Add", "Subtract", "Sum", "CumSum", "L2", "SquaredError"), _sum),
    **dict.fromkeys(("Mean", "Var", "Std"), _mean),
    "Sqrt": _sqrt,
}

BPROP: dict[str, Rule] = {
    **dict.fromkeys(("Sqrt", "Cbrt", "Std", "Hypot"), _root_slope),
    **dict.fromkeys(("Log", "Log2", "Log10", "NegativeLogLikelihood"), _log),
    **dict.fromkeys(("Divide", "Reciprocal"), _divide),
    **dict.fromkeys(("Power", "ConstantPower"), _power),
}
