"""metric-learn: the losses that its estimators minimise."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, spd

PACKAGE = Package("metric-learn", "numpy", held_out=True, second=True)
X, LABELS = normal(6, 3), np.array([0, 0, 1, 1, 0, 1])


@PACKAGE.right("MLKR._loss")
def _mlkr() -> Case:
    from metric_learn import MLKR

    model: Any = MLKR()
    model.n_iter_ = 0
    y = normal(6)
    return Case(
        lambda a: model._loss(a.ravel(), X, y)[0],
        (0.5 * normal(2, 3),),
        lambda grad, value, a: (grad * model._loss(a.ravel(), X, y)[1].reshape(a.shape),),
    )


@PACKAGE.right("NCA._loss_grad_lbfgs")
def _nca() -> Case:
    from metric_learn import NCA

    model: Any = NCA()
    model.n_iter_ = 0
    mask = LABELS[:, None] == LABELS
    return Case(
        lambda a: model._loss_grad_lbfgs(a.ravel(), X, mask)[0],
        (0.5 * normal(2, 3),),
        lambda grad, value, a: (grad * model._loss_grad_lbfgs(a.ravel(), X, mask)[1].reshape(a.shape),),
    )


@PACKAGE.wrong(
    "LSML._gradient",
    "the loss weighs each comparison by w_, which `fit` makes sum to 1; the gradient leaves the weights out",
)
def _lsml() -> Case:
    from metric_learn.lsml import _BaseLSML

    model: Any = _BaseLSML.__new__(_BaseLSML)
    model.w_ = np.full(4, 0.25)
    ab, cd, prior = 2.0 * normal(4, 3), normal(4, 3, seed=1), np.eye(3)
    return Case(
        lambda m: model._total_loss(m, ab, cd, prior),
        (spd(3),),
        lambda grad, value, m: (grad * model._gradient(m, ab, cd, prior),),
    )
