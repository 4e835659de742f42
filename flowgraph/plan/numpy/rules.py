"""Rules of the NumPy back end: which lines compute a box, and which boxes are one universal function of NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from flowgraph.box import Array, Box, Constant, Elementwise
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.errors import UsageError
from flowgraph.plan.rules import Condition, Rules, always, never


def ufunc_of(box: Box) -> np.ufunc | None:
    """The ufunc that computes the box from its children, None if there is none.

    A box whose fprop gives another dtype than the ufunc computes something else.
    """
    cls = type(box)
    if cls.settings or not issubclass(cls, Elementwise):
        return None
    children = box.children
    if len(children) == 2:
        ufunc, dtype = _computing(cls, children[0].dtype, children[1].dtype)
    else:
        ufunc, dtype = _computing(cls, *[child.dtype for child in children])
    return ufunc if dtype is box.dtype else None


@functools.cache
def _computing(cls: type[Box], *dtypes: np.dtype[Any]) -> tuple[np.ufunc | None, np.dtype[Any] | None]:
    """The ufunc of a class, and the dtype that it gives for arrays of these dtypes."""
    ufunc = _declared_ufunc(cls)
    if ufunc is None:
        return None, None
    try:
        return ufunc, ufunc.resolve_dtypes((*dtypes, None))[-1]
    except TypeError:
        return None, None


def _declared_ufunc(cls: type[Box]) -> np.ufunc | None:
    """A ufunc that flowgraph's own class declares; a user's class is believed only what its fprop does."""
    declared = cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,)
    for function in declared:
        if isinstance(function, np.ufunc) and function.nin == len(cls.child_names) and function.nout == 1:
            return function if cls.built_in else None
    return None


# A choice between an array and zeros without a branch per element: the slope of a rectifier, many times faster.

_WHOLE = {4: np.int32, 8: np.int64}


def keep_where(mask: Array, array: Array, out: Array) -> Array:
    """The array where the mask is true, else 0: the bits of each number as a whole number, times 1 or 0.

    The mask is widened first: a ufunc that widens what it reads goes through a buffer, and takes 1.2 times as long.
    """
    whole = _WHOLE[array.itemsize]
    bits = out.view(whole)
    np.copyto(bits, mask.view(np.int8))
    np.multiply(bits, array.view(whole), bits)
    return out


def keeps_or_zero(box: Where) -> bool:
    """Whether the box chooses between a real array of its own shape and the number 0."""
    mask, yes, no = box.children
    return (
        box.dtype in (np.float32, np.float64)
        and _is_zero(no)
        and yes.dtype == box.dtype
        and mask.dtype.kind == "b"
        and mask.shape == yes.shape == box.shape
    )


def _is_zero(box: Box) -> bool:
    """A zero of positive sign."""
    return isinstance(box, Constant) and box.shape == () and box.value == 0 and not np.signbit(box.value)


# The rules: `rule_for` registers one for a class of your own.


class Writes(Protocol):
    """What a rule is given beside its box: the plan, the source with its names, which children are Python's numbers."""

    plan: Any
    source: Any
    numbers: dict[Box, str]

    def line(self, box: Box, text: str, comment: bool = True) -> None:
        """Add a line, with the shape of the box beside it as a comment."""

    def out(self, box: Box) -> str:
        """The name of the buffer of a box."""


Lines = Callable[[Any, Sequence[str], str], list[str]]
Expression = Callable[[Any, Sequence[str]], str]
Operands = Callable[[Writes, Any, Sequence[str], str], list[str]]

AnyLines = TypeVar("AnyLines", bound=Lines)


class Fill(NamedTuple):
    """How a buffer is filled with the value of a box.

    `lines(box, names, out)` are the lines, of which the last is an expression whose value is the buffer `out`;
    `in_place` are the places of children whose buffer `out` may be, `functions` what the lines call, by name.
    `operands` binds what else the lines name, and says what they read in place of the children; `takes_numbers` tells
    whether they read children without axes as Python's numbers; `scratch` says how many bytes of memory of the plan
    they use beside the buffer, of which nothing stays.
    """

    lines: Lines
    in_place: tuple[int, ...] = ()
    functions: Mapping[str, Any] = {}
    operands: Operands | None = None
    takes_numbers: Condition = never
    when: Condition = always
    scratch: Callable[[Any], int] | None = None


class View(NamedTuple):
    """How a child is read as the value of a box.

    `suffix` is added to the name of the child, `fits(box, child)` tells whether no element has to be copied.
    """

    expression: Callable[[Any, str], str]
    suffix: Callable[[Any], str]
    fits: Callable[[Any, Any], bool] = lambda box, child: True
    when: Condition = always


class Value(NamedTuple):
    """The expression of a value that is new: a number made of numbers, or an array that the call returns.

    `operands` says what it reads in place of the names of the children; `after` writes lines that follow, and says how
    parents read the value.
    """

    expression: Expression
    operands: Operands | None = None
    after: Callable[[Writes, Any, str, Sequence[str]], str] | None = None
    when: Condition = always


FILLS: Rules[Fill] = Rules(Fill)
VIEWS: Rules[View] = Rules(View)
NUMBERS: Rules[Value] = Rules(Value)
CALLS: Rules[Value] = Rules(Value)

_functions: dict[str, Any] = {"keep_where": keep_where}


def rule_for(
    *classes: type[Box],
    in_place: tuple[int, ...] = (),
    functions: Sequence[Callable[..., Any]] = (),
    operands: Operands | None = None,
    takes_numbers: Condition = never,
    when: Condition = always,
    scratch: Callable[[Any], int] | None = None,
) -> Callable[[AnyLines], AnyLines]:
    """Register how a buffer is filled with the value of boxes of these classes: a function of (box, names, out).

    It returns lines of Python, in which `names` are the children and `out` is the buffer, an array of the shape and
    dtype of the box; the last line is an expression whose value is `out`, as that of a ufunc called with `out=`.
    `in_place` are the places of children, of the shape and dtype of the box, over which the lines may write.
    `functions` are called in the lines by their `__name__`; `scratch` are bytes beside the buffer.
    A box whose value has no axes stays a call of its fprop.
    """
    settings: dict[str, Any] = {
        "in_place": in_place,
        "operands": operands,
        "takes_numbers": takes_numbers,
        "scratch": scratch,
    }
    return FILLS.rule(*classes, functions=_by_name(functions), when=when, **settings)


view_for = VIEWS.rule
"""Register how a child is viewed as the value of boxes of some classes: a function of (box, name of the child)."""

number_for = NUMBERS.rule
"""Register the expression of boxes whose value is one number: a function of (box, names)."""

call_for = CALLS.rule
"""Register a call that returns the value of boxes as a new array: a function of (box, names)."""


def _by_name(functions: Sequence[Callable[..., Any]]) -> dict[str, Any]:
    """Functions by their names, each of which stands for one function in all rules."""
    named: dict[str, Any] = {getattr(function, "__name__", ""): function for function in functions}
    for name, function in named.items():
        own = name.isidentifier() and getattr(np, name, function) is function and name != "step"
        if not own or _functions.setdefault(name, function) is not function:
            raise UsageError(
                f"rule_for: found the function {function!r}, needs one whose __name__ is an identifier that no other "
                f"function of NumPy or of a rule has; wrap it in a function of your own"
            )
    return named
