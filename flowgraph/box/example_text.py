"""The example in the text of a box class: a graph of one box, on numbers of its domain, and the value it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING
from math import inf
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box.example import Example
from flowgraph.box.value import Value

_MOST = 24
"""Elements of an array that is printed; a larger one would not be read."""

_LONGEST = 300
"""Characters of a child, which take four lines."""

_DIGITS = 8
"""Characters of a number that is written as it is."""

_WIDTH = 88
"""Characters of a line, as of a terminal."""


class _Child(NamedTuple):
    """A child as it is written, and its value."""

    text: str
    value: Value


def example_text(cls: type[Any]) -> str:
    """Lines of doctest for a box of flowgraph's own; nothing for one whose examples are too large to print.

    A box of somebody else is not run when its text is read.

    >>> from flowgraph.boxes import Tanh
    >>> example_text(Tanh).splitlines()[2]
    '>>> box = fg.Tanh([-1.0, 0.25, 1.5])'
    """
    if not cls.__module__.startswith("flowgraph.boxes.") or cls.examples is None:
        return ""
    for example in (*_plain(cls), *cls.examples):
        children = [_child(cls, position, one) for position, one in enumerate(example.children)]
        if all(len(child.text) <= _LONGEST for child in children):
            value = _value(cls, [child.value for child in children], example)
            if value is not None:
                return "\n".join(_lines(cls, [child.text for child in children], example, value))
    return ""


def _plain(cls: type[Any]) -> list[Example]:
    """Three numbers for each child, where a box works element by element and needs nothing else."""
    fits = any(base.__name__ == "Elementwise" for base in cls.__mro__) and not cls.variadic
    required = any(field.default is MISSING and field.default_factory is MISSING for field in cls.settings.values())
    if required or not fits or any(not isinstance(one, tuple) for example in cls.examples for one in example.children):
        return []
    return [Example(((3,),) * len(cls.child_names))]


def _child(cls: type[Any], position: int, given: Any) -> _Child:
    """An array as it is; for a shape, numbers of the domain, other ones for each child."""
    if not isinstance(given, tuple):
        array = _short(np.asarray(given))
        return _Child(_shown(array), array)
    count = int(np.prod(given))
    low, high = _range(cls, position, count)
    numbers = np.linspace(low, high, count)
    if count > _MOST:
        return _Child(f"np.linspace({low}, {high}, {count}).reshape{given}", numbers.reshape(given))
    rounded = np.round(numbers, 2).reshape(given)
    return _Child(_shown(rounded), rounded)


def _short(array: Value) -> Value:
    """The array, with two decimals where it has numbers of many, such as 1/3."""
    is_long = array.dtype == np.float64 and any(len(repr(number)) > _DIGITS for number in array.ravel().tolist())
    return np.round(array, 2) if is_long else array


def _range(cls: type[Any], position: int, count: int) -> tuple[float, float]:
    """The first and the last number of a child: inside its domain, and not the same for every child."""
    name = cls.child_names[min(position, len(cls.child_names) - 1)]
    interval = cls.domain.get(name)
    if interval is None:
        return -1.0 + 0.5 * position, 1.5 + 0.5 * position
    low, high = interval.low, interval.high
    low, high = (high - 2 if low == -inf else low), (low + 2 if high == inf else high)
    margin = (high - low) * (0.15 + 0.1 * (position % 2))
    return round(low + margin, 2), round(high - margin, 2)


def _value(cls: type[Any], children: Sequence[Value], example: Example) -> Any:
    """The value, where there is one that can be printed."""
    try:
        with np.errstate(all="ignore"):
            value = cls.apply(*children, **example.settings)
    except (ValueError, ArithmeticError, ImportError, np.linalg.LinAlgError):
        return None
    parts = value if isinstance(value, tuple) else (value,)
    return value if all(np.all(np.isfinite(part)) for part in parts) else None


def _lines(cls: type[Any], given: Sequence[str], example: Example, value: Any) -> list[str]:
    settings = [f"{name}={_setting(setting)}" for name, setting in example.settings.items()]
    box = f"{'fg' if cls.public else 'fg.boxes'}.{cls.__name__}"
    lines = [f">>> box = {box}({', '.join([*given, *settings])})"]
    if len(lines[0]) > _WIDTH:
        names = _names(cls, len(given))
        lines = [f">>> {name} = {_wrapped(text, name)}" for name, text in zip(names, given, strict=True)]
        lines.append(f">>> box = {box}({', '.join([*names, *settings])})")
    call, result = _printed(value)
    if "np." in "".join([*lines, call]):
        lines.insert(0, ">>> import numpy as np")
    return [">>> import flowgraph as fg", *lines, f">>> {call}", result]


def _names(cls: type[Any], count: int) -> list[str]:
    """A variable for each child."""
    fixed = len(cls.child_names) - cls.variadic
    return [*cls.child_names[:fixed], *(f"{cls.child_names[-1]}_{i}" for i in range(count - fixed))]


def _wrapped(text: str, name: str) -> str:
    """A nested list with one row to a line."""
    margin = f"\n...{' ' * (len(name) + 4)}"
    return text.replace("], [", f"],{margin}[") if len(text) + len(name) > _WIDTH - 8 else text


def _printed(value: Any) -> tuple[str, str]:
    """A call and its printed value; shapes only for several outputs, as the sign of an eigenvector is arbitrary."""
    call = "fg.Graph(box).fprop()[box]"
    if isinstance(value, tuple):
        return f"[part.shape for part in {call}]", repr([np.shape(one) for one in value])
    array = np.asarray(value)
    if array.size > _MOST:
        return f"{call}.shape", repr(array.shape)
    if array.dtype.kind in "fc":
        call, array = f"np.round({call}, 4)", np.round(array, 4)
    if not array.ndim:
        return f"print({call})", str(array)
    return call, repr(array).replace("\n\n", "\n<BLANKLINE>\n")


def _setting(value: object) -> str:
    return repr(np.dtype(value).name) if isinstance(value, type) else repr(value)


def _shown(child: Value) -> str:
    """Floats as a list, or the number; another dtype would not survive in a list of no elements."""
    if child.size and child.dtype in (np.float64, np.int_, np.bool_):
        return repr(child.tolist())
    return f"np.array({child.tolist()!r}, dtype={child.dtype.name!r})"
