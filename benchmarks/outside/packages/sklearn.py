"""scikit-learn: losses, kernels of Gaussian processes by their hyperparameters, linear losses, NCA."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("scikit-learn", "numpy", held_out=True)
RAW, POSITIVE, BINARY = normal(5), 2 * uniform(5), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
LOSSES: dict[str, Any] = {
    "HalfSquaredError": normal(5, seed=1), "HuberLoss": normal(5, seed=1), "HalfPoissonLoss": POSITIVE,
    "HalfGammaLoss": POSITIVE, "HalfTweedieLoss": POSITIVE, "HalfBinomialLoss": BINARY, "ExponentialLoss": BINARY,
    "PinballLoss": normal(5, seed=1), "AbsoluteError": normal(5, seed=1),
}  # fmt: skip
KERNELS: dict[str, tuple[Any, ...]] = {
    "RBF": (0.8,), "Matern": (0.8,), "RationalQuadratic": (0.8, 1.3), "ExpSineSquared": (0.8, 1.5),
    "DotProduct": (0.7,), "ConstantKernel": (1.7,), "WhiteKernel": (0.4,),
}  # fmt: skip


def _loss(name: str) -> Case:
    from sklearn._loss import loss as losses

    loss, y = getattr(losses, name)(), LOSSES[name]
    return Case(lambda raw: loss.loss(y, raw), (RAW,), lambda grad, value, raw: (grad * loss.gradient(y, raw),))


for _name in LOSSES:
    PACKAGE.add(_name, lambda name=_name: _loss(name))


@PACKAGE.right("HalfMultinomialLoss")
def _multinomial() -> Case:
    from sklearn._loss.loss import HalfMultinomialLoss

    loss, y = HalfMultinomialLoss(n_classes=3), np.array([0.0, 2.0, 1.0, 2.0])
    return Case(
        lambda raw: loss.loss(y, raw),
        (normal(4, 3),),
        lambda grad, value, raw: (grad[:, None] * loss.gradient(y, raw),),
    )


def _kernel(name: str) -> Case:
    from sklearn.gaussian_process import kernels

    kernel, x = getattr(kernels, name)(*KERNELS[name]), normal(4, 2)

    def slopes(grad: Any, value: Any, theta: Any) -> Any:
        return (np.einsum("ij,ijk->k", grad, kernel.clone_with_theta(theta)(x, eval_gradient=True)[1]),)

    return Case(lambda theta: kernel.clone_with_theta(theta)(x), (np.array(kernel.theta),), slopes)


for _name in KERNELS:
    PACKAGE.add(f"{_name} kernel", lambda name=_name: _kernel(name))


@PACKAGE.right("LinearModelLoss, logistic regression")
def _linear() -> Case:
    from sklearn._loss.loss import HalfBinomialLoss
    from sklearn.linear_model._linear_loss import LinearModelLoss

    loss, x, y = LinearModelLoss(HalfBinomialLoss(), fit_intercept=True), normal(5, 3), BINARY
    return Case(
        lambda w: loss.loss(w, x, y, l2_reg_strength=0.1),
        (normal(4),),
        lambda grad, value, w: (grad * loss.gradient(w, x, y, l2_reg_strength=0.1),),
    )


@PACKAGE.right("_huber_loss_and_gradient")
def _huber() -> Case:
    from sklearn.linear_model._huber import _huber_loss_and_gradient

    x, y, weight = normal(6, 3), normal(6), np.ones(6)
    return Case(
        lambda w: _huber_loss_and_gradient(w, x, y, 1.35, 0.1, weight)[0],
        (np.array([0.3, -0.4, 0.2, 0.1, 0.8]),),
        lambda grad, value, w: (grad * _huber_loss_and_gradient(w, x, y, 1.35, 0.1, weight)[1],),
    )


@PACKAGE.right("NeighborhoodComponentsAnalysis")
def _nca() -> Case:
    from sklearn.neighbors import NeighborhoodComponentsAnalysis

    x, labels = normal(6, 3), np.array([0, 1, 0, 1, 1, 0])
    same = labels[:, None] == labels

    def both(a: Any) -> Any:
        model = NeighborhoodComponentsAnalysis()
        model.n_iter_ = 0
        return model._loss_grad_lbfgs(a, x, same, -1.0)

    return Case(lambda a: both(a)[0], (normal(6),), lambda grad, value, a: (grad * both(a)[1],))
