"""nifty8: functions of each element with their slopes, as its operators use them."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import DIFFERENCES, Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("nifty8", "numpy", held_out=True, second=True)
P, Z = uniform(5), normal(5)
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "sqrt": (P,), "sin": (Z,), "cos": (Z,), "tan": (P,), "sinc": (Z,), "exp": (Z,), "expm1": (Z,), "log": (P,),
    "log10": (P,), "log1p": (P,), "sinh": (Z,), "cosh": (Z,), "tanh": (Z,), "sigmoid": (Z,), "reciprocal": (P,),
    "abs": (Z,), "sign": (Z,), "power": (P, 2.5), "clip": (Z, -0.5, 0.6), "softplus": (Z,), "exponentiate": (Z, 1.7),
    "arctan": (Z,),
}  # fmt: skip
STATED = {
    "abs": "sign(x); NaN at 0 is written down on purpose, `np.where(v == 0, np.nan, ...)`: no slope there",
    "sign": "0; NaN at 0 is written down on purpose, and the value jumps there",
}


def _function(name: str) -> Case:
    from nifty8.pointwise import ptw_dict

    x, *settings = FUNCTIONS[name]
    value, both = ptw_dict[name]
    return Case(lambda x: value(x, *settings), (x,), lambda grad, y, x: (grad * both(x, *settings)[1],))


for _name in FUNCTIONS:
    PACKAGE.add(_name, lambda name=_name: _function(name), "right", STATED.get(_name, DIFFERENCES))
