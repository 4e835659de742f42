"""Calls of NumPy on every dtype, with boxes in the place of arrays: what NumPy gives, and what boxes may refuse.

Calls come in cells, one for a pair of dtypes or for a dtype and a number, so that a sample has some of them.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import flowgraph as fg
from flowgraph.box.numpy_dispatch import builder_of

DTYPES = sorted({np.dtype(char) for char in np.typecodes["All"] if np.dtype(char).kind in "biufc"}, key=lambda d: d.num)
"""Every dtype of numbers that NumPy has."""

FINITE = (True, 0, 1, 2, -1, 3, 200, -200, 2**40, 0.25, 2.0, -1.5, -0.0, 1e300, 2j, 1 - 0.5j)
NUMBERS = (*FINITE, 2**63, np.inf, np.nan)
"""Python numbers, which take the dtype of what they meet: some that small dtypes cannot hold too.

0.5 is left out: NumPy's power by it is a root or not by the memory layout, NaN or inf for -inf.
"""

NUMPYS = (np.True_, np.int8(3), np.uint64(7), np.float16(0.25), np.float32(2.5), np.float64(0.1), np.complex64(2j))
"""Numbers of NumPy, which have a dtype."""

SHAPES = ((), (3,), (2, 3), (0,))
PAIRS = (((), ()), ((3,), ()), ((), (2, 3)), ((3,), (3,)), ((2, 3), (3,)), ((0,), ()), ((0,), (0,)))

UFUNCS = {
    name: ufunc
    for name, ufunc in sorted(vars(np).items())
    if isinstance(ufunc, np.ufunc) and ufunc.signature is None and builder_of(ufunc) is not None
}
ONE = {name: ufunc for name, ufunc in UFUNCS.items() if ufunc.nin == 1}
ONE |= {f"operator {one.__name__}": one for one in (operator.neg, operator.pos, operator.invert, operator.abs)}
TWO = {name: ufunc for name, ufunc in UFUNCS.items() if ufunc.nin == 2}
TWO |= {f"operator {one.__name__}": one for one in (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow, divmod,
    operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift, operator.lt, operator.le, operator.gt,
    operator.ge, operator.eq, operator.ne,
)}  # fmt: skip

TOTALS = {name: getattr(np, name) for name in (
    "sum", "prod", "mean", "var", "std", "max", "min", "ptp", "any", "all", "argmax", "argmin", "count_nonzero",
    "cumsum", "cumprod", "cumulative_sum", "cumulative_prod", "nansum", "nanprod", "nanmean", "nanvar", "nanstd",
    "nanmax", "nanmin", "nanargmax", "nanargmin", "nancumsum", "nancumprod", "median", "nanmedian", "average", "trace",
    "trapezoid", "diff", "ediff1d", "round", "real", "imag", "angle", "nan_to_num", "argsort", "sort", "sinc", "i0",
    "isreal", "iscomplex", "unwrap", "gradient",
)}  # fmt: skip
TOTALS |= {f"method {name}": operator.methodcaller(name) for name in (
    "sum", "prod", "mean", "var", "std", "max", "min", "any", "all", "argmax", "argmin", "cumsum", "cumprod", "round",
    "conj", "conjugate", "argsort", "trace",
)}  # fmt: skip
TOTALS |= {f"{name}.reduce": getattr(np, name).reduce for name in (
    "add", "multiply", "maximum", "minimum", "logical_and", "logical_or",
)}  # fmt: skip
TOTALS |= {f"{name}.accumulate": getattr(np, name).accumulate for name in ("add", "multiply")}

PRODUCTS = {name: getattr(np, name) for name in (
    "matmul", "dot", "inner", "outer", "vdot", "vecdot", "kron", "cross", "convolve", "correlate",
)}  # fmt: skip
PRODUCTS |= {f"{name}.outer": getattr(np, name).outer for name in ("add", "multiply", "power", "less", "divide")}


def _into(name: str, *more: Any) -> Callable[[Any, Any], Any]:
    """A function of an array, and more, whose value is asked for in a dtype."""
    return lambda x, dtype: operator.attrgetter(name)(np)(x, *more, dtype=dtype)


def _of_itself(name: str) -> Callable[[Any, Any], Any]:
    return lambda x, dtype: getattr(np, name)(x, x, dtype=dtype)


INTO = {name: _into(name) for name in (
    "sum", "prod", "mean", "var", "std", "cumsum", "cumprod", "cumulative_sum", "nansum", "nanprod", "nanmean",
    "nanvar", "nancumsum", "trace", "zeros_like", "ones_like", "negative", "sqrt", "exp", "square", "absolute", "sign",
    "floor", "isnan", "add.reduce", "multiply.reduce", "maximum.reduce", "logical_and.reduce", "logical_or.reduce",
    "astype",
)}  # fmt: skip
INTO |= {f"{name} with 2": _into(name, 2) for name in ("add", "multiply", "divide", "power", "full_like")}
INTO |= {f"{name} of itself": _of_itself(name) for name in (
    "add", "subtract", "multiply", "divide", "power", "maximum", "less", "arctan2", "floor_divide", "left_shift",
)}  # fmt: skip
INTO |= {
    "sqrt casting": lambda x, dtype: np.sqrt(x, casting="no"),
    "add casting": lambda x, dtype: np.add(x, np.ones((), dtype), casting="equiv"),
}

WITH = {
    "clip above": lambda x, n: np.clip(x, n, None),
    "clip below": lambda x, n: np.clip(x, None, n),
    "clip both": lambda x, n: np.clip(x, -1.5, n),
    "method clip": lambda x, n: x.clip(n, 100),
    "where, number second": lambda x, n: np.where(x > 1, x, n),
    "where, number first": lambda x, n: np.where(x > 1, n, x),
    "where, numbers": lambda x, n: np.where(x > 1, n, 2),
    "select": lambda x, n: np.select([x > 1], [x], n),
    "sum initial": lambda x, n: np.sum(x, initial=n),
    "prod initial": lambda x, n: np.prod(x, initial=n),
    "max initial": lambda x, n: np.max(x, initial=n),
    "nanmin initial": lambda x, n: np.nanmin(x, initial=n),
    "piecewise": lambda x, n: np.piecewise(x, [x > 1], [n, 2]),
    "insert": lambda x, n: np.insert(x, 0, n),
    "pad": lambda x, n: np.pad(x, 1, constant_values=n),
    "less.outer": lambda x, n: np.less.outer(n, x),
}
WITH |= {name: operator.attrgetter(name)(np) for name in (
    "append", "full_like", "dot", "inner", "outer", "kron", "multiply.outer", "power.outer",
)}  # fmt: skip
WITH |= {f"{name}, number first": lambda x, n, function=function: function(n, x) for name, function in (
    ("dot", np.dot), ("inner", np.inner), ("outer", np.outer),
)}  # fmt: skip

CHAINS = {
    "x * 1": lambda x, n: x * 1,
    "1 * x": lambda x, n: 1 * x,
    "x / 1": lambda x, n: x / 1,
    "x // 1": lambda x, n: x // 1,
    "x + 0": lambda x, n: x + 0,
    "x - 0": lambda x, n: x - 0,
    "x - x": lambda x, n: x - x,
    "x ** 0": lambda x, n: x**0,
    "x ** 1": lambda x, n: x**1,
    "x ** 2 * 100": lambda x, n: x**2 * 100,
    "power 2 * 100": lambda x, n: np.power(x, 2) * 100 + 100,
    "x ** 3": lambda x, n: x**3,
    "negative twice": lambda x, n: np.negative(-x),
    "+x": lambda x, n: +x,
    "x * n * 2": lambda x, n: x * n * 2,
    "2 * (n * x)": lambda x, n: 2 * (n * x),
    "x + n + n": lambda x, n: x + n + n,
    "x * n + x": lambda x, n: x * n + x,
    "x - n * x": lambda x, n: x - n * x,
    "x / n": lambda x, n: x / n,
    "x // n": lambda x, n: x // n,
    "(x > 1) * n + x": lambda x, n: (x > 1) * n + x,
    "-(x * n)": lambda x, n: -(x * n),
    "of constants": lambda x, n: x + (fg.Constant(n) if isinstance(x, fg.Box) else np.asarray(n)) * 2,
}
"""Expressions that the passes of a plan simplify or fold."""


class Boxed:
    """An array that becomes an input."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __repr__(self) -> str:
        return f"box of {self.array.dtype}{self.array.shape}"


