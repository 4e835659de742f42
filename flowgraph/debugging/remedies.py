"""The usual fix for a NaN or an infinity: what the box declares, or what follows from its domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Leaf, Value
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


def remedy(box: Box, phase: str, value: Value, fed: Numbers, hidden: bool) -> str:
    """One line of advice; `fed` are the numbers that the box read there, `hidden` where only the gradient shows it."""
    if isinstance(box, Leaf):
        text = _of_leaf(box)
    else:
        declared = box.remedies.get(phase) or _by_domain(box, phase, value)
        text = declared if isinstance(declared, str) else declared(fed)
    return text + HIDDEN * hidden


def _of_leaf(box: Box) -> str:
    if isinstance(box, Parameter):
        return (
            "the parameter held it before this run, so an earlier update wrote it: a smaller learning rate, a bound on "
            "the norm of the gradient, or explain_nan in the run before"
        )
    return "it was fed in: look at the data, np.isfinite(x).all(), and remove or replace what is missing"


def _by_domain(box: Box, phase: str, value: Value) -> str:
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
