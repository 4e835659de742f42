"""Arrays that are made of a shape and a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.value import Foreign
from flowgraph.interop.torch.rules import rule_for
from flowgraph.interop.torch.symbolic_sizes import filled


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
    return np.arange(end)


@rule_for("aten.arange.start", "aten.arange.start_step")
def arange(start: Foreign, end: Foreign, step: Foreign = 1, **settings: Foreign) -> Any:
    """Numbers in equal steps."""
    return np.arange(start, end, step)


@rule_for("aten.linspace")
def linspace(start: Foreign, end: Foreign, steps: int, **settings: Foreign) -> Any:
    """So many numbers in equal steps, both ends among them."""
    return np.linspace(start, end, steps)


@rule_for("aten.scalar_tensor")
def number(value: Foreign, **settings: Foreign) -> Any:
    """One number."""
    return np.asarray(value)


@rule_for("aten.eye.default")
def eye(rows: int, **settings: Foreign) -> Any:
    """Ones on the diagonal."""
    return np.eye(rows)


@rule_for("aten.one_hot")
def one_hot(labels: Foreign, classes: int = -1) -> Any:
    """A row with one 1 for each label."""
    return labels[..., None] == np.arange(classes)
