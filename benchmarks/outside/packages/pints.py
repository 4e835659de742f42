"""pints: priors, toy densities and error measures with sensitivities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal

PACKAGE = Package("pints", "numpy")
PRIORS: dict[str, tuple[tuple[Any, ...], float]] = {
    "BetaLogPrior": ((2.0, 3.0), 0.4), "CauchyLogPrior": ((0.5, 2.0), 1.3), "ExponentialLogPrior": ((1.5,), 0.8),
    "GammaLogPrior": ((2.0, 1.5), 0.8), "GaussianLogPrior": ((0.5, 2.0), 1.3), "HalfCauchyLogPrior": ((0.5, 2.0), 1.3),
    "InverseGammaLogPrior": ((2.0, 1.5), 0.8), "LogNormalLogPrior": ((0.2, 0.9), 0.8),
    "StudentTLogPrior": ((0.5, 3.0, 2.0), 1.3), "TruncatedGaussianLogPrior": ((0.5, 2.0, -1.0, 3.0), 1.3),
}  # fmt: skip
TOYS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "AnnulusLogPDF": ((), np.array([5.0, 6.0])), "ConeLogPDF": ((2, 0.8), np.array([1.0, 0.5])),
    "GaussianLogPDF": (([1.0, 2.0], [1.0, 3.0]), np.array([0.5, 0.7])),
    "HighDimensionalGaussianLogPDF": ((4,), normal(4)), "MultimodalGaussianLogPDF": ((), np.array([1.0, 2.0])),
    "NealsFunnelLogPDF": ((4,), normal(4)), "RosenbrockLogPDF": ((), np.array([0.5, 0.7])),
    "SimpleEggBoxLogPDF": ((), np.array([2.0, 1.0])), "TwistedGaussianLogPDF": ((4,), normal(4)),
    "ParabolicError": (([1.0, 2.0],), np.array([0.5, 0.7])),
    "EightSchoolsLogPDF": ((), np.array([4.0, 3.0, *normal(8)])),
    "EightSchoolsLogPDF, not centred": ((False,), np.array([4.0, 3.0, *normal(8)])),
}  # fmt: skip


def _density(make: Callable[[], Any], x: Any) -> Case:
    density = make()
    return Case(
        lambda x: float(density(x)), (x,), lambda grad, value, x: (grad * np.asarray(density.evaluateS1(x)[1]),)
    )


def _prior(name: str) -> Case:
    import pints

    settings, x = PRIORS[name]
    return _density(lambda: getattr(pints, name)(*settings), np.array([x]))


def _toy(name: str) -> Case:
    import pints.toy

    settings, x = TOYS[name]
    return _density(lambda: getattr(pints.toy, name.split(",")[0])(*settings), x)


for _name in PRIORS:
    PACKAGE.add(_name, lambda name=_name: _prior(name))
TIP = (
    "seen by fg.check: at (0, 0) the value is -50.92 = log N(0; 10, 1) and rises by 10 |h| to every side, so that 0 is "
    "a subgradient; evaluateS1 multiplies 0 by -(0 - 10) / 0 and gives (NaN, NaN)"
)
for _name in TOYS:
    if _name == "AnnulusLogPDF":
        PACKAGE.add(_name, lambda name=_name: _toy(name), "wrong", TIP)
    else:
        PACKAGE.add(_name, lambda name=_name: _toy(name))


def _of_problem(name: str, extra: tuple[float, ...] = ()) -> Case:
    """A measure of a series of the logistic growth model."""
    import pints
    import pints.toy

    times = np.linspace(0.0, 10.0, 6)
    model = pints.toy.LogisticModel()
    data = model.simulate([0.5, 20.0], times) + normal(6)
    problem = pints.SingleOutputProblem(model, times, np.abs(data) + 0.5)
    return _density(lambda: getattr(pints, name)(problem), np.array([0.6, 18.0, *extra]))


for _name in ("MeanSquaredError", "SumOfSquaresError"):
    PACKAGE.add(_name, lambda name=_name: _of_problem(name))
for _name in ("GaussianLogLikelihood", "LogNormalLogLikelihood"):
    PACKAGE.add(_name, lambda name=_name: _of_problem(name, (1.5,)))


def _model(name: str) -> Case:
    import pints.toy

    model = getattr(pints.toy, name)()
    times = np.linspace(0.5, 3.0, 4)
    return Case(
        lambda p: model.simulate(p, times),
        (np.array([0.6, 18.0] if name == "LogisticModel" else model.suggested_parameters(), dtype=float),),
        lambda grad, value, p: (grad @ model.simulateS1(p, times)[1],),
    )


PACKAGE.add("LogisticModel.simulateS1", lambda: _model("LogisticModel"))
PACKAGE.add("ConstantModel.simulateS1", lambda: _constant())


def _constant() -> Case:
    import pints.toy

    model, times = pints.toy.ConstantModel(1), np.array([0.0, 1.0, 2.0])
    return Case(
        lambda p: model.simulate(p, times),
        (np.array([1.7]),),
        lambda grad, value, p: (grad @ model.simulateS1(p, times)[1].reshape(3, 1),),
    )
