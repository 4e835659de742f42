"""Compiling with Numba: exponentials and products by BLAS that it is given."""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.plan.blas import PLAIN, ROWS, TRANSPOSED, integer_bits
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.disk import file_of
from flowgraph.plan.numba.machine import ALWAYS, NUMBERS, instructions, type_of

# exp, expm1 and tanh of one number without a branch, so that Numba makes vector instructions of a loop over them.

NAMES = ("exp", "expm1", "tanh")


class _Format(NamedTuple):
    """A binary floating-point format: its integers, bits of the fraction and of n, the powers of r that it resolves."""

    integer: type[Any]
    fraction: int
    spare: int
    powers: int
    lowest: float
    highest: float
    flat: float


_FORMATS: dict[str, _Format] = {
    "float32": _Format(np.int32, 23, 9, 7, -104.0, 89.0, -18.1),
    "float64": _Format(np.int64, 52, 11, 13, -746.0, 710.0, -38.2),
}
"""Below `lowest` exp is 0, above `highest` infinite; below `flat` expm1 is -1, to the last digit.

`spare` are the bits of the largest n, which the first part of ln 2 leaves free so that n times it is exact. Since
|r| ≤ ln 2 / 2 = 0.35, the term after r^`powers` of the series is below half a digit: 0.35^8 / 8! = 5e-9, and
0.35^14 / 14! = 4e-18.
"""

_LN2 = 6243314768165359, 1881434294738959
"""The first 53 bits of ln 2, and the next 53, as integers."""

_SOURCE = """\
def reduced(x):
    shifted = plus_product(magic, x, per_ln2)
    n = shifted - magic
    r = plus_product(plus_product(x, n, minus_ln2), n, minus_rest)
    tail = {tail}
    return integer(bits(shifted) - magic_bits), plus_product(r, r * r, tail)

def power(n):
    return number_of(integer(integer(n + bias) << fraction))

def clipped(x, low):
    x = highest if x > highest else x
    return low if x < low else x

def exp(x):
    n, small = reduced(clipped(x, lowest))
    half = integer(n >> one_bit)
    return (one + small) * power(half) * power(integer(n - half))

def expm1(x):
    n, small = reduced(clipped(x, flat))
    half = integer(n >> one_bit)
    rest = integer(n - half)
    value = plus_product(power(half) - power(integer(-rest)), power(half), small) * power(rest)
    return number_of(integer(bits(value) | bits(x) & sign))

def tanh(x):
    n, small = reduced(clipped(-abs(x) - abs(x), flat))
    double = plus_product(power(n) - one, power(n), small)
    return number_of(integer(bits(double / (double + two)) & size | bits(x) & sign))
"""
"""exp(x) = 2ⁿ (1 + s) where n is the integer next to x / ln 2, r = x - n ln 2, and s = exp(r) - 1 by its power series.

n is what stands in the last bits of x / ln 2 + 1.5 · 2^fraction. 2ⁿ is written by its bits, in two factors where one
could overflow. exp(x) - 1 = 2ⁿ s + (2ⁿ - 1) loses no digits near 0, and tanh(x) = -e / (e + 2) with e = exp(-2|x|) - 1.
Both have the sign of x. A comparison with NaN is false, so that NaN goes through.
"""


@functools.cache
def exponentials() -> dict[str, Callable[[Any], Any]]:
    """Functions by name, which Numba compiles for float32 and float64; complex numbers go to its own."""
    types: Any = importlib.import_module("numba").types
    made = {types.float32: _of_format("float32"), types.float64: _of_format("float64")}
    return {
        name: _overload_by_type(name, {kind: functions[name] for kind, functions in made.items()}) for name in NAMES
    }


def _overload_by_type(name: str, by_type: dict[Any, Callable[[Any], Any]]) -> Callable[[Any], Any]:
    extending: Any = importlib.import_module("numba.extending")
    of_numba = getattr(np, name)

    def stub(x: Any) -> Any:
        """Stands for the function in what Numba compiles."""
        return of_numba(x)

    # Numba wants the argument without an annotation
    extending.overload(stub, jit_options=_OPTIONS)(lambda x: _calling(by_type.get(x, of_numba)))
    return stub


