"""Element by element: every ufunc that boxes understand, operators, casts, clipping, choices."""

from __future__ import annotations

from operator import pow as power_of_numbers

import numpy as np

from flowgraph.box import numpy_dispatch
from flowgraph.peers import existing
from tests.fuzz.operations import operation
from tests.fuzz.pool import Pool

UFUNCS = [one for one in numpy_dispatch.implemented() if isinstance(one, np.ufunc) and one.signature is None]
UNARY = [one for one in UFUNCS if one.nin == 1 and one.nout == 1]
BINARY = [one for one in UFUNCS if one.nin == 2 and one.nout == 1 and one is not np.ldexp]
SPECIAL = [one.removeprefix("scipy.special.") for one in numpy_dispatch.implemented() if isinstance(one, str)]
EXACT_UNARY = (
    np.negative, np.positive, np.absolute, np.fabs, np.sign, np.floor, np.ceil, np.trunc, np.rint, np.square,
    np.isnan, np.isinf, np.isfinite, np.signbit, np.logical_not, np.invert, np.conjugate,
)  # fmt: skip
EXACT_BINARY = (
    np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.equal, np.not_equal, np.less,
    np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_xor, np.copysign,
    np.heaviside, np.floor_divide, np.remainder, np.fmod, np.bitwise_and, np.bitwise_or, np.bitwise_xor,
)  # fmt: skip
OPERATORS = ("+", "-", "*", "/")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


def _operand(pool: Pool, name: str, kinds: str = "fc") -> str | None:
    """What stands beside a value: a number, itself, or another that broadcasts with it."""
    if pool.flag(0.25):
        return pool.number()
    return name if pool.flag(0.1) else pool.fits(name, kinds)


@operation(*UNARY, weight=6)
def unary(pool: Pool) -> str | None:
    a = pool.pick("fc" if pool.flag(0.85) else "fciub")
    return a and f"np.{pool.one(UNARY).__name__}({a})"


@operation(weight=4, exact=True)
def exact_unary(pool: Pool) -> str | None:
    a = pool.pick("fc" if pool.flag(0.85) else "fciub")
    return a and f"np.{pool.one(EXACT_UNARY).__name__}({a})"


@operation(*BINARY, weight=5)
def binary(pool: Pool) -> str | None:
    kinds = "fc" if pool.flag(0.85) else "fciub"
    a = pool.pick(kinds)
    b = a and _operand(pool, a, kinds)
    if b is None:
        return None
    first, second = (a, b) if pool.flag(0.7) else (b, a)
    return f"np.{pool.one(BINARY).__name__}({first}, {second})"


@operation(weight=5, exact=True)
def exact_binary(pool: Pool) -> str | None:
    kinds = "fc" if pool.flag(0.85) else "fciub"
    a = pool.pick(kinds)
    b = a and _operand(pool, a, kinds)
    return b and f"np.{pool.one(EXACT_BINARY).__name__}({a}, {b})"


@operation(weight=12, exact=True)
def operator(pool: Pool) -> str | None:
    a = pool.pick("fc" if pool.flag(0.9) else "fciub")
    b = a and _operand(pool, a)
    if b is None:
        return None
    first, second = (a, b) if pool.flag(0.6) else (b, a)
    return f"{first} {pool.one(OPERATORS)} {second}"


@operation(weight=5, exact=True, edges=True)
def scaled(pool: Pool) -> str | None:
    """Numbers before and after, which plans gather."""
    a = pool.pick("f")
    if a is None:
        return None
    text = a
    for _ in range(int(pool.rng.integers(1, 4))):
        text = pool.one(("{c} * ({x})", "({x}) * {c}", "({x}) / {c}", "-({x})", "({x}) + {c}", "{c} - ({x})")).format(
            c=pool.number(), x=text
        )
    return text


@operation(weight=3, exact=True, edges=True)
def scaled_products(pool: Pool) -> str | None:
    """Products and sums of what is scaled, out of which plans would like to take the factors."""
    a = pool.pick("f")
    b = a and pool.fits(a, "f")
    return b and pool.line("""
        ({c} * {a}) * ({d} * {b})
        ({c} * {a}) ** 2
        ({a} / {c}) * {b}
        ({a} * {c}) * ({b} / {d})
        np.sum({c} * {a})
        np.sum(({c} * {a}) * {b}, axis=-1, keepdims=True)
        {c} * {a} - {d} * {a}
    """).format(a=a, b=b, c=pool.number(), d=pool.number())


@operation(weight=3, exact=True, edges=True)
def by_a_number(pool: Pool) -> str | None:
    """Numbers that are known in the run only."""
    a = pool.pick("f")
    c = a and pool.pick("f", ndim=0)
    return c and pool.line("""
        {a} / {c}
        {c} * {a}
        {a} - {c} * {a}
        ({c} * {a}) / {c}
        {a} * {a} * {c}
    """).format(a=a, c=c)


@operation(power_of_numbers, weight=2, exact=True)
def power(pool: Pool) -> str | None:
    a = pool.pick("fc")
    return a and f"{a} ** {pool.one(('2', '3', '2.0', '-1', '0.5', '1', '0', '1.5', '-2.0', '4'))}"


@operation(weight=1)
def power_of_box(pool: Pool) -> str | None:
    a = pool.pick("f")
    b = a and pool.fits(a, "f")
    return b and f"np.power(np.abs({a}) + 0.1, {b})"


