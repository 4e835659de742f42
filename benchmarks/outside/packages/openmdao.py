"""openmdao: interpolation of tables and the aggregation of constraints."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal

PACKAGE = Package("openmdao", "numpy", held_out=True, second=True)
GRID = np.linspace(-1.0, 2.0, 8)


def _interpolated(method: str) -> Case:
    from openmdao.components.interp_util.interp import InterpND

    table: Any = InterpND(method=method, points=GRID, values=np.sin(2.0 * GRID), extrapolate=True)

    def backward(grad: Any, value: Any, x: Any) -> tuple[Any, ...]:
        return (grad * table.interpolate(x, compute_derivative=True)[1].reshape(x.shape),)

    return Case(lambda x: table.interpolate(x).reshape(x.shape), (np.array([-0.7, 0.1, 1.3]),), backward)


for _method in ("slinear", "lagrange2", "lagrange3", "cubic", "akima"):
    PACKAGE.add(f"InterpND, {_method}", lambda method=_method: _interpolated(method))


@PACKAGE.right("KSfunction")
def _aggregated() -> Case:
    from openmdao.components.ks_comp import KSfunction

    def backward(grad: Any, value: Any, g: Any) -> tuple[Any, ...]:
        return (grad * KSfunction.derivatives(g, 5.0)[0],)

    return Case(lambda g: KSfunction.compute(g, 5.0), (normal(3, 4),), backward)
