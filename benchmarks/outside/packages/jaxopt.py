"""jaxopt: projections, isotonic regression, losses, and a solver with implicit differentiation."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, normal, spd

PACKAGE = Package("jaxopt", "jax", held_out=True)


def _projection(name: str, *settings: Any) -> Case:
    x = jaxed(normal(5))
    from jaxopt import projection

    return Case(lambda x: getattr(projection, name)(x, *settings), (x,))


PACKAGE.add("projection_simplex", lambda: _projection("projection_simplex"))
PACKAGE.add("projection_sparse_simplex", lambda: _projection("projection_sparse_simplex", 3))
PACKAGE.add("projection_l1_ball", lambda: _projection("projection_l1_ball"))
PACKAGE.add("projection_l1_sphere", lambda: _projection("projection_l1_sphere"))
PACKAGE.add(
    "projection_l2_ball",
    lambda: _projection("projection_l2_ball"),
    "wrong",
    "seen by fg.check: at 0, inside of the ball, the projection is the identity, and its gradient NaN",
)


@PACKAGE.right("isotonic_l2_pav")
def _isotonic() -> Case:
    y = jaxed([1.0, 0.2, 0.9, 2.0, 1.4])
    from jaxopt import isotonic

    return Case(isotonic.isotonic_l2_pav, (y,))


@PACKAGE.right("sparse_plus")
def _sparse_plus() -> Case:
    x = jaxed(normal(4))
    from jaxopt import loss

    return Case(lambda x: loss.sparse_plus(x), (x,))


@PACKAGE.right("linear_solve.solve_cg with implicit gradient")
def _cg() -> Case:
    a, b = jaxed(spd(3)), jaxed(normal(3))
    from jaxopt import linear_solve
    from jaxopt.implicit_diff import custom_root

    def residual(x: Any, a: Any, b: Any) -> Any:
        return (a + a.T) @ x - b

    @custom_root(residual)
    def solve(start: Any, a: Any, b: Any) -> Any:
        return linear_solve.solve_cg(lambda x: (a + a.T) @ x, b, tol=1e-14)

    return Case(lambda a, b: solve(None, a, b), (a, b))
