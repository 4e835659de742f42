"""The code that builds a box: by NumPy's or SciPy's function, by flowgraph's, or by its class, as is tried."""

from __future__ import annotations

import contextlib
import importlib
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box
from flowgraph.printable import printable


def code_of(box: Box) -> list[str]:
    """Lines that build a box like this one of its children, the shortest way first: "np.tanh(a)", "fg.Tanh(a)".

    Children stand under the names of their boxes; the class is given every setting, its defaults too. A function of
    NumPy, SciPy or flowgraph is named where it has been called on these children and has built such a box.
    """
    cls = type(box)
    settings = box.setting_values()
    plain = all(_is_default(cls, name, value) for name, value in settings.items())
    names = [child.name or child.symbol for child in box.children]
    lines = [f" {sign} ".join(names) for sign, function in _OPERATORS if _builds(function, box.children, cls)]
    lines += [
        f"{said}({', '.join(names)})" for said, function in _functions(cls)
        if plain and _builds(function, box.children, cls)
    ]  # fmt: skip
    home = "fg" if cls.public else "fg.boxes"
    arguments = [*names, *(f"{name}={_value(value)}" for name, value in settings.items())]
    return [*lines, f"{home}.{cls.__name__}({', '.join(arguments)})"]


def _functions(cls: type[Box]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions that may build a box of a class, with what one writes."""
    declared: tuple[Any, ...] = cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,)
    for one in declared:
        if isinstance(one, str):
            module, _, name = one.rpartition(".")
            with contextlib.suppress(ImportError, AttributeError):
                yield one, getattr(importlib.import_module(module), name)
            continue
        name = getattr(one, "__name__", "")
        function = getattr(np, name, None)
        if callable(function) and function is one:
            yield f"np.{name}", function
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
    for name in dict.fromkeys((word, word.replace("_", ""))):
        function = getattr(boxes, name, None)
        if callable(function) and not isinstance(function, type) and name in boxes.__all__:
            yield f"fg.{name}", function


def _builds(function: Callable[..., Any], children: Sequence[Box], cls: type[Box]) -> bool:
    """Whether the function makes one box of the class of these children, and nothing besides."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = function(*children)
    except Exception:  # whatever it refuses them with, it is no way to build the box
        return False
    return type(made) is cls and len(made.children) == len(children) and all(map(operator.is_, made.children, children))


def _is_default(cls: type[Box], name: str, value: object) -> bool:
    default = getattr(cls, name, _MISSING)
    return default is value or (type(default) is type(value) and not isinstance(value, np.ndarray) and default == value)


_MISSING = object()

_OPERATORS = (
    ("+", operator.add), ("-", operator.sub), ("*", operator.mul), ("/", operator.truediv), ("@", operator.matmul),
    ("**", operator.pow), ("//", operator.floordiv), ("%", operator.mod), ("<", operator.lt), ("<=", operator.le),
    (">", operator.gt), (">=", operator.ge), ("&", operator.and_), ("|", operator.or_), ("^", operator.xor),
)  # fmt: skip
"""Python's operators of two operands."""


def _value(value: object) -> str:
    """A setting as code."""
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_value(one)}" for key, one in value.items()) + "}"
    return printable(repr(value))