@operation(weight=2, exact=True)
def comparison(pool: Pool) -> str | None:
    a = pool.pick("fiu")
    b = a and _operand(pool, a, "fiu")
    return b and f"({a} {pool.one(COMPARISONS)} {b})"


@operation(np.astype, weight=2, exact=True)
def cast(pool: Pool) -> str | None:
    a = pool.pick("fiub")
    dtype = pool.one(("float32", "float64", "float64", "float16", "complex64", "complex128", "int64", "int32", "uint8"))
    if a is None:
        return None
    if dtype in ("int64", "int32", "uint8"):
        return f"np.clip(np.nan_to_num({a}), 0, 100).astype(np.{dtype})"
    return f"{a}.astype(np.{dtype})"


@operation(np.where, weight=4, exact=True)
def where(pool: Pool) -> str | None:
    a = pool.pick("fc")
    b = a and (pool.one(("0", "0.0", "1.0", "-1.0")) if pool.flag(0.4) else pool.fits(a))
    c = a and pool.fits(a, "f")
    if b is None or c is None:
        return None
    first, second = (a, b) if pool.flag() else (b, a)
    return f"np.where({c} {pool.one(COMPARISONS)} {pool.one(('0', '0.5', '1'))}, {first}, {second})"


@operation(np.bitwise_xor, np.left_shift, np.right_shift, np.invert, weight=1, exact=True)
def bits(pool: Pool) -> str | None:
    a = pool.pick("iu")
    b = a and pool.fits(a, "iu")
    return b and pool.line("""
        {a} ^ {b}
        {a} & 3
        {a} | {b}
        ~{a}
        {a} << 1
        {a} >> 1
    """).format(a=a, b=b)


@operation(np.clip, weight=1, exact=True)
def clip(pool: Pool) -> str | None:
    a = pool.pick("f")
    return a and f"np.clip({a}, {pool.one(('-1', '0', 'None', '0.25'))}, {pool.one(('1', '2.0', 'None'))})"


@operation(
    np.nan_to_num,
    np.modf,
    np.divmod,
    np.ldexp,
    np.round,
    np.around,
    *existing("numpy.fix"),
    np.sinc,
    np.i0,
    np.angle,
    weight=2,
)
def odd(pool: Pool) -> str | None:
    a = pool.pick("f")
    text = pool.line("""
        np.nan_to_num({a}, nan=2.0)
        np.modf({a})[0]
        np.modf({a})[1]
        np.divmod({a}, 0.75)[0]
        np.divmod({a}, 0.75)[1]
        np.ldexp({a}, 3)
        np.round({a}, 1)
        np.trunc({a})
        np.sinc({a})
        np.i0({a})
        np.angle({a})
        np.around({a}, -1)
        np.divmod(2.5, {a})[0]
    """)
    return a and str(text).format(a=a)


@operation(np.isclose, np.isposinf, np.isneginf, np.iscomplex, np.isreal, np.real, np.imag, np.conjugate, weight=2)
def predicates(pool: Pool) -> str | None:
    a = pool.pick("fc")
    b = a and pool.fits(a)
    text = pool.line("""
        np.isclose({a}, {b})
        np.isposinf(np.real({a}))
        np.isneginf(np.real({a}))
        np.iscomplex({a})
        np.isreal({a})
        np.real({a})
        np.imag({a})
        np.angle({a} + 1j)
        np.conjugate({a})
        {a}.real
        {a}.imag
        {a}.conj()
    """)
    return b and str(text).format(a=a, b=b)


@operation(np.select, np.piecewise, np.choose, weight=2, exact=True)
def choices(pool: Pool) -> str | None:
    a = pool.pick("f")
    b = a and pool.pick("f", where=lambda one: one.shape == pool[a].shape and one.dtype == pool[a].dtype)
    text = pool.line("""
        np.select([{a} > 0.5, {b} > 0], [{b}, {a} * 2], 1.0)
        np.piecewise({a}, [{a} > 0], [lambda v: v * v, lambda v: -v])
        np.choose(({a} > 0).astype(int), [{a}, {b}])
    """)
    return b and str(text).format(a=a, b=b)


ARGUMENTS = {
    "xlogy": 2, "xlog1py": 2, "rel_entr": 2, "kl_div": 2, "boxcox": 2, "boxcox1p": 2, "inv_boxcox": 2, "beta": 2,
    "betaln": 2, "gammainc": 2, "gammaincc": 2, "stdtr": 2,
}  # fmt: skip
ORDERED = ("jv", "yn", "iv", "ive", "expn")


@operation(*[f"scipy.special.{name}" for name in SPECIAL], weight=6)
def special(pool: Pool) -> str | None:
    """Functions of scipy.special, of arguments that most of them take."""
    name = pool.one([one for one in SPECIAL if one not in ("cbrt",)])
    a = pool.pick("f", where=lambda one: one.dtype != np.float16)
    if a is None:
        return None
    if name in ORDERED and pool[a].dtype != np.float64:
        return None  # SciPy takes the order as a number that widens, boxes as a setting that does not
    a = a if pool.flag(0.3) else f"(np.abs({a}) + 0.1)"
    if name == "betainc":
        return f"special.betainc(1.5, 2.0, special.expit({a}))"
    if name in ORDERED:
        return f"special.{name}({pool.one((0, 1, 2))}, {a})"
    return f"special.{name}({', '.join([a] * ARGUMENTS.get(name, 1))})"
