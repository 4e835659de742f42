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
    `product_at(address, one, sizes, a, b, out)` multiplies matrices at addresses in memory, each a tuple of its
    address, of the numbers from one row, or column, to the next, and, for factors, of whether it lies in columns; `one`
    is of their dtype, and sizes are those of rows, columns and of what is summed over.
    """
    types: Any = importlib.import_module("numba").types
    intrinsic: Any = importlib.import_module("numba.extending").intrinsic

    def product(context: Any, address: Any, a: Any, b: Any, out: Any) -> Any:
        return types.void(types.int64, a, b, out), functools.partial(_write, beta=0.0)

    def add_product(context: Any, address: Any, a: Any, b: Any, out: Any) -> Any:
        return types.void(types.int64, a, b, out), functools.partial(_write, beta=1.0)

    def product_at(context: Any, address: Any, one: Any, sizes: Any, a: Any, b: Any, out: Any) -> Any:
        return types.void(types.int64, one, sizes, a, b, out), _write_at

    return {function.__name__: intrinsic(function) for function in (product, add_product, product_at)}


def _write_at(context: Any, builder: Any, signature: Any, given: Sequence[Any]) -> Any:
    """The call of gemm for matrices at addresses, of which Python's types tell nothing."""
    ir: Any = importlib.import_module("llvmlite.ir")
    cgutils: Any = importlib.import_module("numba.core.cgutils")
    kind = signature.args[1]
    number, byte = context.get_value_type(kind), ir.IntType(8).as_pointer()
    choice, whole = ir.IntType(32), ir.IntType(integer_bits(np.dtype(kind.name)))
    sizes, a, b, out = [cgutils.unpack_tuple(builder, one) for one in given[2:]]

    def size(value: Any) -> Any:
        return value if whole.width == 64 else builder.trunc(value, whole)

    def side(turned: Any) -> Any:
        yes = builder.icmp_signed("!=", turned, turned.type(0))
        return builder.select(yes, choice(TRANSPOSED), choice(PLAIN))

    matrices = [(builder.inttoptr(one[0], byte), size(one[1])) for one in (a, b, out)]
    values = [
        choice(ROWS), side(a[2]), side(b[2]), *map(size, sizes), number(1.0), *matrices[0], *matrices[1],
        number(0.0), *matrices[2],
    ]  # fmt: skip
    function = ir.FunctionType(ir.VoidType(), [value.type for value in values])
    builder.call(builder.inttoptr(given[0], function.as_pointer()), values)
    return context.get_dummy_value()


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
