"""neurolab: transfer functions and errors with their derivatives."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("neurolab", "numpy", held_out=True)


def _module(name: str) -> Any:
    """It was written for a NumPy that had `np.Inf`."""
    np.Inf = np.inf  # type: ignore[attr-defined]  # noqa: NPY201
    return importlib.import_module(f"neurolab.{name}")


def _transfer(name: str) -> Case:
    function = getattr(_module("trans"), name)()
    return Case(function, (normal(5),), lambda grad, value, x: (grad * function.deriv(x, value),))


for _name in ("TanSig", "PureLin", "LogSig", "SatLins", "SatLin"):
    PACKAGE.add(_name, lambda name=_name: _transfer(name))
PACKAGE.add(
    "SoftMax", lambda: _transfer("SoftMax"), "wrong", "y (1 - y) is the diagonal of the Jacobian alone"
)  # fmt: skip


def _error(name: str) -> Case:
    function, target = getattr(_module("error"), name)(), uniform(5, seed=1)
    return Case(
        lambda output: function(target, output), (uniform(5),),
        lambda grad, value, output: (grad * function.deriv(target, output),),
    )  # fmt: skip


for _name in ("MSE", "SSE", "SAE", "MAE", "CEE"):
    PACKAGE.add(
        _name, lambda name=_name: _error(name), "wrong",
        "documented as dE/d_out, returned is its negative: e = target - output is not differentiated by output",
    )  # fmt: skip
