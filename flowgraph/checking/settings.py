"""Arguments by name and float defaults as further inputs that are varied; whether a setting is like the example's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from flowgraph.box.interval import Interval
from flowgraph.box.value import Value
from flowgraph.checking.reproduce import definition_of
from flowgraph.checking.target import Target, annotations_of, is_float_array
from flowgraph.errors import UsageError


@dataclass(frozen=True)
class WithSettings:
    """A function whose last arguments go by name, those alone that it takes."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    taken: frozenset[str]

    def __call__(self, *arguments: Any) -> Any:
        """The function's value, given those of its last arguments by name that it takes."""
        count = len(arguments) - len(self.names)
        settings = zip(self.names, arguments[count:], strict=True)
        return self.function(*arguments[:count], **{name: x for name, x in settings if name in self.taken})


def with_settings(target: Target, keywords: Mapping[str, Any], defaults: bool = False) -> Target:
    """The target with keyword arguments as further inputs, which are settings; itself if there are none.

    With `defaults` also the floats that fprop and bprop both have as a default. bprop is given what it takes, and
    returns no gradient for any of them.
    """
    for name, value in keywords.items():
        if is_float_array(value) and np.ndim(value):
            raise UsageError(
                f"check: {target.name} was given the float array {name}= by name, but what is given by name is a "
                f"setting; give {name} by its position, to be differentiated"
            )
    settings = {**keywords, **(_shared_defaults(target, keywords) if defaults else {})}
    if not settings:
        return target
    if target.second is not None:
        raise UsageError(f"check: found {next(iter(settings))}= beside second=; give it by its position")
    names = tuple(settings)
    definition = (*definition_of("fprop", target.fprop), *definition_of("bprop", target.bprop))
    hints = annotations_of(target.fprop)
    return replace(
        target,
        fprop=WithSettings(target.fprop, names, frozenset(names)),
        bprop=WithSettings(target.bprop, names, _taken(target.bprop, names)),
        inputs=(*target.inputs, *settings.values()),
        names=(*target.names, *names),
        defaulted=len(names),
        valid=None if target.valid is None else WithSettings(target.valid, names, _taken(target.valid, names)),
        annotations={**target.annotations, **{name: hints[name] for name in keywords if name in hints}},
        definition=definition,
    )


def _shared_defaults(target: Target, keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    """The floats that fprop and bprop have as the same default."""
    count = len(target.inputs)
    of_fprop, of_bprop = _defaults(target.fprop, count), _defaults(target.bprop, count + 2)
    shared = {
        name: value
        for name, value in of_bprop.items()
        if type(value) is float and of_fprop.get(name, None) == value and name not in keywords
    }
    bound = any(name not in of_fprop for name in of_bprop)  # `lambda g, y, x, k2=k * k`: it would not follow k
    usable = not bound and target.second is None and not set(shared) & set(target.names)
    return shared if usable else {}


def _taken(function: Callable[..., Any], names: tuple[str, ...]) -> frozenset[str]:
    """Those of the names that a function takes by name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return frozenset()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return frozenset(names)
    by_name = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return frozenset(names) & by_name


def _defaults(function: Callable[..., Any], given: int) -> Mapping[str, Any]:
    """The parameters that have a default, beyond the first `given` positions."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return {}
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    taken = {p.name for p in positional[:given]} | {p.name for p in parameters if p.kind is p.POSITIONAL_ONLY}
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.name not in taken}


def alike(one: Value, other: Value) -> bool:
    """Whether a setting has the type of the example's, and a number its sign and its side of 1, as a share has."""
    if isinstance(one, np.ndarray):
        numbered = isinstance(other, np.ndarray) and one.dtype.kind in "iu" and one.size and other.size
        return bool(one.min() < 0 or other.min() >= 0) if numbered else isinstance(other, np.ndarray)
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, bool) or not isinstance(one, int | float):
        return True
    return _same_range(one, other)


def is_of_range(one: Value, other: Value) -> bool:
    """Whether one number stands for another: a share of 0 is none, which a share of 0.1 has as its limit."""
    return type(one) is type(other) is float and not (other == 0 and 0 < one < 1)


def _same_range(one: float, other: float) -> bool:
    if one < 0:
        return other < 0
    if isinstance(one, int) or one == 0:
        return other >= 0
    return 0 < other < 1 if one < 1 else other > 1 if one > 1 else other > 0


def fits(hint: object, value: Value) -> bool:
    """Whether a setting has an annotated type; annotations that are not understood allow anything."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(one, value) for one in arguments)
    if origin is Literal:
        return any(type(one) is type(value) and one == value for one in arguments)
    if origin is Annotated:
        if not fits(arguments[0], value):
            return False
        within = (one for one in arguments[1:] if isinstance(one, Interval))  # which says nothing but of numbers
        return not isinstance(value, int | float) or all(value in one for one in within)
    if origin is tuple:
        each = arguments[:1] * len(value) if arguments[1:] == (...,) and isinstance(value, tuple) else arguments
        return isinstance(value, tuple) and len(value) == len(each) and all(map(fits, each, value))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (bool, str, tuple, list, NoneType) else True
