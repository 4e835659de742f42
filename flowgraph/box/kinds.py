"""What a setting may be: one description of a box, a training, an experiment, a search and the command line."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import numpy as np

from flowgraph.box.vocabulary import Interval
from flowgraph.errors import UsageError

UNFIT = object()
"""What a kind makes of a value that is not of it."""


class Kind:
    """What a setting may be: `needed` says it in words for errors, `read_value` gives the value that is kept.

    `metavar` is what the command line calls a text of it that `read_text` reads, `needed_text` what such a text is in
    an error; `multiple` says that it is given once for each part.
    """

    needed: str
    needed_text: ClassVar[str] = ""
    metavar: ClassVar[str] = ""
    multiple: ClassVar[bool] = False

    def read_value(self, value: Any) -> Any:
        """The value that is kept, UNFIT for one that is not of the kind."""
        raise NotImplementedError

    def read_setting(self, who: str, name: str, value: Any) -> Any:
        """The value that is kept; another is refused, with who was given it under which name."""
        kept = self.read_value(value)
        if kept is UNFIT:
            raise UsageError(f"{who}: found {name}={value!r}, needs {self.needed}")
        return kept

    def read_text(self, text: str) -> Any:
        """The value that a text of the command line says; a ValueError where it says none."""
        raise NotImplementedError


@dataclass(frozen=True)
class Converted(Kind):
    """The values of which a function makes another thing than UNFIT."""

    needed: str
    convert: Callable[[Any], Any]

    def read_value(self, value: Any) -> Any:
        """What the function makes of the value."""
        return self.convert(value)


@dataclass(frozen=True)
class Number(Kind):
    """A number of Python from `low` on and up to `high`, above `above` and below `below`, or a whole one.

    `none` says what None means, where it may be, and `otherwise` what else may be given. Without `finite` an infinity,
    and without bounds a NaN, is a number too.
    """

    low: float = -inf
    above: float = -inf
    below: float = inf
    whole: bool = False
    none: str = ""
    high: float = inf
    finite: bool = True
    otherwise: str = ""
    needed: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        plain = self.finite and not self.whole and not self._bounds()
        number = "a whole number" if self.whole else "a finite number" if plain else "a number"
        otherwise = f", or None {self.none}" if self.none else self.otherwise
        object.__setattr__(self, "needed", f"{number}{self._bounds()}{otherwise}")

    def _bounds(self) -> str:
        lower = f" above {self.above:g}" if self.above > -inf else f" from {self.low:g}" if self.low > -inf else ""
        upper = f" below {self.below:g}" if self.below < inf else f" to {self.high:g}" if self.high < inf else ""
        if lower and not upper and self.whole:
            return f"{lower} on"
        return f"{lower}{' and' * bool(lower and self.below < inf)}{upper}"

    def read_value(self, value: Any) -> Any:
        """The number, or None where it may be."""
        if value is None and self.none:
            return None
        number = _int(value) if self.whole else _float(value)
        return number if number is not UNFIT and self._is_inside(number) else UNFIT

    def _is_inside(self, number: float) -> bool:
        """Whether a number is within all bounds; no comparison of a NaN holds."""
        return (
            (self.low == -inf or number >= self.low)
            and (self.high == inf or number <= self.high)
            and (self.above == -inf or number > self.above)
            and (self.below == inf or number < self.below)
            and (self.whole or not self.finite or isfinite(number))
        )


@dataclass(frozen=True)
class OneOf(Kind):
    """One of some words."""

    words: tuple[str, ...]
    needed: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needed", f"one of {', '.join(self.words)}")

    def read_value(self, value: Any) -> Any:
        """The word itself."""
        return value if isinstance(value, str) and value in self.words else UNFIT


@dataclass(frozen=True)
class Flag(Kind):
    """A truth value; `off` is the option of the command line for False, where it does not begin with no-."""

    needed = "True or False"
    off: str = ""

    def read_value(self, value: Any) -> Any:
        """The truth value of Python."""
        value = _scalar(value)
        return bool(value) if isinstance(value, bool | np.bool_) else UNFIT


def kind_of(annotation: Any) -> Kind | None:
    """The kind of values that an annotation describes; None where it describes nothing that can be checked."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind_beside(*arguments)
    if origin is Literal:
        return _choice(arguments)
    if origin in (Union, types.UnionType):
        return _union([kind_of(argument) for argument in arguments])
    if annotation is tuple or origin is tuple:
        return _tuple(arguments)
    return _mapping(arguments) if origin is Mapping else _of_class(annotation if origin is None else origin)


def _kind_beside(annotation: Any, *said: Any) -> Kind | None:
    """The kind that stands beside an annotation, or that of the annotation within an interval."""
    kind = next((one for one in said if isinstance(one, Kind)), None)
    intervals = [one for one in said if isinstance(one, Interval)]
    if kind is not None or not intervals:
        return kind_of(annotation) if kind is None else kind
    (interval,) = intervals
    if get_origin(annotation) in (Union, types.UnionType):
        return _union([_kind_beside(one, interval) for one in get_args(annotation)])
    if annotation not in (int, float):
        return kind_of(annotation)
    low, high = interval.low, interval.high
    if interval.open:
        return Number(above=low, below=high, whole=annotation is int)
    return Number(low, high=high, whole=annotation is int, finite=False)


