"""Arrays that are made of a shape and a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import UnsupportedError
from flowgraph.interop.torch.rules import rule_for
from flowgraph.interop.torch.symbolic_sizes import counted, filled, number_of, size_behind
from flowgraph.shapes.size import Size


@rule_for("aten.full.default")
def full(size: Foreign, value: Foreign, **settings: Foreign) -> Any:
    """The same number everywhere."""
    return filled(size, value)


@rule_for("aten.zeros.default", "aten.empty.memory_format")
def zeros(size: Foreign, **settings: Foreign) -> Any:
    """Zeros."""
    return filled(size, 0.0)


@rule_for("aten.ones.default")
def ones(size: Foreign, **settings: Foreign) -> Any:
    """Ones."""
    return filled(size, 1.0)


@rule_for("aten.full_like")
def full_like(a: Foreign, value: Foreign, **settings: Foreign) -> Any:
    """The same number in the shape of another array."""
    return np.full_like(a, value)


@rule_for("aten.zeros_like", "aten.empty_like")
def zeros_like(a: Foreign, **settings: Foreign) -> Any:
    """Zeros in the shape of another array."""
    return np.zeros_like(a)


@rule_for("aten.ones_like")
def ones_like(a: Foreign, **settings: Foreign) -> Any:
    """Ones in the shape of another array."""
    return np.ones_like(a)


@rule_for("aten.new_zeros")
def new_zeros(a: Foreign, size: Foreign, **settings: Foreign) -> Any:
    """Zeros."""
    return filled(size, 0.0)


@rule_for("aten.new_ones")
def new_ones(a: Foreign, size: Foreign, **settings: Foreign) -> Any:
    """Ones."""
    return filled(size, 1.0)


@rule_for("aten.new_full")
def new_full(a: Foreign, size: Foreign, value: Foreign, **settings: Foreign) -> Any:
    """The same number everywhere."""
    return filled(size, value)


@rule_for("aten.arange.default")
def count(end: Foreign, **settings: Foreign) -> Any:
    """Numbers from 0 up to, not including, the end."""
    return arange(0, end)


@rule_for("aten.arange.start", "aten.arange.start_step")
def arange(start: Foreign, end: Foreign, step: Foreign = 1, **settings: Foreign) -> Any:
    """Numbers in equal steps."""
    first, last = size_behind(start), size_behind(end)
    if not isinstance(first, Size) and not isinstance(last, Size):
        return np.arange(first, last, step)
    if step != 1:
        raise UnsupportedError(f"graph_of: found steps of {step} from {first} to {last}, needs steps of 1")
    return counted(last - first) + start


@rule_for("aten.linspace")
def linspace(start: Foreign, end: Foreign, steps: Foreign, **settings: Foreign) -> Any:
    """So many numbers in equal steps, both ends among them."""
    if not any(isinstance(one, Size | Box) for one in (start, end, steps)):
        return np.linspace(start, end, steps)
    last = number_of(steps - 1) if isinstance(steps, Size) else steps - 1
    return start + counted(steps) * ((end - start) / np.maximum(last, 1))


@rule_for("aten.scalar_tensor")
def number(value: Foreign, **settings: Foreign) -> Any:
    """One number."""
    return value if isinstance(value, Box) else np.asarray(value)


@rule_for("aten.eye.default", "aten.eye.m")
def eye(rows: Foreign, columns: Foreign = None, **settings: Foreign) -> Any:
    """Ones on the diagonal."""
    return counted(rows)[:, None] == counted(rows if columns is None else columns)[None, :]


@rule_for("aten.one_hot")
def one_hot(labels: Foreign, classes: int = -1) -> Any:
    """A row with one 1 for each label."""
    return labels[..., None] == np.arange(classes)
