"""uncertainties: slopes of the functions of Python's math, which propagate errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.outside.entry import DIFFERENCES, Case, Package

PACKAGE = Package("uncertainties", "numpy", held_out=True, second=True)
STATED = "closed forms; NaN where math cannot compute one is documented to mean that there is no slope"
FUNCTIONS: dict[str, tuple[float, ...]] = {
    "acos": (0.3,), "acosh": (1.7,), "asin": (0.3,), "asinh": (0.8,), "atan": (0.8,), "atan2": (0.8, -0.6),
    "atanh": (0.3,), "copysign": (0.8, -0.6), "cosh": (0.8,), "degrees": (0.8,), "erf": (0.8,), "erfc": (0.8,),
    "fabs": (-0.8,), "hypot": (0.8, -0.6), "log": (0.8, 2.3), "log10": (0.8,), "log1p": (0.8,), "pow": (0.8, 2.3),
    "sqrt": (0.8,), "tan": (0.8,), "tanh": (0.8,),
}  # fmt: skip


def _function(name: str) -> Case:
    from uncertainties.core import nan_if_exception
    from uncertainties.umath_core import fixed_derivatives

    function, slopes = getattr(math, name), [nan_if_exception(one) for one in fixed_derivatives[name]]

    def backward(grad: Any, value: Any, *inputs: Any) -> tuple[Any, ...]:
        return tuple(np.asarray(grad * slope(*map(float, inputs))) for slope in slopes)

    inputs = tuple(np.array(x) for x in FUNCTIONS[name])
    return Case(lambda *xs: function(*map(float, xs)), inputs, backward)


for _name in FUNCTIONS:
    PACKAGE.add(
        _name, lambda name=_name: _function(name), "right", STATED if _name in ("hypot", "pow") else DIFFERENCES
    )
