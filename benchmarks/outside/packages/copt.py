"""copt: losses of linear models."""

from __future__ import annotations

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal

PACKAGE = Package("copt", "numpy")


def _loss(name: str) -> Case:
    import copt.loss

    b = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    loss = getattr(copt.loss, name)(normal(6, 3), b, 0.1)
    return Case(loss, (normal(3),), lambda grad, value, x: (grad * loss.f_grad(x)[1],))


for _name in ("LogLoss", "SquareLoss", "HuberLoss"):
    PACKAGE.add(_name, lambda name=_name: _loss(name))


@PACKAGE.wrong(
    "LogLoss.hessian_mv",
    "alpha s is divided by the number of samples with the rest; in the gradient alpha x is not",
)
def _hessian() -> Case:
    import copt.loss

    loss = copt.loss.LogLoss(normal(6, 3), np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0]), 0.1)
    return Case(lambda x: loss.f_grad(x)[1], (normal(3),), lambda grad, value, x: (loss.hessian_mv(x)(grad),))
