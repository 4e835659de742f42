"""torchlie: exponentials of Lie algebras, and a logarithm that is applied to rotations only."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor

PACKAGE = Package("torchlie", "torch", held_out=True, second=True)


def _exponential(name: str, size: int) -> Case:
    import torchlie.functional as lie

    return Case(getattr(lie, name).exp, (tensor(0.6 * normal(2, size)),))


PACKAGE.add("SO3.exp", lambda: _exponential("SO3", 3))
PACKAGE.add(
    "SE3.exp",
    lambda: _exponential("SE3", 6),
    "wrong",
    "seen by fg.check: below an angle of 5e-3 the value is not that of the matrix exponential (by mpmath off by "
    "6.5e-11 at an angle of 8e-4 and a length of 1.3e-3), while the gradient is",
)


@PACKAGE.right("SO3.log after exp")
def _logarithm() -> Case:
    import torchlie.functional as lie

    turned = lie.SO3.exp(tensor(0.4 * normal(1, 3, seed=1), grad=False))
    return Case(lambda v: lie.SO3.log(lie.SO3.exp(v) @ turned), (tensor(0.4 * normal(1, 3)),))