class Call(NamedTuple):
    """A call by name; operands that are `Boxed` become boxes, the others stay."""

    name: str
    function: Callable[..., Any]
    operands: tuple[Any, ...]

    def __str__(self) -> str:
        arrays = (f"{a.dtype}{a.shape}" if isinstance(a, np.ndarray) and a.ndim else repr(a) for a in self.operands)
        return f"{self.name}: {', '.join(arrays)}"

    def of(self, replaced: Callable[[Boxed], Any]) -> Any:
        """The call with what a function gives in the place of each box."""
        return self.function(*[replaced(one) if isinstance(one, Boxed) else one for one in self.operands])


def edges(dtype: np.dtype[Any]) -> np.ndarray:
    """Numbers at which a dtype shows what it is: zeros of both signs, the largest, infinities."""
    if dtype.kind == "b":
        return np.array([True, False])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.array([0, 1, 2, 3, 7, info.max, info.max - 1, info.min, *([-1, -2, -3] if info.min else [])], dtype)
    if dtype.kind == "f":
        info = np.finfo(dtype)
        return np.array([0.0, -0.0, 1, -1, 0.25, 2, -3, np.inf, -np.inf, np.nan, info.max, info.tiny], dtype)
    return np.array([complex(a, b) for a in (0.0, 1, -2, np.inf) for b in (0.0, 3, -0.25, np.nan)], dtype)