def _of_class(cls: object) -> Kind | None:
    if cls is np.ndarray:
        return Converted("an array (np.asarray makes one)", _instance_of(np.ndarray | np.generic))
    if cls is Callable or getattr(cls, "__name__", None) == "Callable":
        return Converted("something to call", lambda value: value if callable(value) else UNFIT)
    if isinstance(cls, type) and not getattr(cls, "_is_protocol", False):
        return Converted(f"{'an' if cls.__name__[0] in 'AEIOU' else 'a'} {cls.__name__}", _instance_of(cls))
    return None


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
    whole = int(value) if isinstance(value, Integral) else None  # NumPy compares its own integers as floats
    try:
        number = float(value)
    except OverflowError:
        return UNFIT
    return number if whole is None or number == whole else UNFIT


def _complex(value: object) -> Any:
    value = _scalar(value)
    return complex(value) if isinstance(value, complex | np.complexfloating) else _float(value)


def _str(value: object) -> Any:
    if type(value) is str:
        return value
    return str(value) if isinstance(value, np.str_) else value if isinstance(value, str) else UNFIT


def _none(value: object) -> Any:
    return None if value is None else UNFIT


TEXT = Converted("a text", _str)
_NONE = Converted("None", _none)
_PLAIN: dict[Any, Kind | None] = {
    Any: None,
    object: None,
    int: Number(whole=True),
    float: Number(finite=False),
    complex: Converted("a number, real or complex", _complex),
    bool: Flag(),
    str: TEXT,
    None: _NONE,
    types.NoneType: _NONE,
}


def _choice(choices: Sequence[Any]) -> Kind:
    def find_choice(value: object) -> Any:
        value = value.item() if isinstance(value, np.generic) else value
        return next((choice for choice in choices if isinstance(value, type(choice)) and value == choice), UNFIT)

    return Converted(_list_words(map(repr, choices)), find_choice)


def _union(kinds: Sequence[Kind | None]) -> Kind | None:
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None

    def read_first(value: object) -> Any:
        fit = UNFIT
        for kind in known:
            converted = kind.read_value(value)
            if converted is value:
                return converted
            if fit is UNFIT:
                fit = converted
        return fit

    words = [kind.needed for kind in known]
    return Converted(
        _list_words(words if "a number" not in words else [w for w in words if w != "a whole number"]), read_first
    )


def _tuple(arguments: Sequence[Any]) -> Kind:
    """A tuple of any length or of one; a list, or an array with one axis, is kept as a tuple, which cannot change."""
    repeated = len(arguments) == 2 and arguments[1] is Ellipsis
    kinds = [kind_of(argument) for argument in arguments[: 1 if repeated else None]]

    def read_parts(value: object) -> Any:
        if not isinstance(value, tuple | list) and not (isinstance(value, np.ndarray) and value.ndim == 1):
            return UNFIT
        if not arguments:
            return value if type(value) is tuple else tuple(value)
        if not repeated and len(value) != len(kinds):
            return UNFIT
        if repeated and kinds[0] is None:
            return value if isinstance(value, tuple) else tuple(value)
        each = kinds * len(value) if repeated else kinds
        parts = [part if kind is None else kind.read_value(part) for part, kind in zip(value, each, strict=True)]
        if any(part is UNFIT for part in parts):
            return UNFIT
        same = isinstance(value, tuple) and all(new is old for new, old in zip(parts, value, strict=True))
        return value if same else tuple(parts)

    return Converted(_of_parts(kinds, repeated), read_parts)


def _mapping(arguments: Sequence[Any]) -> Kind:
    key, value = map(kind_of, arguments)

    def fits(kind: Kind | None, parts: Iterable[Any]) -> bool:
        return kind is None or all(kind.read_value(part) is not UNFIT for part in parts)

    def check_entries(given: object) -> Any:
        right = isinstance(given, Mapping) and fits(key, given.keys()) and fits(value, given.values())
        return given if right else UNFIT

    words = ["anything" if kind is None else kind.needed for kind in (key, value)]
    return Converted(f"a dict from {words[0]} to {words[1]}", check_entries)


def _of_parts(kinds: Sequence[Kind | None], repeated: bool) -> str:
    parts = ["anything" if kind is None else kind.needed for kind in kinds]
    if not parts:
        return "a tuple"
    if repeated:
        return "a tuple" if kinds[0] is None else f"a tuple, each part {parts[0]}"
    return f"a tuple of {len(parts)} ({'; '.join(parts)})"


def _list_words(words: Iterable[str]) -> str:
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} or {last}" if first else last
