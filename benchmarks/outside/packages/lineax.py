"""lineax: norms and linear solves."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, normal, spd

PACKAGE = Package("lineax", "jax", held_out=True)


@PACKAGE.right("two_norm")
def _norm() -> Case:
    x = jaxed(normal(4))
    from lineax.internal import two_norm

    return Case(two_norm, (x,))


def _solve(name: str, rows: int, **settings: Any) -> Case:
    a, b = jaxed(normal(rows, 3) if name in ("LU", "QR") else spd(3)), jaxed(normal(rows))
    import lineax

    def solution(a: Any, b: Any) -> Any:
        operator = lineax.MatrixLinearOperator(a)
        return lineax.linear_solve(operator, b, getattr(lineax, name)(**settings)).value

    return Case(solution, (a, b))


PACKAGE.add("linear_solve, LU", lambda: _solve("LU", 3))
PACKAGE.add("linear_solve, QR", lambda: _solve("QR", 5))


@PACKAGE.right("linear_solve, Cholesky")
def _cholesky() -> Case:
    a, b = jaxed(spd(3)), jaxed(normal(3))
    import lineax

    def solution(a: Any, b: Any) -> Any:
        operator = lineax.MatrixLinearOperator(a + a.T, lineax.positive_semidefinite_tag)
        return lineax.linear_solve(operator, b, lineax.Cholesky()).value

    return Case(solution, (a, b))
