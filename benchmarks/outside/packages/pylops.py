"""pylops: linear operators with their adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal

PACKAGE = Package("pylops", "numpy", held_out=True, second=True)


def _operators() -> dict[str, Any]:
    import pylops

    return {
        "FirstDerivative": pylops.FirstDerivative(6), "SecondDerivative": pylops.SecondDerivative(6, edge=True),
        "Laplacian": pylops.Laplacian((3, 4)), "CausalIntegration": pylops.CausalIntegration(6, kind="trapezoidal"),
        "Convolve1D": pylops.signalprocessing.Convolve1D(6, np.array([0.2, 1.0, -0.4]), offset=1),
        "Smoothing1D": pylops.Smoothing1D(3, 6), "LinearRegression": pylops.LinearRegression(np.arange(6.0)),
        "Symmetrize": pylops.Symmetrize(6), "DCT": pylops.signalprocessing.DCT(6),
        "Interp": pylops.signalprocessing.Interp(6, np.array([0.3, 2.7, 4.1]))[0],
    }  # fmt: skip


NAMES = (
    "FirstDerivative", "SecondDerivative", "Laplacian", "CausalIntegration", "Convolve1D", "Smoothing1D",
    "LinearRegression", "Symmetrize", "DCT", "Interp",
)  # fmt: skip


def _operator(name: str) -> Case:
    operator = _operators()[name]
    return Case(operator.matvec, (normal(operator.shape[1]),), lambda grad, value, x: (operator.rmatvec(grad),))


for _name in NAMES:
    PACKAGE.add(_name, lambda name=_name: _operator(name))
