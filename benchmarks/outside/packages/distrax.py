"""distrax: products and powers without NaN, von Mises."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, normal, uniform

PACKAGE = Package("distrax", "jax")


@PACKAGE.right("multiply_no_nan")
def _multiply() -> Case:
    x, y = jaxed(normal(4)), jaxed(normal(4, seed=1))
    from distrax._src.utils import math

    return Case(math.multiply_no_nan, (x, y))


@PACKAGE.right("power_no_nan")
def _power() -> Case:
    x, y = jaxed(uniform(4)), jaxed(2 * uniform(4, seed=1))
    from distrax._src.utils import math

    return Case(math.power_no_nan, (x, y))


@PACKAGE.right("VonMises.cdf")
def _von_mises() -> Case:
    x = jaxed(uniform(4))
    import distrax

    return Case(lambda x: distrax.VonMises(0.3, 2.0).cdf(x), (x,))


@PACKAGE.wrong(
    "VonMises.log_prob",
    "seen by fg.check: at concentration 0, the uniform distribution, the slope is cos(x - loc), 0.955 at x = 0 and "
    "loc = 0.3; grad gives -0.045, since the gradient of JAX's i0 at 0 is 1",
)
def _log_prob() -> Case:
    x, scale = jaxed(uniform(4)), jaxed(2.0)
    import distrax

    def log_prob(x: Any, scale: Any) -> Any:
        return distrax.VonMises(0.3, scale).log_prob(x)

    return Case(log_prob, (x, scale))
