"""The fprop of an elementwise box as a function of numbers: its calls of NumPy are written down, not computed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from flowgraph.box import Box, Constant
from flowgraph.plan.javascript.rules import literal

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
_OF_TRUTH = {"add": "{0} | {1}", "multiply": "{0} & {1}", "invert": "1 - {0}"}


class Untranslatable(Exception):
    """Why a fprop is no function of numbers in JavaScript, and of which box, where it stands inside of another."""

    box: Box | None = None


class Number(NDArrayOperatorsMixin):
    """One element of an array in a fprop that is written down."""

    shape = ()
    ndim = 0
    size = 1

    def __init__(self, lines: Lines, text: str, of: np.dtype[Any]) -> None:
        self.lines, self.text, self.dtype = lines, text, of

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """Write the call of a ufunc."""
        settings.pop("where", None) if settings.get("where") is True else None
        if method != "__call__" or settings.keys() - {"dtype", "casting"}:
            raise Untranslatable(f"np.{ufunc.__name__}.{method} with {', '.join(settings)}")
        return self.lines.call(ufunc, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Write the call of a function of NumPy."""
        rule = _FUNCTIONS.get(function)
        if rule is None:
            raise Untranslatable(f"np.{function.__name__}")
        return rule(self.lines, *args, **kwargs)

    def __bool__(self) -> bool:
        raise Untranslatable("a case distinction on a value")

    def __getattr__(self, name: str) -> Any:
        raise Untranslatable(f".{name} of an array")

    def astype(self, to: Any, **settings: Any) -> Number:
        """The number in another dtype; only the value of a whole box is rounded to 32 bits."""
        wanted = np.dtype(to)
        if wanted.kind == "b":
            return self.lines.keep("+({0} !== 0)", [self], wanted)
        return self.lines.keep(
            "Math.trunc({0})" if wanted.kind in "iu" and self.dtype.kind == "f" else "{0}", [self], wanted
        )


_NAME = re.compile(r"\bt\d+_(?!\w)")
_ATOM = re.compile(r"[\w.]+(?:\((?:[^()]|\([^()]*\))*\))?")
"""A name, a number or a call: what needs no parentheses in a larger expression."""


class Lines:
    """The statements of a function of numbers."""

    def __init__(self) -> None:
        self.statements: dict[str, str] = {}

    def keep(self, pattern: str, operands: list[Any], of: np.dtype[Any]) -> Number:
        """A name for the value of an expression."""
        name = f"t{len(self.statements)}_"
        text = pattern.format(*map(_written, operands))
        self.statements[name] = f"Math.fround({text})" if of == np.float32 else text
        return Number(self, name, of)

    def ending_in(self, result: Number) -> str:
        """The body of the function that returns a number; what is read once is written where it is read."""
        texts = [*self.statements.values(), result.text]
        reads = Counter(word for text in texts for word in _NAME.findall(text))
        kept: dict[str, str] = {}
        alone: dict[str, str] = {}
        for name, text in self.statements.items():
            text = _NAME.sub(lambda match: alone.get(match[0], match[0]), text)
            if reads[name] == 1:
                alone[name] = text if _ATOM.fullmatch(text) else f"({text})"
            elif reads[name]:
                kept[name] = text
        last = alone.get(result.text, result.text)
        last = last[1:-1] if last.startswith("(") and result.text in alone and not _ATOM.fullmatch(last[1:-1]) else last
        if not kept:
            return last
        statements = " ".join(f"const {name} = {text};" for name, text in kept.items())
        return f"{{ {statements} return {last}; }}"

    def call(self, ufunc: Any, operands: Any) -> Number:
        """The value of a ufunc."""
        dtypes = [one.dtype if isinstance(one, Number | np.ndarray | np.generic) else type(one) for one in operands]
        *read, result = ufunc.resolve_dtypes((*map(_for_ufunc, dtypes), *[None] * ufunc.nout))
        if result.kind not in "fiub":
            raise Untranslatable(f"{ufunc.__name__} of dtype {result}")
        name = ufunc.__name__
        kinds = {one.kind for one in read}
        table = _OF_TRUTH if kinds == {"b"} else _OF_WHOLE if kinds <= set("iub") else {}
        pattern = table.get(name) or _UFUNCS.get(name)
        if pattern is None:
            raise Untranslatable(f"{name}")
        return self.keep(pattern, list(operands), result)


def _for_ufunc(of: Any) -> Any:
    return of if of in (int, float, complex) else np.dtype(of)


