"""The values of boxes and the boxes themselves, as annotations name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

if TYPE_CHECKING:
    from flowgraph.box.base import Box

Value: TypeAlias = Any
"""What a box computes with: an array or a number in a run, a box in a gradient graph, and a tuple of these for several
outputs. An `fprop` and a `bprop` run on both, which no type says that a checker knows."""

Built: TypeAlias = Union["Box", np.ndarray[Any, Any]]
"""A box where a user gives one. NumPy's own annotations say that np.tanh(box) is an array, though it is a box, so that
an array passes the type checker; it is refused at run time."""
