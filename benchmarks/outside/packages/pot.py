"""POT: optimal transport, whose values have gradients of their own, and dual objectives of smooth transport."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, spd, tensor, uniform

PACKAGE = Package("pot", "torch", held_out=True)
A, B = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.25, 0.2, 0.15])


@PACKAGE.right("emd2, cost matrix")
def _emd2() -> Case:
    import ot

    a, b = tensor(A, grad=False), tensor(B, grad=False)
    return Case(lambda cost: ot.emd2(a, b, cost), (tensor(uniform(3, 4)),))


@PACKAGE.right("bures_wasserstein_distance")
def _bures() -> Case:
    import ot

    def squared(mean: Any, covariance: Any) -> Any:
        other = tensor(spd(3, seed=1), grad=False)
        return ot.gaussian.bures_wasserstein_distance(mean, mean.detach() * 0, covariance, other)

    return Case(squared, (tensor(normal(3)), tensor(spd(3))))


@PACKAGE.right("backend, matrix square root")
def _root() -> Case:
    from ot.backend import TorchBackend

    backend = TorchBackend()
    return Case(lambda a: backend.sqrtm(a + a.T), (tensor(spd(3)),))
