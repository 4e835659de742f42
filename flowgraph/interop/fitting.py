"""What a rule has made, held against the shape and dtype that the other library gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.errors import UnsupportedError
from flowgraph.shapes.spec import shape_text


def fitted(who: str, made: Any, shape: Any, dtype: np.dtype[Any]) -> Box:
    """A box of that dtype: the one that was made, or what converts it; one of another shape is refused."""
    box: Any = made if isinstance(made, Box) else Constant(made)
    if tuple(box.shape) != tuple(shape):
        raise UnsupportedError(f"{who} gave the shape {shape_text(box.shape)}, needs {shape_text(tuple(shape))}")
    if box.dtype == dtype:
        return box  # type: ignore[no-any-return]
    if isinstance(box, Constant) and box.name is None:
        return Constant(box.value.astype(dtype))
    converted: Box = np.real(box).astype(dtype) if box.dtype.kind == "c" and dtype.kind != "c" else box.astype(dtype)
    return converted
