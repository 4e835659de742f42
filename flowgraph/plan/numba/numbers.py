"""Numbers as Numba compiles them: the names of their types, literals, conversions."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.plan.emitter import RefusedError

NUMBERS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip
"""The dtypes of native numbers."""


def number_name(dtype: np.dtype[Any], box: Box | None = None) -> str:
    """What the type of a number is called in the source."""
    if dtype.name not in NUMBERS or not dtype.isnative:
        raise RefusedError(f"has the dtype {dtype}", box)
    return "bool_" if dtype.kind == "b" else dtype.name


def literal(box: Constant) -> str:
    """A constant without axes as it is written."""
    value = box.value[()].item()
    if box.dtype.kind == "c":
        return f"{number_name(box.dtype, box)}(complex({value.real!r}, {value.imag!r}))"
    return repr(value) if box.dtype.kind == "b" else f"{number_name(box.dtype, box)}({value!r})"


def cast(text: str, old: np.dtype[Any], new: np.dtype[Any]) -> str:
    """A number in another dtype."""
    if old == new:
        return text
    if new.kind == "b":
        return f"({text} != 0)"
    if old.kind == "c" and new.kind != "c":
        text = f"({text}).real"
    return f"{number_name(new)}({text})"
