"""The fprop of an elementwise box as a function of numbers: its calls of NumPy are written down, not computed."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.plan.javascript.boxes import literal
from flowgraph.plan.scalar_code import Number, Statements, Tape, Untraceable

_UFUNCS: dict[str, str] = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "negative": "-{0}", "positive": "{0}", "absolute": "Math.abs({0})", "fabs": "Math.abs({0})",
    "sign": "Math.sign({0})", "exp": "Math.exp({0})", "exp2": "2 ** {0}", "expm1": "Math.expm1({0})",
    "log": "Math.log({0})", "log2": "Math.log2({0})", "log10": "Math.log10({0})", "log1p": "Math.log1p({0})",
    "logaddexp": "logAddExp({0}, {1})", "logaddexp2": "logAddExp2({0}, {1})",
    "sqrt": "Math.sqrt({0})", "cbrt": "Math.cbrt({0})", "square": "{0} * {0}", "reciprocal": "1 / {0}",
    "power": "power({0}, {1})", "float_power": "power({0}, {1})", "hypot": "hypot({0}, {1})",
    "sin": "Math.sin({0})", "cos": "Math.cos({0})", "tan": "Math.tan({0})",
    "arcsin": "Math.asin({0})", "arccos": "Math.acos({0})", "arctan": "Math.atan({0})",
    "arctan2": "Math.atan2({0}, {1})",
    "sinh": "Math.sinh({0})", "cosh": "Math.cosh({0})", "tanh": "Math.tanh({0})",
    "arcsinh": "Math.asinh({0})", "arccosh": "Math.acosh({0})", "arctanh": "Math.atanh({0})",
    "radians": "{0} * (Math.PI / 180)", "deg2rad": "{0} * (Math.PI / 180)",
    "degrees": "{0} * (180 / Math.PI)", "rad2deg": "{0} * (180 / Math.PI)",
    "floor": "Math.floor({0})", "ceil": "Math.ceil({0})", "trunc": "Math.trunc({0})", "rint": "rint({0})",
    "maximum": "maximum({0}, {1})", "minimum": "minimum({0}, {1})",
    "fmax": "fmax({0}, {1})", "fmin": "fmin({0}, {1})",
    "fmod": "{0} % {1}", "remainder": "remainder({0}, {1})", "floor_divide": "floorDivide({0}, {1})",
    "copysign": "copysign({0}, {1})", "heaviside": "heaviside({0}, {1})", "ldexp": "{0} * 2 ** {1}",
    "signbit": "signBit({0})", "isnan": "+({0} !== {0})", "isfinite": "+Number.isFinite({0})",
    "isinf": "+(Math.abs({0}) === Infinity)",
    "equal": "+({0} === {1})", "not_equal": "+({0} !== {1})", "less": "+({0} < {1})",
    "less_equal": "+({0} <= {1})", "greater": "+({0} > {1})", "greater_equal": "+({0} >= {1})",
    "logical_and": "+({0} !== 0 && {1} !== 0)", "logical_or": "+({0} !== 0 || {1} !== 0)",
    "logical_xor": "+(({0} !== 0) !== ({1} !== 0))", "logical_not": "+({0} === 0)",
    "conjugate": "{0}",
    "bitwise_and": 'bits("and", {0}, {1})', "bitwise_or": 'bits("or", {0}, {1})',
    "bitwise_xor": 'bits("xor", {0}, {1})', "invert": "-1 - {0}",
    "left_shift": 'bits("left", {0}, {1})', "right_shift": 'bits("right", {0}, {1})',
    "expit": "expit({0})", "log_expit": "logExpit({0})", "logit": "logit({0})",
    "xlogy": "xlogy({0}, {1})", "xlog1py": "xlog1py({0}, {1})", "entr": "entr({0})",
    "rel_entr": "relEntr({0}, {1})", "kl_div": "klDiv({0}, {1})",
    "erf": "erf({0})", "erfc": "erfc({0})", "ndtr": "ndtr({0})",
}  # fmt: skip
"""An expression for each ufunc of NumPy and of scipy.special, of the numbers that it takes."""

_OF_WHOLE = {
    "remainder": "remainderOfWhole({0}, {1})",
    "floor_divide": "floorDivideWhole({0}, {1})",
    "fmod": "fmodOfWhole({0}, {1})",
    "reciprocal": "Math.trunc(1 / {0})",
    "sign": "Math.sign({0}) + 0",
    "negative": "0 - {0}",
}
_TIMES = {"int64": "(x, y) => exact(x * y)", "uint64": "(x, y) => exactUnsigned(x * y)"}
_WITHIN = {
    "int64": "exact({})", "uint64": "exactUnsigned({})", "int32": "(({}) | 0)", "uint32": "(({}) >>> 0)",
    "int16": "(({}) << 16 >> 16)", "uint16": "(({}) & 65535)", "int8": "(({}) << 24 >> 24)", "uint8": "(({}) & 255)",
}  # fmt: skip
"""How a step of whole numbers keeps to its dtype, as NumPy's does: modulo 2**bits, of 64 bits by an error."""
_OF_TRUTH = {"add": "{0} | {1}", "multiply": "{0} & {1}", "invert": "1 - {0}"}


