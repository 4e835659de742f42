"""Functions of numbers: what JavaScript is for one element of a box, and chains of boxes as one arrow function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.boxes.elementwise.arithmetic import Negative, Positive
from flowgraph.boxes.elementwise.complex_numbers import Cast, Real
from flowgraph.boxes.elementwise.exponential import ConstantPower
from flowgraph.boxes.elementwise.rounding import Ceil, Floor, Rint, Round, Trunc
from flowgraph.boxes.elementwise.selection import Absolute, Clip, Fabs, Fmax, Fmin, Maximum, Minimum, Sign, Where
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.javascript.boxes import literal
from flowgraph.plan.scalar_code import Code, Expression

# One element of a box from one of each child.

UFUNCS: dict[str, str] = {
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
    "log_expit": "logExpit({0})", "logit": "logit({0})", "xlog1py": "xlog1py({0}, {1})",
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


class Step(NamedTuple):
    """The pattern of an expression, and the numbers that it takes beside the elements of the children."""

    pattern: str
    settings: tuple[Any, ...] = ()


def step_of(box: Box) -> Step | None:
    """How an element of the value is computed from those of the children; None where no expression does.

    In 32 bits every step is rounded, as NumPy rounds it, and each of whole numbers keeps to their dtype.
    """
    of_class = _STEPS.get(type(box))
    if of_class is not None:
        step = of_class(box)
    elif isinstance(box, Elementwise) and box.built_in and not box.settings:
        step = _of_function(box)
    else:
        step = None
    if step is None:
        return None
    alike = box.dtype.kind == "f" and all(child.dtype in (box.dtype, bool) for child in box.children)
    return step if type(box) in _CHOICES and alike else step._replace(pattern=_keep_dtype(step.pattern, box.dtype))


_CHOICES = frozenset(
    {Where, Maximum, Minimum, Fmax, Fmin, Negative, Positive, Absolute, Fabs, Sign, Rint, Floor, Ceil, Trunc}
)
"""Boxes whose elements are among those of their children, or near enough: floats of one dtype need no rounding."""


def _keep_dtype(pattern: str, dtype: np.dtype[Any]) -> str:
    """The expression, whose value is rounded or wrapped to the dtype."""
    within = "Math.fround({})" if dtype == np.float32 else _WITHIN.get(dtype.name, "{}")
    return within.replace("{}", pattern)


def _of_function(box: Box) -> Step | None:
    """That of the function of NumPy, or of SciPy, which the class is."""
    declared = box.numpy if isinstance(box.numpy, tuple) else (box.numpy,)
    dtypes = [child.dtype for child in box.children]
    for function in declared:
        if isinstance(function, np.ufunc) and function.nin == len(dtypes):
            return _of_ufunc(function, dtypes, box.dtype)
        if isinstance(function, str) and (name := function.rpartition(".")[2]) in UFUNCS:
            return Step(UFUNCS[name])
    return None


def _of_ufunc(ufunc: np.ufunc, dtypes: Sequence[Any], result: np.dtype[Any]) -> Step | None:
    """The expression of a ufunc on numbers of these dtypes, None where there is none, or it gives another dtype."""
    try:
        *read, found = ufunc.resolve_dtypes((*dtypes, *[None] * ufunc.nout))
    except TypeError:
        return None
    name, kinds = ufunc.__name__, {dtype.kind for dtype in read}
    if found != result or result.kind not in "fiub":
        return None
    table = _OF_TRUTH if kinds == {"b"} else _OF_WHOLE if kinds <= set("iub") else {}
    pattern = table.get(name) or UFUNCS.get(name)
    if result.kind in "iu" and name in ("multiply", "square", "power"):
        times = _TIMES.get(result.name, "Math.imul")
        if name == "power":
            pattern = f"powerOfWhole({{0}}, {{1}}, {times})"
        elif result.itemsize <= 4:
            pattern = f"Math.imul({{0}}, {{{len(read) - 1}}})"
    return None if pattern is None else Step(pattern)


def _cast(box: Box) -> Step | None:
    (a,) = box.children
    if box.dtype.kind == "b":
        return Step("+({0} !== 0)")
    return Step("Math.trunc({0})" if box.dtype.kind in "iu" and a.dtype.kind == "f" else "{0}")


def _where(box: Box) -> Step | None:
    return Step("{0} ? {1} : {2}" if box.children[0].dtype.kind == "b" else "{0} !== 0 ? {1} : {2}")


def _clip(box: Any) -> Step | None:
    pattern, bounds = "{0}", []
    for name, bound in (("maximum", box.low), ("minimum", box.high)):
        if np.isfinite(bound):
            bounds.append(bound)
            pattern = f"{name}({pattern}, {{{len(bounds)}}})"
    return Step(pattern, tuple(bounds))


def _round(box: Any) -> Step | None:
    return Step("roundTo({0}, {1})", (box.decimals,))


def _power(box: Any) -> Step | None:
    (a,), p = box.children, box.exponent
    if p == 0.5 and a.dtype.kind == "f":
        return Step("Math.sqrt({0})")
    step = _of_ufunc(np.power, [a.dtype, type(p)], box.dtype)
    return None if step is None else step._replace(settings=(p,))


_STEPS: Mapping[type[Box], Callable[[Any], Step | None]] = {
    Cast: _cast,
    Where: _where,
    Clip: _clip,
    Round: _round,
    ConstantPower: _power,
    Real: lambda box: Step("{0}"),
}


# Chains of boxes, each of which is read by the next one alone, as one function of the values that they read.


def roots_of(boxes: Sequence[Box], outputs: Sequence[Box], has_line: Callable[[Box], bool]) -> dict[Box, Box]:
    """For each box that is a function of numbers, the box in whose function it is written: itself, or what reads it."""
    readers: dict[Box, list[Box]] = {}
    for box in boxes:
        for child in dict.fromkeys(box.children):
            readers.setdefault(child, []).append(box)
    kept, roots = set(outputs), dict[Box, Box]()
    for box in reversed(boxes):
        if not has_line(box) and box.children and step_of(box) is not None:
            reading = {roots.get(reader) for reader in readers.get(box, ())}
            root = reading.pop() if len(reading) == 1 and box not in kept else None
            roots[box] = root if root is not None and root.shape == box.shape else box
    return roots


class Function(NamedTuple):
    """An arrow function of numbers, and the boxes whose values it takes, in their order."""

    text: str
    operands: tuple[Box, ...]


def function_of(members: Collection[Box], names: Mapping[Box, str]) -> Function:
    """The last of some boxes as one function; constants without axes are written as numbers."""
    code = Code("t{}_", _literal)
    operands: dict[Box, Expression] = {}
    values: dict[Box, Any] = {}

    def read_child(child: Box) -> Any:
        if child in values:
            return values[child]
        if isinstance(child, Constant) and child.shape == ():
            return code.number_named(_literal(child.value[()]))
        if child not in operands:
            operands[child] = code.number_named(names[child])
        return operands[child]

    for box in members:
        step = step_of(box)
        assert step is not None
        values[box] = last = code.note(step.pattern, *map(read_child, box.children), *step.settings)
    result = code.text_of_result(last)
    if code.assigned:
        assigned = " ".join(f"const {name} = {text};" for name, text in code.assigned.items())
        result = f"{{ {assigned} return {result}; }}"
    return Function(f"({', '.join(names[operand] for operand in operands)}) => {result}", tuple(operands))


def _literal(number: Any) -> str:
    value = np.asarray(number)
    if value.dtype.kind not in "fiub":
        raise RefusedError(f"holds the number {number!r}, of the dtype {value.dtype}")
    return literal(int(value) if value.dtype.kind == "b" else value.item())  # a boolean is the number 0 or 1
