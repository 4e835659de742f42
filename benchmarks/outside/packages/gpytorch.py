"""gpytorch: covariances, the logarithm of the normal distribution, terms of variational inference."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, spd, tensor

PACKAGE = Package("gpytorch", "torch")


@PACKAGE.right("RBFCovariance")
def _rbf() -> Case:
    from gpytorch.functions import RBFCovariance

    def square(a: Any, b: Any) -> Any:
        return (a.unsqueeze(-2) - b.unsqueeze(-3)).pow(2).sum(-1)

    x1, x2 = tensor(normal(3, 2), grad=False), tensor(normal(4, 2), grad=False)
    return Case(lambda scale: RBFCovariance.apply(x1, x2, scale, square), (tensor([[0.8]]),))


def _matern(nu: float) -> Case:
    from gpytorch.functions import MaternCovariance

    def distance(a: Any, b: Any) -> Any:
        return (a.unsqueeze(-2) - b.unsqueeze(-3)).pow(2).sum(-1).sqrt()

    x1, x2 = tensor(normal(3, 2), grad=False), tensor(normal(4, 2), grad=False)
    return Case(lambda scale: MaternCovariance.apply(x1, x2, scale, nu, distance), (tensor([[0.8]]),))


for _nu in (0.5, 1.5, 2.5):
    PACKAGE.add(f"MaternCovariance, {_nu}", lambda nu=_nu: _matern(nu))


@PACKAGE.wrong(
    "log_normal_cdf",
    "at z = -1.5 the slope of its own values is 8e-4 less than what it returns, mpmath's slope of log(ncdf) 3e-4 less",
)
def _log_normal_cdf() -> Case:
    from gpytorch.functions import log_normal_cdf

    return Case(log_normal_cdf, (tensor([-2.5, -0.6, 0.4, 1.5]),))


@PACKAGE.right("QuadFormDiagonal")
def _diagonal() -> Case:
    from gpytorch.variational.large_batch_variational_strategy import QuadFormDiagonal

    return Case(lambda a, b: QuadFormDiagonal.apply(a + a.mT, b), (tensor(spd(3)), tensor(normal(3, 4))))
