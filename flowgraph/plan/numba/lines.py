"""The expression for one element of a box, in what Numba compiles, with the numbers that NumPy would compute with."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.elementwise.cast import Cast
from flowgraph.boxes.elementwise.selection import Clip, Where
from flowgraph.boxes.neural.elementwise_loss import BinaryCrossEntropy, Hinge
from flowgraph.boxes.neural.normal import NormalCdf
from flowgraph.boxes.special.error_function import Erf, Erfc
from flowgraph.plan.numba.refusal import NotNativeError
from flowgraph.plan.numpy.ufuncs import ufunc_of

NUMBERS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip
"""The dtypes of native numbers."""

_OPERATORS: dict[Any, str] = {
    np.add: "{} + {}", np.subtract: "{} - {}", np.multiply: "{} * {}", np.divide: "{} / {}", np.negative: "-{}",
    np.positive: "{}", np.square: "{0} * {0}", np.greater: "{} > {}", np.greater_equal: "{} >= {}",
    np.less: "{} < {}", np.less_equal: "{} <= {}", np.equal: "{} == {}", np.not_equal: "{} != {}",
}  # fmt: skip

_WIDE: dict[type[Box], str] = {Erf: "erf({})", Erfc: "erfc({})", NormalCdf: "0.5 * erfc(-0.7071067811865476 * {})"}
"""Functions that are no ufuncs of NumPy, of one real number, computed in float64."""

_PARTS: dict[type[Box], str] = {
    BinaryCrossEntropy: "maximum({0}, {zero}) - {0} * {1} + log1p(exp(minimum({0}, -{0})))",
    Hinge: "maximum({one} - {0} * {1}, {zero})",
    Clip: "minimum(maximum({0}, {low}), {high})",
}
"""What some boxes are made of, for real numbers of their dtype."""


def number_name(dtype: np.dtype[Any], box: Box | None = None) -> str:
    """What the type of a number is called in the source."""
    if dtype.name not in NUMBERS or not dtype.isnative:
        raise NotNativeError(f"has the dtype {dtype}", box)
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


def is_elementwise(box: Box) -> bool:
    """Whether `expression` knows the box."""
    return ufunc_of(box) is not None or isinstance(box, Where | Cast) or type(box) in (*_WIDE, *_PARTS)


def expression(box: Box, texts: Sequence[str]) -> str:
    """One element of the box from those of its children."""
    children = box.children
    if isinstance(box, Cast):
        return cast(texts[0], children[0].dtype, box.dtype)
    if isinstance(box, Where):
        mask, yes, no = (
            cast(text, child.dtype, dtype)
            for text, child, dtype in zip(texts, children, (np.dtype(bool), box.dtype, box.dtype), strict=True)
        )
        return f"({yes} if {mask} else {no})"
    if type(box) in _WIDE or type(box) in _PARTS:
        return _of_real(box, texts)
    return _of_ufunc(box, texts)


def _of_real(box: Any, texts: Sequence[str]) -> str:
    if box.dtype.kind != "f":
        raise NotNativeError(f"has no native line for {box.dtype}", box)
    if type(box) in _WIDE:
        wide = np.dtype(np.float64)
        return cast(_WIDE[type(box)].format(cast(texts[0], box.children[0].dtype, wide)), wide, box.dtype)
    given = [cast(text, child.dtype, box.dtype) for text, child in zip(texts, box.children, strict=True)]
    number = number_name(box.dtype, box)
    numbers = {"zero": f"{number}(0)", "one": f"{number}(1)"}
    if isinstance(box, Clip):
        numbers |= {"low": f"{number}({box.low!r})", "high": f"{number}({box.high!r})"}
    return _PARTS[type(box)].format(*given, **numbers)


def _of_ufunc(box: Box, texts: Sequence[str]) -> str:
    ufunc = ufunc_of(box)
    assert ufunc is not None
    dtypes = ufunc.resolve_dtypes((*[child.dtype for child in box.children], None))
    loop = "".join(d.char for d in dtypes[:-1]) + "->" + dtypes[-1].char
    if loop not in _loops(ufunc):
        raise NotNativeError(f"has no native line for {', '.join(str(d) for d in dtypes[:-1])}", box)
    given = [cast(text, child.dtype, d) for text, child, d in zip(texts, box.children, dtypes, strict=False)]
    if ufunc in _OPERATORS and dtypes[0].kind == "f":
        return _OPERATORS[ufunc].format(*given)
    return cast(f"{ufunc.__name__}({', '.join(given)})", dtypes[-1], box.dtype)


@functools.cache
def _loops(ufunc: np.ufunc) -> frozenset[str]:
    """The dtypes for which Numba has its own version of a ufunc."""
    ufunc_db: Any = importlib.import_module("numba.np.ufunc_db")
    try:
        return frozenset(ufunc_db.get_ufunc_info(ufunc))
    except KeyError:
        return frozenset()
