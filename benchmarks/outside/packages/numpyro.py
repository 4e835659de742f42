"""numpyro: functions of its densities."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, uniform

PACKAGE = Package("numpyro", "jax", held_out=True)


@PACKAGE.right("log1mexp")
def _log1mexp() -> Case:
    x = jaxed(-uniform(4))
    from numpyro.distributions.util import log1mexp

    return Case(log1mexp, (x,))


@PACKAGE.right("von_mises_centered density")
def _von_mises() -> Case:
    x, scale = jaxed(uniform(4)), jaxed(2.0)
    import numpyro.distributions as dist

    return Case(lambda x, scale: dist.VonMises(0.3, scale).log_prob(x), (x, scale))
