"""glum: links with their inverses, and the deviances of its distributions."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("glum", "numpy", held_out=True, second=True)
MU, PREDICTOR, Y = uniform(4), normal(4), uniform(4, seed=1)
LINKS: dict[str, tuple[Any, ...]] = {"LogitLink": (), "CloglogLink": (), "LogLink": (), "TweedieLink": (1.5,)}
DISTRIBUTIONS: dict[str, tuple[Any, ...]] = {
    "NormalDistribution": (), "PoissonDistribution": (), "GammaDistribution": (), "InverseGaussianDistribution": (),
    "TweedieDistribution": (1.5,), "BinomialDistribution": (), "NegativeBinomialDistribution": (0.7,),
}  # fmt: skip
CHAINS = {"link": "derivative", "inverse": "inverse_derivative", "inverse_derivative": "inverse_derivative2"}


def _link(name: str, of: str) -> Case:
    import glum

    link = getattr(glum, name)(*LINKS[name])
    x = MU if of == "link" or name == "TweedieLink" else PREDICTOR
    return Case(getattr(link, of), (x,), lambda grad, value, x: (grad * getattr(link, CHAINS[of])(x),))


def _deviance(name: str) -> Case:
    import glum

    distribution = getattr(glum, name)(*DISTRIBUTIONS[name])
    return Case(
        lambda mu: distribution.unit_deviance(Y, mu),
        (MU,),
        lambda grad, value, mu: (grad * distribution.unit_deviance_derivative(Y, mu),),
    )


for _name in LINKS:
    for _of in CHAINS:
        PACKAGE.add(f"{_name}.{_of}", lambda name=_name, of=_of: _link(name, of))
for _name in DISTRIBUTIONS:
    PACKAGE.add(f"{_name}.unit_deviance", lambda name=_name: _deviance(name))
