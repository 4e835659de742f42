"""quadax: adaptive quadrature with derivatives of its own."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed

PACKAGE = Package("quadax", "jax", held_out=True, second=True)


@PACKAGE.right("quadgk")
def _quadrature() -> Case:
    rate = jaxed(1.3)
    import jax.numpy as jnp
    from quadax import quadgk

    return Case(lambda rate: quadgk(lambda x, a: jnp.exp(-a * x * x), [0.0, 2.0], (rate,))[0], (rate,))
