"""pyglmnet: the smooth part of the elastic net of each distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal

PACKAGE = Package("pyglmnet", "numpy", held_out=True)
COUNTS = np.array([0.0, 1.0, 3.0, 2.0, 1.0, 4.0])
OUTCOMES = {
    "softplus": COUNTS, "poisson": COUNTS, "gaussian": normal(6), "binomial": (COUNTS > 1) * 1.0,
    "probit": (COUNTS > 1) * 1.0, "gamma": 1.0 + COUNTS,
}  # fmt: skip


def _loss(distribution: str) -> Case:
    np.float = float  # type: ignore[attr-defined]  # noqa: NPY001  # it was written for a NumPy that had this name
    from pyglmnet import pyglmnet

    x, y = normal(6, 3), OUTCOMES[distribution]

    def value(beta: Any) -> Any:
        return pyglmnet._L2loss(distribution, 0.5, None, 0.1, x, y, 2.0, None, beta)

    def slope(grad: Any, value: Any, beta: Any) -> Any:
        return (grad * pyglmnet._grad_L2loss(distribution, 0.5, None, 0.1, x, y, 2.0, beta),)

    return Case(value, (0.5 * normal(4, seed=1),), slope)


CLIPPED = (
    "seen by fg.check, after its score was taken: the loss has y log(mu + 2.2e-16), the gradient y mu' / mu: with y = "
    "1 and mu = exp(-40) the slope of the loss is -0.018774 (in closed form exp(z) - exp(z) / (exp(z) + 2.2e-16)), the "
    "gradient -1; at z = -800 it is NaN, the loss constant"
)
PIECES = (
    "seen by fg.check, after its score was taken: below z = -5 the loss is -log(-pdf / z), of slope z + 1 / z, the "
    "gradient z: at -6 it is -6, the slope of the loss -6.1667, by mpmath that of -log(cdf) -6.1585"
)
WRONG = {"softplus": CLIPPED, "poisson": CLIPPED, "probit": PIECES}
for _name in OUTCOMES:
    if _name in WRONG:
        PACKAGE.add(f"_grad_L2loss, {_name}", lambda name=_name: _loss(name), "wrong", WRONG[_name])
    else:
        PACKAGE.add(f"_grad_L2loss, {_name}", lambda name=_name: _loss(name))
