"""roma: orthogonal matrices that are nearest to given ones."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor

PACKAGE = Package("roma", "torch", held_out=True)
DAMPED = (
    "seen by fg.check: 1 / x is x / (x² + 1e-10), of sums and differences of singular values. The value does not "
    "depend on the scale of the matrix, so that the gradient goes as its inverse: at 1e-6 it is a fiftieth of that"
)


@PACKAGE.wrong("procrustes", DAMPED)
def _procrustes() -> Case:
    import roma

    return Case(lambda m: roma.procrustes(m)[0], (tensor(normal(2, 3, 3)),))


@PACKAGE.wrong("special_procrustes", DAMPED)
def _special() -> Case:
    import roma

    return Case(roma.special_procrustes, (tensor(normal(2, 3, 3)),))


@PACKAGE.wrong("special_procrustes of four dimensions", DAMPED)
def _four() -> Case:
    import roma

    return Case(roma.special_procrustes, (tensor(normal(1, 4, 4)),))
