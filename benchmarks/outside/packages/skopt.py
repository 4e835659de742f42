"""scikit-optimize: kernels differentiated by a point, and acquisition functions of a fitted Gaussian process."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import DIFFERENCES, Case, Package
from benchmarks.outside.examples import normal

PACKAGE = Package("scikit-optimize", "numpy", held_out=True, second=True)
TRAINED, POINT = normal(5, 2), normal(2, seed=1)
CUSP = "at a training point it is -1 / length scale by each coordinate, of length sqrt(2): no slope is that large"


def _kernels() -> dict[str, Any]:
    from skopt.learning.gaussian_process import kernels as k

    return {
        "RBF": k.RBF(0.8), "RBF of two scales": k.RBF([0.8, 1.3]), "Matern, 0.5": k.Matern(0.8, nu=0.5),
        "Matern, 1.5": k.Matern(0.8, nu=1.5), "Matern, 2.5": k.Matern(0.8, nu=2.5),
        "RationalQuadratic": k.RationalQuadratic(0.8, 1.2), "ExpSineSquared": k.ExpSineSquared(0.8, 1.7),
        "DotProduct": k.DotProduct(0.6), "sum": k.RBF(0.8) + k.DotProduct(0.6),
        "product": k.RBF(0.8) * k.DotProduct(0.6), "power": k.RationalQuadratic(0.8, 1.2) ** 2,
    }  # fmt: skip


NAMES = (
    "RBF", "RBF of two scales", "Matern, 0.5", "Matern, 1.5", "Matern, 2.5", "RationalQuadratic", "ExpSineSquared",
    "DotProduct", "sum", "product", "power",
)  # fmt: skip


def _kernel(name: str) -> Case:
    kernel = _kernels()[name]
    return Case(
        lambda x: kernel(x[None], TRAINED)[0],
        (POINT,),
        lambda grad, value, x: (grad @ kernel.gradient_x(x, TRAINED),),
    )


def _acquisition(name: str) -> Case:
    from skopt import acquisition
    from skopt.learning import GaussianProcessRegressor
    from skopt.learning.gaussian_process.kernels import RBF

    model = GaussianProcessRegressor(RBF(0.8), alpha=0.01, optimizer=None)
    model.fit(TRAINED, np.sin(TRAINED).sum(axis=1))
    of = getattr(acquisition, f"gaussian_{name}")
    return Case(
        lambda x: of(x[None], model)[0],
        (POINT,),
        lambda grad, value, x: (grad * of(x[None], model, return_grad=True)[1],),
    )


for _name in NAMES:
    _judged = "wrong" if _name == "Matern, 0.5" else "right"
    PACKAGE.add(_name, lambda name=_name: _kernel(name), _judged, CUSP if _judged == "wrong" else DIFFERENCES)
for _name in ("lcb", "pi", "ei"):
    PACKAGE.add(f"gaussian_{_name}", lambda name=_name: _acquisition(name))
