"""jaxoplanet: Kepler's equation and a root that is meant to have a slope at 0."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, uniform

PACKAGE = Package("jaxoplanet", "jax", held_out=True, second=True)


@PACKAGE.right("kepler")
def _kepler() -> Case:
    mean, eccentricity = jaxed(uniform(3, low=0.2, high=5.0)), jaxed(uniform(3, low=0.1, high=0.7, seed=1))
    from jaxoplanet.core.kepler import kepler

    return Case(kepler, (mean, eccentricity))


@PACKAGE.right("zero_safe_sqrt", "1 / (2 sqrt(x)); below 10 epsilons it is made finite on purpose, as its name says")
def _root() -> Case:
    x = jaxed(uniform(4))
    from jaxoplanet.utils import zero_safe_sqrt

    return Case(zero_safe_sqrt, (x,))
