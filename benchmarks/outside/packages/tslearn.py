"""tslearn: the soft version of dynamic time warping."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("tslearn", "numpy", held_out=True, second=True)


@PACKAGE.right("SoftDTW")
def _warping() -> Case:
    from tslearn.metrics.softdtw_variants import SoftDTW

    def backward(grad: Any, value: Any, distances: Any) -> tuple[Any, ...]:
        of = SoftDTW(distances, gamma=0.5)
        of.compute()
        return (grad * of.grad(),)

    return Case(lambda distances: SoftDTW(distances, gamma=0.5).compute(), (uniform(4, 5),), backward)


@PACKAGE.right("SquaredEuclidean")
def _distances() -> Case:
    from tslearn.metrics.softdtw_variants import SquaredEuclidean

    y = normal(5, 2)
    return Case(
        lambda x: SquaredEuclidean(x, y).compute(),
        (normal(4, 2),),
        lambda grad, value, x: (SquaredEuclidean(x, y).jacobian_product(grad),),
    )
