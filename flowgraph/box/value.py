"""The values of boxes, as annotations name them."""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any
"""What a box computes with: an array or a number in a run, a box in a gradient graph, and a tuple of these for several
outputs. An `fprop` and a `bprop` run on both, which no type says that a checker knows."""

Foreign: TypeAlias = Any
"""An object of another package, such as a tensor of PyTorch, a tracer of JAX or a node of ONNX, which need not be
installed where types are checked."""