def _written(operand: Any) -> str:
    if isinstance(operand, Number):
        return operand.text
    value = np.asarray(operand)
    if value.shape or value.dtype.kind not in "fiub":
        raise Untranslatable(f"the constant {operand!r}")
    text = literal(int(value) if value.dtype.kind == "b" else value.item())  # a boolean is the number 0 or 1
    return f"({text})" if text.startswith("-") else text


def _where(lines: Lines, condition: Any, x: Any, y: Any) -> Number:
    return lines.keep("{0} ? {1} : {2}", [condition, x, y], _joint(x, y))


def _clip(lines: Lines, a: Any, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Any:
    low, high = bounds.get("min", a_min), bounds.get("max", a_max)
    a = a if low is None else lines.keep("maximum({0}, {1})", [a, low], _joint(a, low))
    return a if high is None else lines.keep("minimum({0}, {1})", [a, high], _joint(a, high))


def _round(lines: Lines, a: Any, decimals: int = 0) -> Number:
    return lines.keep("roundTo({0}, {1})", [a, decimals], a.dtype)


def _nan_to_num(
    lines: Lines, x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Number:
    most = np.finfo(x.dtype).max if x.dtype.kind == "f" else 0
    ends = [most if posinf is None else posinf, -most if neginf is None else neginf]
    return lines.keep("nanToNum({0}, {1}, {2}, {3})", [x, nan, *map(float, ends)], x.dtype)


def _sinc(lines: Lines, x: Any) -> Number:
    of = np.result_type(x.dtype, np.float16)
    pi = float(of.type(np.pi))
    # by NumPy's steps, whose rounding shows at whole numbers
    angle = lines.keep("{0} * ({1} === 0 ? 1e-20 : {1})", [pi, x], of)
    return lines.keep("{0} / {1}", [lines.keep("Math.sin({0})", [angle], of), angle], of)


def _zeros_like(lines: Lines, a: Any, dtype: Any = None) -> Any:
    return np.zeros((), dtype or a.dtype)[()]


def _ones_like(lines: Lines, a: Any, dtype: Any = None) -> Any:
    return np.ones((), dtype or a.dtype)[()]


def _joint(x: Any, y: Any) -> np.dtype[Any]:
    return np.result_type(*(one.dtype if isinstance(one, Number) else one for one in (x, y)))


_FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.where: _where,
    np.clip: _clip,
    np.round: _round,
    np.nan_to_num: _nan_to_num,
    np.sinc: _sinc,
    np.zeros_like: _zeros_like,
    np.ones_like: _ones_like,
    np.real: lambda lines, a: a,
    np.result_type: lambda lines, *operands: np.result_type(
        *(one.dtype if isinstance(one, Number) else one for one in operands)
    ),
}


class Function(NamedTuple):
    """An arrow function of numbers, and the boxes whose values it takes, in their order."""

    text: str
    operands: tuple[Box, ...]


def function_of_numbers(box: Box, names: Mapping[Box, str], within: Container[Box] = ()) -> Function:
    """The fprop of an elementwise box, and of those `within` that it is made of, as one function.

    Constants without axes are written as numbers; every other value has the name that it has outside. In 32 bits every
    step is rounded, as NumPy rounds it.
    """
    lines = Lines()
    operands: dict[Box, Number] = {}
    made: dict[Box, Any] = {}
    for one in _children_first(box, within):
        made[one] = _traced(one, lines, [_operand(child, made, operands, names, lines) for child in one.children])
    head = f"({', '.join(names[one] for one in operands)})"
    return Function(f"{head} => {lines.ending_in(made[box])}", tuple(operands))


def _children_first(box: Box, within: Container[Box]) -> list[Box]:
    order: dict[Box, None] = {}
    stack = [(box, False)]
    while stack:
        one, done = stack.pop()
        if done:
            order[one] = None
        elif one not in order:
            stack.append((one, True))
            stack.extend((child, False) for child in one.children if child in within)
    return list(order)


def _operand(
    child: Box, made: Mapping[Box, Any], operands: dict[Box, Number], names: Mapping[Box, str], lines: Lines
) -> Any:
    if child in made:
        return made[child]
    if isinstance(child, Constant) and child.shape == ():
        return Number(lines, _written(child.value[()]), child.dtype)
    if child not in operands:
        operands[child] = Number(lines, names[child], child.dtype)
    return operands[child]


def _traced(box: Box, lines: Lines, operands: Sequence[Any]) -> Any:
    try:
        with np.errstate(all="ignore"):
            result = box.fprop(*operands)
    except (Untranslatable, TypeError, ValueError) as reason:
        found = Untranslatable(reason)
        found.box = box
        raise found from reason
    if isinstance(result, Number) and result.dtype == box.dtype:
        return result
    return lines.keep("{0}", [result], box.dtype)
