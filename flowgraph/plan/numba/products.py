"""Matrix products in native functions, by the BLAS that NumPy itself is linked to: one pool of threads serves both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.plan.blas import PLAIN, ROWS, TRANSPOSED, integer_bits


@functools.cache
def products() -> dict[str, Callable[..., Any]]:
    """`product(address, a, b, out)` and `add_product(...)`, which adds to what `out` holds, for Numba to compile.

    The arrays are matrices in rows, or transposes of such; the address is that of gemm for their dtype.
    """
    types: Any = importlib.import_module("numba").types
    intrinsic: Any = importlib.import_module("numba.extending").intrinsic

    def product(context: Any, address: Any, a: Any, b: Any, out: Any) -> Any:
        return types.void(types.int64, a, b, out), functools.partial(_write, beta=0.0)

    def add_product(context: Any, address: Any, a: Any, b: Any, out: Any) -> Any:
        return types.void(types.int64, a, b, out), functools.partial(_write, beta=1.0)

    return {function.__name__: intrinsic(function) for function in (product, add_product)}


def _write(context: Any, builder: Any, signature: Any, given: Sequence[Any], beta: float) -> Any:
    """The call of gemm for the layouts that the types of the arrays tell."""
    ir: Any = importlib.import_module("llvmlite.ir")
    cgutils: Any = importlib.import_module("numba.core.cgutils")
    kinds = signature.args[1:]
    arrays = [context.make_array(kind)(context, builder, value) for kind, value in zip(kinds, given[1:], strict=True)]
    shapes = [cgutils.unpack_tuple(builder, array.shape, 2) for array in arrays]
    number, byte = context.get_value_type(kinds[0].dtype), ir.IntType(8).as_pointer()
    choice, whole = ir.IntType(32), ir.IntType(integer_bits(np.dtype(kinds[0].dtype.name)))
    turned = [kind.layout == "F" for kind in kinds]

    def size(value: Any) -> Any:
        return value if whole.width == 64 else builder.trunc(value, whole)

    def matrix(place: int) -> tuple[Any, Any]:
        return builder.bitcast(arrays[place].data, byte), size(shapes[place][0 if turned[place] else 1])

    sides = [choice(TRANSPOSED if turned[place] else PLAIN) for place in (0, 1)]
    (rows, between), columns = shapes[0], shapes[1][1]
    values = [
        choice(ROWS), *sides, size(rows), size(columns), size(between),
        number(1.0), *matrix(0), *matrix(1), number(beta), *matrix(2),
    ]  # fmt: skip
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
    builder.call(builder.inttoptr(given[0], kind.as_pointer()), values)
    return context.get_dummy_value()
