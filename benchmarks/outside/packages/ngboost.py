"""ngboost: scores of distributions, differentiated by the parameters that its trees predict."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import DIFFERENCES, Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("ngboost", "numpy", held_out=True, second=True)
Y = uniform(5, low=0.3, high=2.5)
COUNTS = np.array([0, 2, 1, 4, 1])
LOG: dict[str, int] = {
    "Normal": 2, "NormalFixedVar": 1, "NormalFixedMean": 1, "Laplace": 2, "Gamma": 2, "HalfNormal": 1, "T": 3,
    "TFixedDf": 2, "TFixedDfFixedVar": 1, "Weibull": 2, "Poisson": 1, "Cauchy": 2,
}  # fmt: skip
CRP = {"Normal": 2, "NormalFixedVar": 1, "NormalFixedMean": 1, "Laplace": 2}
WRONG = {
    "T.LogScore": "seen by fg.check: from log df = 710 on, where the score is that of a normal distribution, NaN",
    "HalfNormal.LogScore": "seen by fg.check: it divides by scale**2, which overflows from log scale 355 on: NaN where "
    "the score is the log scale and a constant, with a slope of 1",
    "Gamma.LogScore": "the slope by log alpha takes log(1e-10 + beta y), the score log(beta y): at log beta = -30 and "
    "y = 1 they differ by 7, as log(1e-10) is -23",
}


def _score(name: str, rule: str, count: int, data: Any = None) -> Case:
    from ngboost import distns, scores

    y = data if data is not None else COUNTS if name == "Poisson" else Y
    of = getattr(distns, name)
    made: Any = type(name, (of.implementation(getattr(scores, rule), getattr(of, "censored_scores", None)), of), {})
    return Case(
        lambda parameters: made(parameters).score(y),
        (0.4 * normal(count, len(y)),),
        lambda grad, value, parameters: (grad * made(parameters).d_score(y).T,),
    )


def _censored(name: str, rule: str, count: int, events: Any) -> Case:
    from ngboost.helpers import Y_from_censored

    return _score(name, rule, count, Y_from_censored(Y, np.asarray(events)))


def _add(title: str, make: Any) -> None:
    PACKAGE.add(title, make, "wrong" if title in WRONG else "right", WRONG.get(title, DIFFERENCES))


for _name, _count in LOG.items():
    _add(f"{_name}.LogScore", lambda name=_name, count=_count: _score(name, "LogScore", count))
for _name, _count in CRP.items():
    _add(f"{_name}.CRPScore", lambda name=_name, count=_count: _score(name, "CRPScore", count))
for _name, _count in (("Exponential", 1), ("LogNormal", 2)):
    for _rule in ("LogScore", "CRPScore"):
        _add(f"{_name}.{_rule}", lambda name=_name, rule=_rule, count=_count: _censored(name, rule, count, [1] * 5))
WRONG["Exponential.LogScore, censored"] = (
    "the score takes log(1 - cdf + 1e-10), the slope that of log(1 - cdf): at log scale = -4 and t = 1 the score is "
    "-log(1e-10), a constant, and the slope -54.6"
)
for _name, _rule, _count in (
    ("Exponential", "LogScore", 1),
    ("Exponential", "CRPScore", 1),
    ("LogNormal", "LogScore", 2),
):
    _add(
        f"{_name}.{_rule}, censored",
        lambda name=_name, rule=_rule, count=_count: _censored(name, rule, count, [1, 0, 0, 1, 0]),
    )


@PACKAGE.wrong(
    "MultivariateNormal.LogScore",
    "the factor's diagonal is exp(p) + 1e-6, the slope by p takes all of it: at p = -20 the value moves no more, "
    "and the slope is near -1; in the example they differ by 1e-6",
)
def _multivariate() -> Case:
    from ngboost import distns, scores
    from ngboost.manifold import manifold

    y = normal(4, 2)
    made = manifold(scores.LogScore, distns.MultivariateNormal(2))
    return Case(
        lambda parameters: made(parameters).score(y),
        (0.4 * normal(5, 4),),
        lambda grad, value, parameters: (grad * made(parameters).d_score(y).T,),
    )


@PACKAGE.right("Categorical.LogScore")
def _categorical() -> Case:
    from ngboost import distns, scores
    from ngboost.manifold import manifold

    y = np.array([0, 2, 1, 1])
    made = manifold(scores.LogScore, distns.k_categorical(3))
    return Case(
        lambda parameters: made(parameters).score(y),
        (normal(2, 4),),
        lambda grad, value, parameters: (grad * made(parameters).d_score(y).T,),
    )