def _calling(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: function(x)


_OPTIONS: dict[str, Any] = {"forceinline": True, "error_model": "numpy"}


def _of_format(name: str) -> dict[str, Callable[[Any], Any]]:
    numba: Any = importlib.import_module("numba")
    space = _constants(name)
    exec(_SOURCE.format(tail=_series(_FORMATS[name].powers)), space)
    for function in ("power", "reduced", "clipped", *NAMES):
        space[function] = numba.njit(**_OPTIONS)(space[function])
    return {function: space[function] for function in NAMES}


def _series(powers: int) -> str:
    """1/2! + r/3! + ..., which times r² is exp(r) - 1 - r, by Horner's rule."""
    text = f"c{powers}"
    for power in range(powers - 1, 1, -1):
        text = f"plus_product(c{power}, r, {text})"
    return text


def _constants(name: str) -> dict[str, Any]:
    number: Any = np.dtype(name).type
    known = _FORMATS[name]
    magic = number(1.5 * 2.0**known.fraction)
    first, rest = _ln2_in_two(known)
    space: dict[str, Any] = {f"c{power}": number(1 / math.factorial(power)) for power in range(2, known.powers + 1)}
    space |= {"magic": magic, "magic_bits": magic.view(known.integer), "per_ln2": number(1 / math.log(2))}
    space |= {"minus_ln2": number(-first), "minus_rest": number(-rest), "one": number(1), "two": number(2)}
    space |= {key: number(getattr(known, key)) for key in ("lowest", "highest", "flat")}
    info = np.iinfo(known.integer)
    whole = {"fraction": known.fraction, "bias": np.finfo(number).maxexp - 1, "one_bit": 1}
    whole |= {"size": info.max, "sign": info.min}
    return space | {key: known.integer(value) for key, value in whole.items()} | _instructions(known.integer)


def _ln2_in_two(known: _Format) -> tuple[float, float]:
    """ln 2 as a number of so few digits that n times it is exact, and the rest."""
    digits = known.fraction + 1 - known.spare
    whole = (_LN2[0] << 53) + _LN2[1]
    first = whole >> (106 - digits) << (106 - digits)
    return math.ldexp(first, -106), math.ldexp(whole - first, -106)


def _instructions(integer: type[Any]) -> dict[str, Any]:
    """A product added without being rounded before, and a number seen as its bits."""
    types: Any = importlib.import_module("numba").types
    intrinsic: Any = importlib.import_module("numba.extending").intrinsic
    whole, real = (types.int32, types.float32) if integer is np.int32 else (types.int64, types.float64)

    def plus_product(context: Any, total: Any, left: Any, right: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.fadd(given[0], builder.fmul(*given[1:], flags=("contract",)), flags=("contract",))

        return total(total, left, right), write

    def bits(context: Any, x: Any) -> Any:
        return whole(real), _seen_as

    def number_of(context: Any, n: Any) -> Any:
        return real(whole), _seen_as

    made = {function.__name__: intrinsic(function) for function in (plus_product, bits, number_of)}
    return {**made, "integer": integer}


def _seen_as(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    return builder.bitcast(given[0], context.get_value_type(signature.return_type))


# Matrix products in native functions, by the BLAS that NumPy itself is linked to: one pool of threads serves both.


@functools.cache
def products() -> dict[str, Callable[..., Any]]:
    """`product(address, one, sizes, a, b, out)`, and `add_product(...)`, which adds to what `out` holds.

    The address is that of gemm for the dtype of `one`; sizes are those of rows, columns and of what is summed over.
    Matrices are tuples of an address in memory, of the numbers from one row, or column, to the next, and of whether it
    lies in columns.
    """
    types: Any = importlib.import_module("numba").types
    intrinsic: Any = importlib.import_module("numba.extending").intrinsic

    def product(context: Any, address: Any, one: Any, sizes: Any, a: Any, b: Any, out: Any) -> Any:
        return types.void(types.int64, one, sizes, a, b, out), functools.partial(_write, beta=0.0)

    def add_product(context: Any, address: Any, one: Any, sizes: Any, a: Any, b: Any, out: Any) -> Any:
        return types.void(types.int64, one, sizes, a, b, out), functools.partial(_write, beta=1.0)

    return {function.__name__: intrinsic(function) for function in (product, add_product)}


def _write(context: Any, builder: Any, signature: Any, given: Sequence[Any], beta: float) -> Any:
    """The call of gemm for matrices at addresses, of which Python's types tell nothing."""
    ir: Any = importlib.import_module("llvmlite.ir")
    cgutils: Any = importlib.import_module("numba.core.cgutils")
    kind = signature.args[1]
    number, byte = context.get_value_type(kind), ir.IntType(8).as_pointer()
    choice, whole = ir.IntType(32), ir.IntType(integer_bits(np.dtype(kind.name)))
    sizes, a, b, out = [cgutils.unpack_tuple(builder, operand) for operand in given[2:]]

    def size(value: Any) -> Any:
        return value if whole.width == 64 else builder.trunc(value, whole)

    def side(turned: Any) -> Any:
        yes = builder.icmp_signed("!=", turned, turned.type(0))
        return builder.select(yes, choice(TRANSPOSED), choice(PLAIN))

    matrices = [(builder.inttoptr(matrix[0], byte), size(matrix[1])) for matrix in (a, b, out)]
    values = [
        choice(ROWS), side(a[2]), side(b[2]), *map(size, sizes), number(1.0), *matrices[0], *matrices[1],
        number(beta), *matrices[2],
    ]  # fmt: skip
    function = ir.FunctionType(ir.VoidType(), [value.type for value in values])
    builder.call(builder.inttoptr(given[0], function.as_pointer()), values)
    return context.get_dummy_value()


# Text becomes a function that Numba has compiled: of a whole plan, or of a kernel, kept on disk by its text.

_numbers = itertools.count(1)


def compiled_function(function: Callable[..., int], types: tuple[str, ...]) -> Callable[..., int]:
    """A function of flowgraph's own, compiled: it calls nothing but what Python has, and `np`."""
    return compiled_kernel(inspect.getsource(function), types, name=function.__name__)


@functools.lru_cache(256)
def compiled_kernel(
    text: str,
    types: tuple[str, ...],
    ufuncs: frozenset[np.ufunc] = frozenset(),
    of_math: tuple[str, ...] = (),
    name: str = "kernel",
) -> Callable[..., int]:
    """The function of a kernel: it returns an int64, and takes arguments of these types, `float32[2]` for an array.

    It may call these ufuncs, and functions of `math`; other threads run while it does. `name` is its name in the text.
    """
    file = file_of(text)
    code = compile(text, f"<native plan {next(_numbers)}>" if file is None else str(file), "exec")
    numba: Any = importlib.import_module("numba")
    space: dict[str, Any] = {"np": np, "inf": math.inf, "nan": math.nan, "erf": math.erf, "erfc": math.erfc}
    space |= {number: np.dtype(number).type for number in NUMBERS}
    space |= {ufunc.__name__: ufunc for ufunc in {*ufuncs, *ALWAYS}}
    space |= {"__name__": __name__, **instructions(), **products(), **exponentials()}
    space |= {of: getattr(math, of) for of in of_math}
    exec(code, space)
    signature = numba.int64(*map(type_of, types))
    for kept in (True, False) if file is not None else (False,):
        try:
            return numba.njit(  # type: ignore[no-any-return]
                signature, error_model="numpy", cache=kept, nogil=True
            )(space[name])
        except Exception as error:  # whatever is wrong with a file on the disk, or with Numba
            reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    raise RefusedError(f"Numba does not compile the plan ({reason})")
