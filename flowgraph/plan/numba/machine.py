"""What Numba is given: whether it is there, the names of its numbers, and instructions that it does not offer."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.errors import install_hint
from flowgraph.peers import find_outdated
from flowgraph.plan.emitter import RefusedError

# Numbers as Numba compiles them: the names of their types, literals, conversions.

NUMBERS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip
"""The dtypes of native numbers."""


def number_name(dtype: np.dtype[Any], box: Box | None = None) -> str:
    """What the type of a number is called in the source."""
    if dtype.name not in NUMBERS or not dtype.isnative:
        raise RefusedError(f"has the dtype {dtype}", box)
    return dtype.name


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


# Numba: whether it is there, its types, and instructions that it does not offer by itself.

ALWAYS = (np.maximum, np.minimum, np.exp, np.log1p)
"""Functions that lines call for boxes of other names."""


def why_missing() -> str | None:
    """Why Numba cannot be used, None where it can."""
    old = find_outdated("numba")
    if old is not None:
        return f"Numba {old.lowest} or newer is needed, found {old.version}; {install_hint('native', upgrade=True)}"
    try:
        importlib.import_module("numba")
    except ModuleNotFoundError:
        return f"Numba is not installed; {install_hint('native')}"
    except ImportError as error:  # as it says of a NumPy that is newer than itself
        return f"Numba cannot be imported ({error}); {install_hint('native', upgrade=True)}"
    return None


def type_of(name: str) -> Any:
    """The type that Numba has for a number, or for an array in rows of so many axes: `float32`, `float32[2]`.

    An array that is written to is `out float32[2]`; the others may be read-only.
    """
    numba: Any = importlib.import_module("numba")
    number, _, axes = name.removeprefix("out ").rstrip("]").partition("[")
    scalar = numba.from_dtype(np.dtype(number))
    return numba.types.Array(scalar, int(axes), "C", readonly=not name.startswith("out ")) if axes else scalar


@functools.cache
def instructions() -> dict[str, Any]:
    """Instructions that Numba does not offer.

    Sums may be added up in any order, and a product may be added without being rounded before, as in every BLAS; all
    other arithmetic is that of IEEE 754, number by number.
    """
    types: Any = importlib.import_module("numba").types
    intrinsic: Any = importlib.import_module("numba.extending").intrinsic
    free = ("reassoc", "contract")

    def pointer(context: Any, address: Any, dtype: Any) -> Any:
        signature = types.CPointer(dtype.dtype)(types.int64, dtype)

        def write(context: Any, builder: Any, signature: Any, given: Sequence[Any]) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

        return signature, write

    def plus(context: Any, total: Any, value: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, given: Sequence[Any]) -> Any:
            return builder.fadd(*given, flags=free)

        return total(total, total), write

    def plus_product(context: Any, total: Any, left: Any, right: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, given: Sequence[Any]) -> Any:
            return builder.fadd(given[0], builder.fmul(*given[1:], flags=("contract",)), flags=free)

        return total(total, total, total), write

    written = (pointer, plus, plus_product)
    return {function.__name__: intrinsic(function) for function in written} | _for_vectors()


def _for_vectors() -> dict[str, Any]:
    """`largest` and `smallest` of two floats, of which LLVM makes vector instructions, and `hide_size` of a number."""
    types: Any = importlib.import_module("numba").types
    intrinsic: Any = importlib.import_module("numba.extending").intrinsic

    def largest(context: Any, a: Any, b: Any) -> Any:
        return a(a, a), functools.partial(_write_extreme, name="llvm.maximum")

    def smallest(context: Any, a: Any, b: Any) -> Any:
        return a(a, a), functools.partial(_write_extreme, name="llvm.minimum")

    def hide_size(context: Any, size: Any) -> Any:
        return types.int64(types.int64), _write_hidden

    return {function.__name__: intrinsic(function) for function in (largest, smallest, hide_size)}


def _write_extreme(context: Any, builder: Any, signature: Any, given: Sequence[Any], name: str) -> Any:
    """The larger or the smaller of two floats, NaN where one is: an instruction that LLVM makes vectors of."""
    kind = given[0].type
    ir: Any = importlib.import_module("llvmlite.ir")
    written = ir.FunctionType(kind, [kind, kind])
    return builder.call(builder.module.declare_intrinsic(name, [kind], written), given)


def _write_hidden(context: Any, builder: Any, signature: Any, given: Sequence[Any]) -> Any:
    """The number, of which LLVM does not know that it is a constant."""
    ir: Any = importlib.import_module("llvmlite.ir")
    whole = ir.IntType(64)
    return builder.call(ir.InlineAsm(ir.FunctionType(whole, [whole]), "", "=r,0"), given)


SHORT = 256
"""Steps of an innermost loop up to which LLVM may write them out one by one, before it looks for vectors in a loop.

A loop over 8,192 rows of 32 numbers took 195 microseconds so, and 21 where it did not know the number of steps.
"""


def steps(size: int, innermost: bool) -> str:
    """The number of steps of a loop as it is written."""
    return f"hide_size({size})" if innermost and size <= SHORT else str(size)


def refuse_dtypes(boxes: Sequence[Box]) -> None:
    """Refuse a box of numbers that Numba has no type for."""
    for box in boxes:
        for spec in box.outputs:
            if spec.dtype.name not in NUMBERS or not spec.dtype.isnative:
                raise RefusedError(f"has the dtype {spec.dtype}", box)
