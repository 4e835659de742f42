"""ott-jax: norms, sums and roots with rules of their own."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, normal, spd, uniform

PACKAGE = Package("ott-jax", "jax")


@PACKAGE.wrong(
    "norm",
    "seen by fg.check: documented to give 0 at 0; its rule looks whether all of x is zero, not each row of axis=-1, so "
    "that a row of zeros beside others has a NaN",
)
def _norm() -> Case:
    x = jaxed(normal(3, 4))
    from ott.math import utils

    return Case(lambda x: utils.norm(x, axis=-1), (x,))


@PACKAGE.right("logsumexp with weights")
def _logsumexp() -> Case:
    x, b = jaxed(normal(3, 4)), jaxed(uniform(3, 4))
    from ott.math import utils

    return Case(lambda x, b: utils.logsumexp(x, axis=-1, b=b), (x, b))


@PACKAGE.right("softmin")
def _softmin() -> Case:
    x = jaxed(normal(3, 4))
    from ott.math import utils

    return Case(lambda x: utils.softmin(x, 0.5, axis=-1), (x,))


@PACKAGE.right("lambertw")
def _lambertw() -> Case:
    z = jaxed(uniform(4))
    from ott.math import utils

    return Case(lambda z: utils.lambertw(z), (z,))


@PACKAGE.right("matrix square root", "differences agree to 1e-6: the iteration stops at a tolerance of its own")
def _root() -> Case:
    a = jaxed(spd(3))
    from ott.math import matrix_square_root

    def root(a: Any) -> Any:
        return matrix_square_root.sqrtm_only(a + a.T, threshold=1e-12)

    return Case(root, (a,))
