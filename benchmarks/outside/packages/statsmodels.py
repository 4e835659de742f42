"""statsmodels: links, norms of robust regression, scores of discrete and count models, copulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("statsmodels", "numpy")
LINKS = {
    "Logit": (), "Power": (1.5,), "InversePower": (), "Sqrt": (), "InverseSquared": (), "Log": (), "LogC": (),
    "Probit": (), "Cauchy": (), "CLogLog": (), "LogLog": (), "NegativeBinomial": (2.0,),
}  # fmt: skip
P = np.array([0.2, 0.4, 0.5, 0.6])
NORMS = ("LeastSquares", "HuberT", "RamsayE", "AndrewWave", "TrimmedMean", "Hampel", "TukeyBiweight", "TukeyQuartic")
Z = np.array([-4.1, -1.2, 0.3, 0.9, 2.4])


def _link(name: str) -> Any:
    from statsmodels.genmod.families import links

    return getattr(links, name)(*LINKS[name])


def _forward(name: str) -> Case:
    link = _link(name)
    return Case(link, (P,), lambda grad, value, p: (grad * link.deriv(p),))


def _inverse(name: str) -> Case:
    link = _link(name)
    z = -uniform(4) if name in ("LogC",) else uniform(4)
    return Case(link.inverse, (z,), lambda grad, value, z: (grad * link.inverse_deriv(z),))


def _second(name: str) -> Case:
    link = _link(name)
    return Case(link.deriv, (P,), lambda grad, value, p: (grad * link.deriv2(p),))


for _name in LINKS:
    PACKAGE.add(f"{_name}.deriv", lambda name=_name: _forward(name))
OVERFLOWS = "seen by fg.check: at z = 800 inverse is finite, inverse_deriv is exp(z) / (1 + exp(z))² = inf / inf, a NaN"
for _name in LINKS:
    if _name in ("Logit", "NegativeBinomial"):
        PACKAGE.add(f"{_name}.inverse_deriv", lambda name=_name: _inverse(name), "wrong", OVERFLOWS)
    else:
        PACKAGE.add(f"{_name}.inverse_deriv", lambda name=_name: _inverse(name))
for _name in ("Logit", "Power", "Log", "LogC", "Probit", "Cauchy", "CLogLog", "LogLog", "NegativeBinomial"):
    PACKAGE.add(f"{_name}.deriv2", lambda name=_name: _second(name))


def _norm(name: str) -> Case:
    from statsmodels.robust import norms

    norm = getattr(norms, name)()
    return Case(norm.rho, (Z,), lambda grad, value, z: (grad * norm.psi(z),))


for _name in NORMS:
    PACKAGE.add(f"{_name}.psi", lambda name=_name: _norm(name))


def _data() -> Any:
    return np.column_stack([np.ones(8), normal(8, 2)])


def _model(name: str, y: Any, parameters: Any) -> Case:
    import statsmodels.discrete.discrete_model as discrete

    model = getattr(discrete, name)(y, _data())
    return Case(model.loglike, (parameters,), lambda grad, value, b: (grad * model.score(b),))


COUNTS = np.array([0.0, 1.0, 3.0, 2.0, 0.0, 4.0, 1.0, 2.0])
BINARY = (COUNTS > 1).astype(float)
for _name, _y, _b in (
    ("Logit", BINARY, np.array([0.1, -0.4, 0.6])),
    ("Poisson", COUNTS, np.array([0.1, -0.4, 0.6])),
    ("NegativeBinomial", COUNTS, np.array([0.1, -0.4, 0.6, 0.7])),
    ("NegativeBinomialP", COUNTS, np.array([0.1, -0.4, 0.6, 0.7])),
    ("GeneralizedPoisson", COUNTS, np.array([0.1, -0.2, 0.3, 0.2])),
    ("MNLogit", np.array([0, 1, 2, 2, 0, 1, 1, 2]), np.array([0.1, -0.4, 0.6, 0.2, 0.3, -0.5])),
):
    PACKAGE.add(f"{_name}.score", lambda name=_name, y=_y, b=_b: _model(name, y, b))


PACKAGE.add(
    "Probit.score", lambda: _model("Probit", BINARY, np.array([0.1, -0.4, 0.6])), "wrong",
    "seen by fg.check: where a probability is below 2e-16 loglike clips it and is constant, score divides by the "
    "clipped one: with x = (1, 1, 2), y = (1, 0, 1) at -4.2 it is 6.13, the slope of loglike 4.42, by mpmath 21.4",
)  # fmt: skip


@PACKAGE.wrong(
    "GLM.score, Gamma",
    "seen by fg.check, at other seeds than 0: at b = (0, 16, 0) loglike is -1.74060345349863e18, as by mpmath, and so "
    "is its slope in b[0] but for the sign; score clips the mean 1.1e-18 to 2.2e-16 and gives 3.3636e20",
)
def _gamma() -> Case:
    import statsmodels.api as sm

    model = sm.GLM(1 + COUNTS, _data(), family=sm.families.Gamma(sm.families.links.Log()))
    return Case(
        lambda b: model.loglike(b, scale=1.0),
        (np.array([0.1, -0.4, 0.6]),),
        lambda grad, value, b: (grad * model.score(b, scale=1.0),),
    )


@PACKAGE.right("PHReg.score")
def _cox() -> Case:
    import statsmodels.api as sm

    model = sm.PHReg(
        np.array([3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 8.0, 7.0]), _data()[:, 1:], status=np.array([1, 1, 0, 1, 1, 0, 1, 1])
    )
    return Case(model.loglike, (np.array([-0.4, 0.6]),), lambda grad, value, b: (grad * model.score(b),))


def _copula(name: str, theta: float) -> Case:
    from statsmodels.distributions.copula import transforms

    generator = getattr(transforms, name)()
    return Case(
        lambda t: generator.evaluate(t, theta), (P,), lambda grad, value, t: (grad * generator.deriv(t, theta),)
    )


PACKAGE.add(
    "TransfFrank.deriv", lambda: _copula("TransfFrank", 2.0), "wrong",
    "the generator is -log((1 - exp(-theta t)) / (1 - exp(-theta))), it falls; deriv has the other sign",
)  # fmt: skip
for _name, _theta in (("TransfClayton", 1.5), ("TransfGumbel", 1.5), ("TransfIndep", 0.0)):
    PACKAGE.add(f"{_name}.deriv", lambda name=_name, theta=_theta: _copula(name, theta))
