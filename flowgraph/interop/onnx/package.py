"""The onnx package, imported when a file is written or read, and constants of the format."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.errors import install_hint

OPSET = 20
"""The version of the operator set that is written."""

IR_VERSION = 9
"""The version of the file format that has this operator set."""


def onnx() -> Any:
    """The onnx package."""
    try:
        import onnx as package
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as missing:
        raise ImportError(f"reading and writing .onnx needs onnx; run: {install_hint('onnx')}") from missing
    return package


def element_type(dtype: np.dtype[Any]) -> int:
    """The number by which ONNX calls a dtype."""
    return int(onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


WRITTEN = frozenset(map(np.dtype, ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")))
"""Dtypes that arrays in flowgraph and tensors in ONNX have in common; complex numbers have no operations in ONNX."""
