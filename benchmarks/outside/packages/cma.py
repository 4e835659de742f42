"""cma: its test functions that have a gradient."""

from __future__ import annotations

import numpy as np

from benchmarks.outside.entry import Case, Package

PACKAGE = Package("cma", "numpy")


def _function(name: str) -> Case:
    from cma import ff

    slope = getattr(ff, f"grad_{name}")
    return Case(getattr(ff, name), (np.array([1.3, 0.7, 0.8, 1.9]),), lambda grad, value, x: (grad * slope(x),))


for _name in ("sphere", "cigar", "tablet", "rosen"):
    PACKAGE.add(_name, lambda name=_name: _function(name))
PACKAGE.add(
    "elli", lambda: _function("elli"), "wrong",
    "seen by fg.check: elli of one coordinate is its square, grad_elli divides by N - 1 = 0",
)  # fmt: skip
