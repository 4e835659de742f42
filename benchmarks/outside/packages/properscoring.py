"""properscoring: the continuous ranked probability score of a normal distribution."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("properscoring", "numpy", held_out=True, second=True)


@PACKAGE.right("crps_gaussian")
def _crps() -> Case:
    from properscoring import crps_gaussian

    y = normal(4)

    def backward(grad: Any, value: Any, mu: Any, sig: Any) -> tuple[Any, ...]:
        return tuple(grad * crps_gaussian(y, mu, sig, grad=True)[1])

    return Case(lambda mu, sig: crps_gaussian(y, mu, sig), (normal(4, seed=1), uniform(4)), backward)