def small(dtype: np.dtype[Any]) -> np.ndarray:
    """Numbers whose sums and products are exact in every order, but for integers that wrap around."""
    return np.array([1, 0, 2, 3, 0, 1] if dtype.kind in "bu" else [1, 0, -2, 3, -1, 2]).astype(dtype)


def array_of(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int, of: Any = edges) -> np.ndarray:
    """An array of such numbers."""
    return np.asarray(np.random.default_rng([dtype.num, seed]).choice(of(dtype), shape))


def _operands(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[Any, Any]]:
    """Two boxes, a box and an array, an array and a box; a 0-d array also as a number of NumPy."""
    x, y = Boxed(one), Boxed(other)
    yield from ((x, y), (x, other), (one, y))
    if not other.ndim:
        yield x, other[()]
    if not one.ndim:
        yield one[()], y


def of_one(functions: Mapping[str, Any], dtype: np.dtype[Any]) -> list[Call]:
    """Functions of an array of each shape, and of all edges."""
    arrays = [Boxed(array_of(dtype, shape, 1)) for shape in SHAPES] + [Boxed(edges(dtype))]
    return [Call(name, function, (x,)) for x in arrays for name, function in functions.items()]


def of_two(functions: Mapping[str, Any], one: np.dtype[Any], other: np.dtype[Any]) -> list[Call]:
    """Functions of two arrays of shapes that broadcast, and of all pairs of edges."""
    operands = [(Boxed(edges(one)[:, None]), Boxed(edges(other)))]
    for shapes in (*PAIRS, *(pair[::-1] for pair in PAIRS)):
        operands += _operands(array_of(one, shapes[0], 1), array_of(other, shapes[1], 2))
    return [Call(name, function, both) for both in operands for name, function in functions.items()]


