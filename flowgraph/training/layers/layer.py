"""What the layers have in common: parameters that every call shares, in the scope where the layer was made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Parameter
from flowgraph.box.node import current_scope, reopened
from flowgraph.errors import ShapeError, UsageError
from flowgraph.training.display import cell_html, parameters_table


class Layer:
    """Boxes with parameters: called on a box it builds its output, and every call shares the parameters."""

    def __init__(self) -> None:
        self.scope = current_scope()

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters that are trained."""
        return [one for one in vars(self).values() if isinstance(one, Parameter)]

    @contextmanager
    def _built(self, x: Value, axes: int | None = None) -> Iterator[None]:
        """Build boxes in the scope of the layer, after checking the number of axes of the input."""
        who = type(self).__name__
        if not isinstance(x, Box):
            raise UsageError(f"{who}: found {type(x).__name__}, needs a box, such as fg.Input('x', shape=...)")
        if axes is not None and len(x.shape) != axes:
            raise ShapeError(f"{who}: found {x.title} of shape {x.shape}, needs {axes} axes")
        with reopened(self.scope):
            yield

    def _repr_html_(self) -> str:
        return cell_html(self, None, parameters_table(self.parameters))

    def __repr__(self) -> str:
        shapes = ", ".join(f"{(one.name or '').rpartition('/')[2]} {one.value.shape}" for one in self.parameters)
        return f"<{type(self).__name__} {self.scope}{shapes}>"


def uniform(generator: np.random.Generator, bound: float, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
    """Uniform on [-bound, bound]."""
    return generator.uniform(-bound, bound, shape).astype(dtype)


def glorot_bound(fan_in: int, fan_out: int) -> float:
    """The bound of `fg.glorot_uniform`, for weights that are no matrix."""
    return math.sqrt(6 / max(fan_in + fan_out, 1))
