"""Arrays in containers: a dict, list, tuple, named tuple or dataclass taken apart and put together again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.standing_in import StandIn

T = TypeVar("T")

LEAF = "leaf"

STATIC = ("static", None)
"""The place of a value of an `Open` list in a structure."""

_NONE: Iterator[Any] = iter(())

ARRAYS = (Box, np.ndarray, np.generic, float, complex)

_BRACKETS = {tuple: "({})", list: "[{}]"}

_PLAIN = frozenset({dict, tuple, list})
"""Containers that are recognised by their exact type: `isinstance` of five classes takes 0.3 microseconds."""


def flatten(value: Value, leaves: list[Any], statics: list[Any] | None = None) -> Hashable:
    """Append the arrays, numbers and boxes of a value to `leaves`; return the structure of the containers.

    What is neither array nor container is appended to `statics`, where that is wanted; it is part of the structure,
    unless that list is `Open`.
    """
    kind = type(value)
    if kind is np.ndarray or kind is float or (kind not in _PLAIN and isinstance(value, ARRAYS)):
        leaves.append(value)
        return LEAF
    # arrays are recognised here, without a call for each: flattening takes half of the time of a small derivative
    parts: list[Any] = []
    if kind is dict or isinstance(value, dict):
        for key, part in value.items():
            if type(part) is np.ndarray or isinstance(part, Box):
                leaves.append(part)
                parts.append((key, LEAF))
            else:
                parts.append((key, flatten(part, leaves, statics)))
        return kind, tuple(parts)
    if kind in _PLAIN or isinstance(value, list | tuple):
        for part in value:
            if type(part) is np.ndarray or isinstance(part, Box):
                leaves.append(part)
                parts.append(LEAF)
            else:
                parts.append(flatten(part, leaves, statics))
        return kind, tuple(parts)
    return _flatten_other(value, leaves, statics)


def _flatten_other(value: Value, leaves: list[Any], statics: list[Any] | None) -> Hashable:
    """The structure of a dataclass, a leaf for what stands for a box; any other value is a static one."""
    kind = type(value)
    if isinstance(value, StandIn):
        leaves.append(value.box)
        return LEAF
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return kind, tuple([(f.name, flatten(getattr(value, f.name), leaves, statics)) for f in fields])
    if statics is not None and value is not None:  # None is a part of the structure, as in JAX
        statics.append(value)
        if type(statics) is Open:
            return STATIC
    return "static", Fixed(value)


class Open(list[T]):
    """Arguments that are no arrays and no part of the structure, so that calls which differ in them alone share it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Fixed:
    """A value that is no array: it is the same in all calls of one trace."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and type(self.value) is type(other.value) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


def rebuild(structure: Any, leaves: Iterator[Any], statics: Iterator[Any] = _NONE) -> Any:
    """The container of this structure with these leaves, and these statics where it leaves them open."""
    if structure is LEAF:
        return next(leaves)
    if structure is STATIC:
        return next(statics)
    kind, parts = structure
    if kind == "static":
        return parts.value
    if kind is list or kind is tuple:
        return kind([next(leaves) if part is LEAF else rebuild(part, leaves, statics) for part in parts])
    if issubclass(kind, dict):
        return {key: rebuild(part, leaves, statics) for key, part in parts}
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return kind(*[rebuild(part, leaves, statics) for part in parts])
    if issubclass(kind, list | tuple):
        return kind([rebuild(part, leaves, statics) for part in parts])
    return kind(**{name: rebuild(part, leaves, statics) for name, part in parts})


def text_of(structure: Any, leaves: Iterator[str], names: dict[str, Any], statics: Iterator[str] = _NONE) -> str:
    """What `rebuild` gives, as an expression of Python with these texts for leaves and open statics.

    What the expression needs beside them is entered in `names`.
    """
    if structure is LEAF:
        return next(leaves)
    if structure is STATIC:
        return next(statics)
    kind, parts = structure
    if kind == "static":
        return _name_value(parts.value, names)
    if issubclass(kind, list | tuple):
        listed = "".join([f"{text_of(part, leaves, names, statics)}, " for part in parts])
        if kind in _BRACKETS:
            return _BRACKETS[kind].format(listed)
        return f"{_name_value(kind, names)}({listed if hasattr(kind, '_fields') else f'[{listed}]'})"
    pairs = [(key, text_of(part, leaves, names, statics)) for key, part in parts]
    if issubclass(kind, dict):
        return "{" + "".join([f"{_name_value(key, names)}: {text}, " for key, text in pairs]) + "}"
    return f"{_name_value(kind, names)}({''.join([f'{name}={text}, ' for name, text in pairs])})"


def _name_value(value: Any, names: dict[str, Any]) -> str:
    name = f"part{len(names)}"
    names[name] = value
    return name


def paths(value: Value, name: str) -> Iterator[tuple[str, Any]]:
    """Every leaf, arrays and others, with how one writes it: params['W'], params[0], params.W."""
    if isinstance(value, ARRAYS):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from paths(part, f"{name}[{key!r}]")
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for field, part in zip(value._fields, value, strict=True):
            yield from paths(part, f"{name}.{field}")
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            yield from paths(part, f"{name}[{i}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from paths(getattr(value, field.name), f"{name}.{field.name}")
    else:
        yield name, value.box if isinstance(value, StandIn) else value


def map_leaves(function: Callable[[Any], Any], value: Value) -> Any:
    """The container with the function of each leaf."""
    kind = type(value)
    if kind is np.ndarray or kind is float or (kind not in _PLAIN and isinstance(value, ARRAYS)):
        return function(value)
    if kind is list:
        return [map_leaves(function, part) for part in value]
    if kind is tuple:
        return tuple([map_leaves(function, part) for part in value])
    if isinstance(value, dict):
        return {key: map_leaves(function, part) for key, part in value.items()}
    leaves: list[Any] = []
    structure = flatten(value, leaves)
    return rebuild(structure, iter([function(leaf) for leaf in leaves]))


def arrays_of(value: Value) -> list[Any]:
    """The leaves."""
    if isinstance(value, Box):
        return [value]
    leaves: list[Any] = []
    flatten(value, leaves)
    return leaves


def like(value: Value, leaves: Sequence[Any]) -> Any:
    """A container as `value`, with these leaves."""
    given = iter(leaves)
    return map_leaves(lambda _: next(given), value)


def numbers_as_leaves(structure: Any, leaves: Iterator[Any], whole: list[Any]) -> Any:
    """The structure in which whole numbers and booleans are leaves too; all leaves are appended to `whole`."""
    if structure is LEAF:
        whole.append(next(leaves))
        return LEAF
    kind, parts = structure
    if kind == "static":
        if not isinstance(parts.value, int):
            return structure
        whole.append(parts.value)
        return LEAF
    if issubclass(kind, list | tuple):
        return kind, tuple([numbers_as_leaves(part, leaves, whole) for part in parts])
    return kind, tuple([(key, numbers_as_leaves(part, leaves, whole)) for key, part in parts])