class JavaScript(Tape):
    """Numbers of JavaScript; in 32 bits every step is rounded, and each of whole numbers keeps to their dtype."""

    def keep(self, pattern: str, operands: Sequence[Any], of: np.dtype[Any]) -> Number:
        """The value of an expression."""
        within = "Math.fround({})" if of == np.float32 else _WITHIN.get(of.name, "{}")
        return self.note(within.replace("{}", pattern), operands, of)

    def call(self, ufunc: Any, operands: Any) -> Number:
        """The value of a ufunc."""
        dtypes = [
            operand.dtype if isinstance(operand, Number | np.ndarray | np.generic) else type(operand)
            for operand in operands
        ]
        *read, result = ufunc.resolve_dtypes((*map(_for_ufunc, dtypes), *[None] * ufunc.nout))
        if result.kind not in "fiub":
            raise Untraceable(f"{ufunc.__name__} of dtype {result}")
        name = ufunc.__name__
        kinds = {dtype.kind for dtype in read}
        table = _OF_TRUTH if kinds == {"b"} else _OF_WHOLE if kinds <= set("iub") else {}
        pattern = table.get(name) or _UFUNCS.get(name)
        if result.kind in "iu" and name in ("multiply", "square", "power"):
            times = _TIMES.get(result.name, "Math.imul")
            pattern = f"powerOfWhole({{0}}, {{1}}, {times})" if name == "power" else pattern
            pattern = pattern if result.itemsize > 4 or name == "power" else f"Math.imul({{0}}, {{{len(read) - 1}}})"
        if pattern is None:
            raise Untraceable(f"{name}")
        return self.keep(pattern, operands, result)

    def call_box(self, box: Box, values: Sequence[Any]) -> Any:
        """That of the function of SciPy which the box is, where there is one here, else that of its fprop."""
        pattern = _UFUNCS.get(str(type(box).numpy).removeprefix("scipy.special."))
        if pattern is None:
            return super().call_box(box, values)
        return self.keep(pattern, values, np.result_type(*[value.dtype for value in values], np.float16))

    def call_function(self, function: Any, args: Any, kwargs: Any) -> Any:
        """The value of a function of NumPy that is no ufunc."""
        rule = _FUNCTIONS.get(function)
        if rule is None:
            raise Untraceable(f"np.{function.__name__}")
        return rule(self, *args, **kwargs)

    def cast(self, number: Number, to: np.dtype[Any]) -> Number:
        """The number in another dtype; only the value of a whole box is rounded to 32 bits."""
        if to.kind == "b":
            return self.keep("+({0} !== 0)", [number], to)
        return self.keep("Math.trunc({0})" if to.kind in "iu" and number.dtype.kind == "f" else "{0}", [number], to)


def _for_ufunc(of: Any) -> Any:
    return of if of in (int, float, complex) else np.dtype(of)


def _constant(operand: Any) -> str:
    value = np.asarray(operand)
    if value.shape or value.dtype.kind not in "fiub":
        raise Untraceable(f"the constant {operand!r}")
    return literal(int(value) if value.dtype.kind == "b" else value.item())  # a boolean is the number 0 or 1


def _where(tape: JavaScript, condition: Any, x: Any, y: Any) -> Number:
    return tape.keep("{0} ? {1} : {2}", [condition, x, y], _joint(x, y))


