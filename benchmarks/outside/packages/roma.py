"""roma: orthogonal matrices that are nearest to given ones."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor

PACKAGE = Package("roma", "torch", held_out=True)


@PACKAGE.right("procrustes")
def _procrustes() -> Case:
    import roma

    return Case(lambda m: roma.procrustes(m)[0], (tensor(normal(2, 3, 3)),))


@PACKAGE.right("special_procrustes")
def _special() -> Case:
    import roma

    return Case(roma.special_procrustes, (tensor(normal(2, 3, 3)),))


@PACKAGE.right("special_procrustes of four dimensions")
def _four() -> Case:
    import roma

    return Case(roma.special_procrustes, (tensor(normal(1, 4, 4)),))