def of_products(one: np.dtype[Any], other: np.dtype[Any]) -> list[Call]:
    """Products of vectors, matrices and numbers that are small."""
    shapes = (((), (3,)), ((3,), ()), ((3,), (3,)), ((3, 3), (3,)), ((2, 3), (3, 3)), ((0,), (0,)))
    operands = itertools.chain.from_iterable(
        _operands(array_of(one, s, 1, small), array_of(other, t, 2, small)) for s, t in shapes
    )
    return [Call(name, function, both) for both in operands for name, function in PRODUCTS.items()]


def with_number(functions: Mapping[str, Any], dtype: np.dtype[Any], number: Any, of: Any = edges) -> list[Call]:
    """Functions of an array and a number, and of a number and an array where the functions are NumPy's own."""
    arrays = [Boxed(array_of(dtype, shape, 1, of)) for shape in SHAPES] + [Boxed(of(dtype))]
    sides = [(x, number) for x in arrays] + ([(number, x) for x in arrays] if functions is TWO else [])
    return [Call(name, function, both) for both in sides for name, function in functions.items()]


class Outcome(NamedTuple):
    """What a call gave, or its error; and whether NumPy dropped imaginary parts."""

    results: list[Any]
    error: Exception | None = None
    dropped: bool = False

    def __str__(self) -> str:
        return f"{type(self.error).__name__}: {self.error}" if self.error else str(self.results)


def attempt(call: Callable[[], Any]) -> Outcome:
    """The results of a call as a list."""
    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            results = call()
        except Exception as error:
            return Outcome([], error)
    dropped = any(issubclass(one.category, np.exceptions.ComplexWarning) for one in told)
    return Outcome(list(results) if isinstance(results, tuple | list) else [results], None, dropped)


def may_refuse(call: Call, needed: Outcome, error: Exception) -> bool:
    """Whether boxes may refuse what NumPy answers; each reason is a rule on the call, none a list of calls."""
    if not isinstance(error, fg.FlowgraphError):
        return False
    numbers = [one for one in call.operands if isinstance(one, int | float | np.generic)]
    kinds = [np.asarray(one).dtype for one in needed.results]
    return (
        needed.dropped  # imaginary parts, of which NumPy only warns
        or any(_is_of_other_kind(call, one) for one in call.operands if isinstance(one, np.dtype))
        or any(not _holds(kind, number) for number in numbers for kind in kinds)  # what NumPy wraps around
        or attempt(lambda: call.of(_not_empty)).error is not None  # a box serves arrays that are not empty too
    )


def _is_of_other_kind(call: Call, dtype: np.dtype[Any]) -> bool:
    """Whether fractions are asked for in a dtype of another kind, as for a mean in integers."""
    usual = attempt(lambda: call.function(call.operands[0].array, None))
    return not usual.error and np.asarray(usual.results[0]).dtype.kind in "fc".replace(dtype.kind, "")


def _holds(dtype: np.dtype[Any], number: Any) -> bool:
    if dtype.kind not in "iu":
        return True
    with contextlib.suppress(OverflowError, ValueError):
        np.asarray(number.item() if isinstance(number, np.generic) else number, dtype)
        return True
    return False


def _not_empty(one: Boxed) -> np.ndarray:
    shape = tuple(max(size, 1) for size in one.array.shape)
    return one.array if one.array.size else np.ones(shape, one.array.dtype)


def may_answer(call: Call, found: Sequence[Any], error: Exception) -> bool:
    """Whether boxes may answer what NumPy refuses: a comparison with an integer beyond C's, if Python says the same."""
    if not isinstance(error, OverflowError) or not all(np.asarray(one).dtype.kind == "b" for one in found):
        return False
    logical = {np.logical_and: bool, np.logical_or: bool, np.logical_xor: bool}.get(call.function, object)
    sides = [one.array if isinstance(one, Boxed) else np.array(one, object) for one in call.operands]
    exact = attempt(lambda: call.function(*(side.astype(logical) for side in sides)))
    return exact.error is None and np.array_equal(np.asarray(exact.results[0]).astype(bool), np.asarray(found[0]))
