"""Sums and extremes along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.jax.rules import primitive_rule

for _name, _function in {
    "reduce_sum": np.sum, "reduce_max": np.max, "reduce_min": np.min, "reduce_prod": np.prod, "reduce_and": np.all,
    "reduce_or": np.any,
}.items():  # fmt: skip

    def _reduced(a: Foreign, *, axes: Foreign, function: Foreign = _function, **settings: Foreign) -> Any:
        return function(a, axis=tuple(axes)) if axes else a

    primitive_rule(_name)(_reduced)

for _name, _function in {"argmax": np.argmax, "argmin": np.argmin}.items():

    def _place(a: Foreign, *, axes: Foreign, function: Foreign = _function, **settings: Foreign) -> Any:
        return function(a, axis=axes[0])

    primitive_rule(_name)(_place)

for _name, _function in {"cumsum": np.cumsum, "cumprod": np.cumprod}.items():

    def _cumulative(a: Foreign, *, axis: int, reverse: bool, function: Foreign = _function, **settings: Foreign) -> Any:
        return np.flip(function(np.flip(a, axis), axis=axis), axis) if reverse else function(a, axis=axis)

    primitive_rule(_name)(_cumulative)
