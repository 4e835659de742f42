"""zuko: inversion by bisection and quadrature."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import tensor, uniform

PACKAGE = Package("zuko", "torch", held_out=True, second=True)


@PACKAGE.right("bisection", "1 / f'(x) at the root; 60 halvings leave no step that could be seen")
def _bisection() -> Case:
    from zuko.utils import bisection

    return Case(lambda y: bisection(lambda x: x + x**3, y, -20.0, 20.0, n=60), (tensor(uniform(3)),))


@PACKAGE.wrong(
    "gauss_legendre",
    "seen by fg.check: where a limit requires a gradient and a parameter does not, backward raises",
)
def _quadrature() -> Case:
    from zuko.utils import gauss_legendre

    def area(a: Any, b: Any, c: Any) -> Any:
        return gauss_legendre(lambda x: 1.0 + c * x * x, a, b, n=3, phi=(c,))

    return Case(area, (tensor(uniform(3)), tensor(1.0 + uniform(3, seed=1)), tensor(uniform(3, seed=2))))
