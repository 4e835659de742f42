"""Rules of the Numba back end: which loops compute a box. `rule_for` registers one for a class of your own."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Clip, Where
from flowgraph.boxes.neural.activation import NormalCdf
from flowgraph.boxes.neural.label import OneHot, PlacesOf, check_labels
from flowgraph.boxes.neural.loss import BinaryCrossEntropy, Hinge
from flowgraph.boxes.special.error_function import Erf, Erfc
from flowgraph.errors import UsageError
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.machine import cast, number_name
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.rebuild import owner_of, shape_of
from flowgraph.plan.rules import Condition, Rules, always

Read = Callable[[Box, Sequence[str]], str]
"""The text of an element of a child."""

Element = Callable[[Any, Sequence[str]], str]
Indexed = Callable[[Any, Read, Sequence[str], int], tuple[list[str], str]]
Block = Callable[[Any, Any], None]
"""Writes the lines of a box, given the `writing.Writing` of the plan, whose loops read these rules, and the box."""


class Rule(NamedTuple):
    """How a box is computed, by its role: one of the four functions.

    An "element" has an expression, `element(box, texts)` of the elements of its children at the same index, or
    `indexed(box, read, index, code)` of any elements, with lines that go before it. A "reduction" has `identity(box)`,
    and `combined(box, total, value)` of that and the elements of the child. A "block" writes loops of its own.
    `functions` are ufuncs that the expression calls by name.
    """

    element: Element | None = None
    indexed: Indexed | None = None
    block: Block | None = None
    identity: Callable[[Any], str] | None = None
    combined: Callable[[Any, str, str], str] | None = None
    functions: tuple[np.ufunc, ...] = ()
    when: Condition = always

    @property
    def role(self) -> str:
        """What it has a function for."""
        return "block" if self.block is not None else "reduction" if self.identity is not None else "element"


RULES: Rules[Rule] = Rules(Rule)


def rule_for(
    *classes: type[Box], functions: tuple[np.ufunc, ...] = (), when: Condition = always
) -> Callable[[Element], Element]:
    """Register the expression of one element of boxes of these classes: a function of (box, texts).

    `texts` are the elements of the children at the same index, each a number of the child's dtype. The expression is
    what Numba compiles, and is converted to the dtype of the box. It may call `maximum`, `minimum`, `exp`, `log1p`,
    `erf` and `erfc`, and by their names the ufuncs in `functions`, of those that Numba has.
    """
    for function in functions:
        if not isinstance(function, np.ufunc):
            raise UsageError(f"rule_for: found the function {function!r}, needs ufuncs of NumPy, which Numba compiles")

    def register(expression: Element) -> Element:
        def convert_result(box: Box, texts: Sequence[str]) -> str:
            return f"{number_name(box.dtype, box)}({expression(box, texts)})"

        RULES.add(classes, Rule(convert_result, functions=functions, when=when))
        return expression

    return register


element_for = RULES.rule
"""Register an expression that has the dtype of the box by itself."""

indexed_for = functools.partial(RULES.rule, field="indexed")
"""Register the expression of one element that is made of elements of the children at other indices."""

block_for = functools.partial(RULES.rule, field="block")
"""Register what writes loops of its own."""


# Boxes that refuse some values: the native function stops, and the box raises its error.


class Check(NamedTuple):
    """What raises where a value is wrong, a function of (owner, box, values); the place of the child that is looked at.

    In `wrong` stands `{value}` for the number, `{classes}` for the last size of the second child.
    """

    refusal: Callable[[Box, Any, Any], None]
    place: int
    wrong: str
    when: Condition = always


CHECKS: Rules[Check] = Rules(Check)


@CHECKS.rule(PlacesOf, OneHot, place=0, wrong="{value} < 0 or {value} >= {classes}")
def _labels(owner: Box, box: Box, values: Any) -> None:
    check_labels(owner, values, shape_of(box.children[1])[-1])


@CHECKS.rule(BinaryCrossEntropy, place=1, wrong="{value} < 0 or {value} > 1")
@CHECKS.rule(Hinge, place=1, wrong="{value} != 1 and {value} != -1")
def _targets(owner: Box, box: Box, values: Any) -> None:
    speaker = owner if type(owner) is type(box) else box
    speaker.fprop(np.zeros((), box.dtype), values)


def _check(box: Box) -> Check:
    check = CHECKS.of(box)
    assert check is not None
    return check


def checked_child(box: Box) -> Box:
    """The child whose values are looked at."""
    return box.children[_check(box).place]


def guard(box: Box, value: str, code: int) -> list[str]:
    """Lines that leave the function if a value is wrong."""
    shape = shape_of(box.children[1])
    classes = shape[-1] if shape else 0
    return [f"if {_check(box).wrong.format(value=value, classes=classes)}:", f"    return {code}"]


def refuse(box: Box, values: Any) -> None:
    """Raise what the box says of these values."""
    _check(box).refusal(owner_of(box), box, values)


# The expression for one element of a box, in what Numba compiles, with the numbers that NumPy would compute with.

_OPERATORS: dict[Any, str] = {
    np.add: "{} + {}", np.subtract: "{} - {}", np.multiply: "{} * {}", np.divide: "{} / {}", np.negative: "-{}",
    np.positive: "{}", np.square: "{0} * {0}", np.greater: "{} > {}", np.greater_equal: "{} >= {}",
    np.less: "{} < {}", np.less_equal: "{} <= {}", np.equal: "{} == {}", np.not_equal: "{} != {}",
}  # fmt: skip

_OF_INTEGERS = frozenset({
    np.add, np.subtract, np.multiply, np.negative, np.positive, np.square, np.absolute, np.greater, np.greater_equal,
    np.less, np.less_equal, np.equal, np.not_equal, np.maximum, np.minimum, np.bitwise_and, np.bitwise_or,
    np.bitwise_xor, np.invert, np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
})  # fmt: skip
"""Ufuncs that give the integers and booleans of NumPy in what Numba compiles, which has no value of its own for them at
zero divisors, shifts of more than the width and negative powers: a quotient by 0 ends the process there."""

_OTHERWISE = frozenset({np.floor_divide, np.ldexp})
"""Ufuncs of floats for which Numba's own give other values: of infinities, and of exponents beyond 32 bits."""


