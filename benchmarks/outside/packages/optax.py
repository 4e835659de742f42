"""optax: losses and projections with rules of their own."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, normal, uniform

PACKAGE = Package("optax", "jax", held_out=True)


@PACKAGE.right("weighted_logsoftmax")
def _weighted() -> Case:
    x, weights = jaxed(normal(3, 4)), jaxed(uniform(3, 4))
    from optax.losses._classification import weighted_logsoftmax

    return Case(weighted_logsoftmax, (x, weights))


@PACKAGE.right("safe_softmax_cross_entropy")
def _cross_entropy() -> Case:
    x, labels = jaxed(normal(3, 4)), jaxed([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    import optax

    return Case(lambda x: optax.safe_softmax_cross_entropy(x, labels), (x,))


def _projection(name: str, *settings: Any) -> Case:
    x = jaxed(normal(5))
    from optax import projections

    return Case(lambda x: getattr(projections, name)(x, *settings), (x,))


for _name in ("projection_simplex", "projection_l1_ball", "projection_l1_sphere", "projection_l2_ball"):
    PACKAGE.add(_name, lambda name=_name: _projection(name))
