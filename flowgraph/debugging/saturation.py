"""Units whose value hardly depends on what they read: saturated ones, of a tanh, and dead ones, of a ReLU."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Value

FLAT = 0.06
"""A slope below this part of that at 0 is flat: |tanh(a)| > 0.97, by which Karpathy counts saturated units.

Source: Karpathy, Neural networks: zero to hero, part 3, "activations & gradients, BatchNorm".
"""


def is_flat(box: Box, slopes: Array) -> Any:
    """At which of these slopes a unit of a box that `saturates` is flat; one that can die has none there."""
    if box.saturates == "dead":
        return np.equal(slopes, 0)
    zero = np.zeros((1,), box.children[0].dtype)
    (at_zero,) = box.bprop(np.ones_like(zero), box.fprop(zero), zero)
    return np.less(np.abs(slopes), FLAT * np.abs(at_zero))


def share_flat(box: Box, value: Value, read: Value) -> float | None:
    """The share of values that are saturated, or of units that are dead for all examples; None for other boxes.

    The last axis counts the units, the others the examples.
    """
    if not box.saturates or not np.size(value) or value.dtype.kind != "f":
        return None
    (slopes,) = box.bprop(np.ones_like(value), value, read)
    flat = is_flat(box, slopes)
    return float(np.mean(dead_units(flat) if box.saturates == "dead" else flat))


def dead_units(flat: Array) -> Any:
    """Which units, counted by the last axis, are flat for every example."""
    return flat.reshape(-1, flat.shape[-1]).all(axis=0) if np.ndim(flat) else flat
