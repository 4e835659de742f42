"""Checks and conversions of the results of conversion rules: shape and dtype of the other library."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.errors import UnsupportedError
from flowgraph.shapes.spec import same, shape_text


def fitted(who: str, made: Any, shape: Any, dtype: np.dtype[Any]) -> Box:
    """A box of that dtype: the one that was made, or what converts it; one of another shape is refused."""
    box: Any = made if isinstance(made, Box) else Constant(made)
    if len(box.shape) != len(shape) or not all(map(same, box.shape, shape)):
        raise UnsupportedError(f"{who} gave the shape {shape_text(box.shape)}, needs {shape_text(tuple(shape))}")
    if box.dtype == dtype:
        return box  # type: ignore[no-any-return]
    if isinstance(box, Constant) and box.name is None:
        return Constant(box.value.astype(dtype))
    converted: Box = np.real(box).astype(dtype) if box.dtype.kind == "c" and dtype.kind != "c" else box.astype(dtype)
    return converted


def shortest(numbers: Any) -> Any:
    """One number where those of all axes are equal, as one would write them."""
    return numbers[0] if isinstance(numbers, tuple) and len(set(numbers)) == 1 else numbers


def shortest_padding(pairs: Any) -> Any:
    """The padding before and after along each axis: one number where both are equal, one for all axes where all are."""
    found = tuple(before if before == after else (before, after) for before, after in pairs)
    return shortest(found) if all(isinstance(one, int) for one in found) else found
