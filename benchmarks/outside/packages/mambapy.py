"""mambapy: the parallel scan."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor, uniform

PACKAGE = Package("mambapy", "torch", held_out=True)


@PACKAGE.right("pscan")
def _scan() -> Case:
    from mambapy.pscan import pscan

    return Case(pscan, (tensor(uniform(1, 4, 2, 3)), tensor(normal(1, 4, 2, 3))))