def _clip(tape: JavaScript, a: Any, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Any:
    low, high = bounds.get("min", a_min), bounds.get("max", a_max)
    a = a if low is None else tape.keep("maximum({0}, {1})", [a, low], _joint(a, low))
    return a if high is None else tape.keep("minimum({0}, {1})", [a, high], _joint(a, high))


def _round(tape: JavaScript, a: Any, decimals: int = 0) -> Number:
    return tape.keep("roundTo({0}, {1})", [a, decimals], a.dtype)


def _nan_to_num(
    tape: JavaScript, x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Number:
    most = np.finfo(x.dtype).max if x.dtype.kind == "f" else 0
    ends = [most if posinf is None else posinf, -most if neginf is None else neginf]
    return tape.keep("nanToNum({0}, {1}, {2}, {3})", [x, nan, *map(float, ends)], x.dtype)


def _sinc(tape: JavaScript, x: Any) -> Number:
    of = x.dtype if x.dtype.kind == "f" else np.dtype(float)
    pi = float(of.type(np.pi))
    # by NumPy's steps, whose rounding shows at whole numbers
    angle = tape.keep("{0} * ({1} === 0 ? 1e-20 : {1})", [pi, x], of)
    return tape.keep("{0} / {1}", [tape.keep("Math.sin({0})", [angle], of), angle], of)


def _zeros_like(tape: JavaScript, a: Any, dtype: Any = None) -> Any:
    return np.zeros((), dtype or a.dtype)[()]


def _ones_like(tape: JavaScript, a: Any, dtype: Any = None) -> Any:
    return np.ones((), dtype or a.dtype)[()]


def _joint(x: Any, y: Any) -> np.dtype[Any]:
    return np.result_type(*(operand.dtype if isinstance(operand, Number) else operand for operand in (x, y)))


_FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.where: _where,
    np.clip: _clip,
    np.round: _round,
    np.nan_to_num: _nan_to_num,
    np.sinc: _sinc,
    np.zeros_like: _zeros_like,
    np.ones_like: _ones_like,
    np.real: lambda tape, a: a,
    np.result_type: lambda tape, *operands: np.result_type(
        *(operand.dtype if isinstance(operand, Number) else operand for operand in operands)
    ),
}


REFUSED = (Untraceable, TypeError, ValueError, AttributeError)
"""What a fprop raises that is no function of numbers."""


class Function(NamedTuple):
    """An arrow function of numbers, and the boxes whose values it takes, in their order."""

    text: str
    operands: tuple[Box, ...]


def function_of_numbers(box: Box, names: Mapping[Box, str], within: Container[Box] = ()) -> Function:
    """The fprop of an elementwise box, and of those `within` that it is made of, as one function.

    Constants without axes are written as numbers; every other value has the name that it has outside. In 32 bits every
    step is rounded, as NumPy rounds it.
    """
    tape = JavaScript()
    operands: dict[Box, Number] = {}
    made: dict[Box, Any] = {}
    for inner in _children_first(box, within):
        made[inner] = _traced(inner, tape, [_operand(child, made, operands, names, tape) for child in inner.children])
    head = f"({', '.join(names[operand] for operand in operands)})"
    statements = Statements("t{}_", _constant)
    result = statements.read(made[box])
    if statements.assigned:
        assigned = " ".join(f"const {name} = {text};" for name, text in statements.assigned.items())
        result = f"{{ {assigned} return {result}; }}"
    return Function(f"{head} => {result}", tuple(operands))


def _children_first(box: Box, within: Container[Box]) -> list[Box]:
    order: dict[Box, None] = {}
    stack = [(box, False)]
    while stack:
        inner, done = stack.pop()
        if done:
            order[inner] = None
        elif inner not in order:
            stack.append((inner, True))
            stack.extend((child, False) for child in inner.children if child in within)
    return list(order)


def _operand(
    child: Box, made: Mapping[Box, Any], operands: dict[Box, Number], names: Mapping[Box, str], tape: JavaScript
) -> Any:
    if child in made:
        return made[child]
    if isinstance(child, Constant) and child.shape == ():
        return tape.given(_constant(child.value[()]), child.dtype)
    if child not in operands:
        operands[child] = tape.given(names[child], child.dtype)
    return operands[child]


def _traced(box: Box, tape: JavaScript, operands: Sequence[Any]) -> Any:
    try:
        with np.errstate(all="ignore"):
            result = box.fprop(*operands)
    except REFUSED as reason:
        refusal = Untraceable(reason)
        refusal.box = box
        raise refusal from reason
    if isinstance(result, Number) and result.dtype == box.dtype:
        return result
    return tape.keep("{0}", [result], box.dtype)
