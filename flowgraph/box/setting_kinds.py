"""What a setting may be, read from its annotation: a number in an interval, one of some texts, a tuple, an array."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Sequence
from math import inf
from numbers import Integral, Real
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import numpy as np

from flowgraph.box.interval import Interval

UNFIT = object()
"""What a kind makes of a value that is not of it."""


class Kind(NamedTuple):
    """The values that a setting accepts, as text for errors, and the conversion to the value that is kept."""

    needed: str
    read: Callable[[Any], Any]


def kind_of(annotation: Any) -> Kind | None:
    """The kind of values that an annotation describes; None where it describes nothing that can be checked."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _within(kind_of(arguments[0]), [one for one in arguments[1:] if isinstance(one, Interval)])
    if origin is Literal:
        return _choice(arguments)
    if origin in (Union, types.UnionType):
        return _union([kind_of(one) for one in arguments])
    if annotation is tuple or origin is tuple:
        return _tuple(arguments)
    return _of_class(annotation if origin is None else origin)


def _of_class(cls: object) -> Kind | None:
    if cls is np.ndarray:
        return Kind("an array (np.asarray makes one)", _instance_of(np.ndarray | np.generic))
    if cls is Callable or getattr(cls, "__name__", None) == "Callable":
        return Kind("something to call", lambda value: value if callable(value) else UNFIT)
    if isinstance(cls, type) and not getattr(cls, "_is_protocol", False):
        return Kind(f"a {cls.__name__}", _instance_of(cls))
    return None


def resolved(annotation: Any, module: str) -> Any:
    """An annotation that is written as text, in the names of a module; Any where it does not resolve there."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(vars(sys.modules[module])))
    except (NameError, AttributeError, TypeError, KeyError, SyntaxError):
        return Any


def _instance_of(cls: Any) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, cls) else UNFIT


def _scalar(value: object) -> Any:
    """The element of a 0-d array; any other value unchanged."""
    return value[()] if type(value) is np.ndarray and value.ndim == 0 else value


def _int(value: object) -> Any:
    if type(value) is int:
        return value
    value = _scalar(value)
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else UNFIT


def _float(value: object) -> Any:
    if type(value) is float:
        return value
    value = _scalar(value)
    if not isinstance(value, Real) or isinstance(value, bool):
        return UNFIT
    value = int(value) if isinstance(value, Integral) else value  # NumPy compares its own integers as floats
    try:
        number = float(value)
    except OverflowError:
        return UNFIT
    return number if number == value or value != value else UNFIT


def _complex(value: object) -> Any:
    value = _scalar(value)
    return complex(value) if isinstance(value, complex | np.complexfloating) else _float(value)


def _bool(value: object) -> Any:
    value = _scalar(value)
    return bool(value) if isinstance(value, bool | np.bool_) else UNFIT


def _str(value: object) -> Any:
    if type(value) is str:
        return value
    return str(value) if isinstance(value, np.str_) else value if isinstance(value, str) else UNFIT


def _none(value: object) -> Any:
    return None if value is None else UNFIT


_NONE = Kind("None", _none)
_PLAIN: dict[Any, Kind | None] = {
    Any: None,
    object: None,
    int: Kind("a whole number", _int),
    float: Kind("a number", _float),
    complex: Kind("a number, real or complex", _complex),
    bool: Kind("True or False", _bool),
    str: Kind("a text", _str),
    None: _NONE,
    types.NoneType: _NONE,
}


def _within(kind: Kind | None, intervals: Sequence[Interval]) -> Kind | None:
    if kind is None or not intervals:
        return kind
    (interval,) = intervals
    read = kind.read

    def within(value: object) -> Any:
        found = read(value)
        return found if found is not UNFIT and found in interval else UNFIT

    return Kind(_in_words(kind.needed, interval), within)


def _in_words(needed: str, interval: Interval) -> str:
    low, high = interval.low, interval.high
    if (low, high) == (-inf, inf):
        return needed.replace("a number", "a finite number") if interval.open else needed
    lower = "" if low == -inf else f" above {low:g}" if interval.open else f" from {low:g}"
    upper = "" if high == inf else f" below {high:g}" if interval.open else f" to {high:g}"
    return f"{needed}{lower}{' and' * bool(interval.open and lower and upper)}{upper}"


def _choice(choices: Sequence[Any]) -> Kind:
    def read(value: object) -> Any:
        value = value.item() if isinstance(value, np.generic) else value
        return next((one for one in choices if isinstance(value, type(one)) and value == one), UNFIT)

    return Kind(_listed(map(repr, choices)), read)


def _union(kinds: Sequence[Kind | None]) -> Kind | None:
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None

    def read(value: object) -> Any:
        found = [kind.read(value) for kind in known]
        return next((one for one in found if one is value), next((one for one in found if one is not UNFIT), UNFIT))

    words = [kind.needed for kind in known]
    return Kind(_listed(words if "a number" not in words else [one for one in words if one != "a whole number"]), read)


def _tuple(arguments: Sequence[Any]) -> Kind:
    """A tuple of any length or of one; a list, or an array with one axis, is kept as a tuple, which cannot change."""
    repeated = len(arguments) == 2 and arguments[1] is Ellipsis
    kinds = [kind_of(one) for one in arguments[: 1 if repeated else None]]

    def read(value: object) -> Any:
        if not isinstance(value, tuple | list) and not (isinstance(value, np.ndarray) and value.ndim == 1):
            return UNFIT
        if not arguments:
            return value if type(value) is tuple else tuple(value)
        if not repeated and len(value) != len(kinds):
            return UNFIT
        each = kinds * len(value) if repeated else kinds
        parts = [one if kind is None else kind.read(one) for one, kind in zip(value, each, strict=True)]
        if any(part is UNFIT for part in parts):
            return UNFIT
        same = isinstance(value, tuple) and all(new is old for new, old in zip(parts, value, strict=True))
        return value if same else tuple(parts)

    return Kind(_of_parts(kinds, repeated), read)


def _of_parts(kinds: Sequence[Kind | None], repeated: bool) -> str:
    parts = ["anything" if kind is None else kind.needed for kind in kinds]
    if not parts:
        return "a tuple"
    if repeated:
        return "a tuple" if kinds[0] is None else f"a tuple, each part {parts[0]}"
    return f"a tuple of {len(parts)} ({'; '.join(parts)})"


def _listed(words: Iterable[str]) -> str:
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} or {last}" if first else last