def expression(box: Box, texts: Sequence[str]) -> str:
    """One element of the box from those of its children."""
    rule = RULES.of(box)
    if rule is not None and rule.element is not None:
        return rule.element(box, texts)
    return _of_ufunc(box, texts)


@element_for(Cast)
def _cast(box: Cast, texts: Sequence[str]) -> str:
    return cast(texts[0], box.children[0].dtype, box.dtype)


@element_for(Where)
def _where(box: Where, texts: Sequence[str]) -> str:
    mask, yes, no = (
        cast(text, child.dtype, dtype)
        for text, child, dtype in zip(texts, box.children, (np.dtype(bool), box.dtype, box.dtype), strict=True)
    )
    return f"({yes} if {mask} else {no})"


_OF_FLOAT64: dict[type[Box], str] = {
    Erf: "erf({})",
    Erfc: "erfc({})",
    NormalCdf: "0.5 * erfc(-0.7071067811865476 * {})",
}
"""Functions of one real number that Numba has for float64 only."""


@element_for(*_OF_FLOAT64)
def _in_float64(box: Box, texts: Sequence[str]) -> str:
    _real(box)
    wide = np.dtype(np.float64)
    return cast(_OF_FLOAT64[type(box)].format(cast(texts[0], box.children[0].dtype, wide)), wide, box.dtype)


@element_for(BinaryCrossEntropy)
def _binary_cross_entropy(box: BinaryCrossEntropy, texts: Sequence[str]) -> str:
    a, y = _real(box, texts)
    return f"maximum({a}, {number_name(box.dtype)}(0)) - {a} * {y} + log1p(exp(minimum({a}, -{a})))"


@element_for(Hinge)
def _hinge(box: Hinge, texts: Sequence[str]) -> str:
    a, y = _real(box, texts)
    number = number_name(box.dtype)
    return f"maximum({number}(1) - {a} * {y}, {number}(0))"


@element_for(Clip)
def _clip(box: Clip, texts: Sequence[str]) -> str:
    number = number_name(box.dtype, box)
    return f"minimum(maximum({_real(box, texts)[0]}, {number}({box.low!r})), {number}({box.high!r}))"


def _real(box: Box, texts: Sequence[str] = ()) -> list[str]:
    """The children in the dtype of the box, which has to be a real one."""
    if box.dtype.kind != "f":
        raise RefusedError(f"has no rule for Numba with dtype {box.dtype}", box)
    return [cast(text, child.dtype, box.dtype) for text, child in zip(texts, box.children, strict=False)]


def _of_ufunc(box: Box, texts: Sequence[str]) -> str:
    ufunc = ufunc_of(box)
    assert ufunc is not None
    dtypes = ufunc.resolve_dtypes((*[child.dtype for child in box.children], None))
    loop = "".join(d.char for d in dtypes[:-1]) + "->" + dtypes[-1].char
    of_integers = dtypes[0].kind in "iub"
    if loop not in _loops(ufunc) or ufunc in _OTHERWISE or (of_integers and ufunc not in _OF_INTEGERS):
        raise RefusedError(f"has no rule for Numba with dtype {', '.join(str(d) for d in dtypes[:-1])}", box)
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
