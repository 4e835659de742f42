"""pyunlocbox: smooth functions of proximal splitting."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("pyunlocbox", "numpy", held_out=True)


def _norm(**settings: Any) -> Case:
    from pyunlocbox import functions

    f = functions.norm_l2(**settings)
    return Case(f.eval, (normal(4),), lambda grad, value, x: (grad * f.grad(x),))


PACKAGE.add("norm_l2", lambda: _norm())
PACKAGE.add("norm_l2 with data and a matrix", lambda: _norm(y=normal(3), A=normal(3, 4), lambda_=2.0))
PACKAGE.add(
    "norm_l2 with weights",
    lambda: _norm(y=normal(4, seed=3), w=uniform(4), tight=False),
)
PACKAGE.add("norm_l2 of a picture", lambda: _picture())


def _picture() -> Case:
    from pyunlocbox import functions

    f = functions.norm_l2(
        y=normal(3, 3, seed=1), A=lambda x: np.cumsum(x, axis=0), At=lambda y: np.cumsum(y[::-1], axis=0)[::-1]
    )
    return Case(f.eval, (normal(3, 3),), lambda grad, value, x: (grad * f.grad(x),))
