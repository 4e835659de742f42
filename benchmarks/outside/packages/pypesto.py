"""pypesto: logarithms of priors with their first and second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package

PACKAGE = Package("pypesto", "numpy", held_out=True, second=True)


def _prior(kind: str, of: str, by: str) -> Case:
    from pypesto.objective.priors import _prior_densities

    named = dict(zip(("log_f", "d_log_f", "dd_log_f", "res", "d_res"), _prior_densities(kind, [0.3, 0.8]), strict=True))
    value, slope = named[of], named[by]

    def backward(grad: Any, value: Any, x: Any) -> tuple[Any, ...]:
        return (np.asarray(grad * slope(float(x))),)

    return Case(lambda x: value(float(x)), (np.array(0.9),), backward)


for _kind in ("normal", "laplace", "logNormal"):
    PACKAGE.add(f"{_kind}, log_f", lambda kind=_kind: _prior(kind, "log_f", "d_log_f"))
    PACKAGE.add(f"{_kind}, second derivative", lambda kind=_kind: _prior(kind, "d_log_f", "dd_log_f"))
    if _kind != "logNormal":
        PACKAGE.add(f"{_kind}, residual", lambda kind=_kind: _prior(kind, "res", "d_res"))
