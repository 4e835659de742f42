"""xitorch: implicit functions, linear algebra and quadrature with backward passes of their own."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, spd, tensor, uniform

PACKAGE = Package("xitorch", "torch")


@PACKAGE.right("linalg.solve")
def _solve() -> Case:
    from xitorch import LinearOperator
    from xitorch.linalg import solve

    return Case(lambda a, b: solve(LinearOperator.m(a, is_hermitian=False), b), (tensor(spd(3)), tensor(normal(3, 2))))


@PACKAGE.right("linalg.symeig, eigenvalues")
def _symeig() -> Case:
    from xitorch import LinearOperator
    from xitorch.linalg import symeig

    return Case(lambda a: symeig(LinearOperator.m(a + a.T, is_hermitian=True))[0], (tensor(spd(3)),))


@PACKAGE.right("optimize.rootfinder")
def _root() -> Case:
    from xitorch.optimize import rootfinder

    def residual(y: Any, a: Any) -> Any:
        return y**3 + 2 * y - a

    def found(a: Any) -> Any:
        return rootfinder(residual, a.detach() * 0.3, params=(a,), method="broyden1", f_tol=1e-13, maxiter=200)

    return Case(found, (tensor(uniform(3)),))


@PACKAGE.wrong(
    "integrate.quad",
    "seen by fg.check: where only a limit requires a gradient, backward raises ValueError (3 params instead of 1)",
)
def _quad() -> Case:
    import torch
    from xitorch.integrate import quad

    def integral(a: Any, start: Any, end: Any) -> Any:
        return quad(lambda x, a: torch.sin(a * x), start, end, params=(a,))

    return Case(integral, (tensor(uniform(3)), tensor(0.2), tensor(1.3)))


@PACKAGE.right("interpolate.Interp1D")
def _interpolate() -> Case:
    from xitorch.interpolate import Interp1D

    knots = tensor([0.0, 0.4, 1.0, 1.3, 2.0], grad=False)
    at = tensor([0.2, 0.7, 1.6], grad=False)
    return Case(lambda y: Interp1D(knots, y, method="cspline")(at), (tensor(normal(5)),))
