"""What a box does, as mathematics is written: a², [:, 3], mean over the last axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.printable import printable
from flowgraph.rendering.kinds import is_operand
from flowgraph.rendering.wording import exact_text, shape_text

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SHORT = 18
"""Characters of a setting that a tile shows."""

_LONGEST_BASE = 6
"""Letters of a name that is written as the base of a power."""


def operation(box: Box, child_name: str = "") -> str:
    """The operation of a box: its symbol with constant operands and the settings that matter.

    `child_name` is the name of its child where that has one, the base of a power.
    """
    symbol = type(box).symbol
    if symbol == "^p":
        return printable(_power(child_name, box.setting_values()["exponent"]))
    if symbol == "²":
        return printable(_power(child_name, 2))
    if symbol == "[ ]":
        parts = ", ".join(map(index_text, box.setting_values()["index"]))
        return printable(f"[{parts}]".replace("-", "−"))
    if symbol == "T" and (box.setting_values()["axes"] is None or len(box.shape) == 2):
        return printable(f"{child_name if child_name and len(child_name) <= _LONGEST_BASE else '( )'}ᵀ")
    for place in (place for place, child in enumerate(box.children) if is_operand(child, box)):
        number = exact_text(box.children[place].value)
        symbol = f"{number} {symbol}" if place == 0 and not symbol[0].isalpha() else f"{symbol} {number}"
    return printable("  ".join([symbol, *shown_settings(box)]))


def index_text(part: Value) -> str:
    """A part of an index as it is written between brackets, a step of 1 left out; an array of places is a dot."""
    if part is None or part is Ellipsis or isinstance(part, str):
        return "None" if part is None else "…" if part is Ellipsis else "·"
    if not isinstance(part, slice):
        return str(part)
    ends = ["" if end is None else str(end) for end in (part.start, part.stop, part.step)]
    return ":".join(ends[: 2 + (part.step not in (None, 1))])


def shown_settings(box: Box) -> list[str]:
    """The first two settings that differ from their defaults and that the shape does not tell, where they are short."""
    return [text for text in settings_in_words(box) if len(text) <= _SHORT][:2]


def settings_in_words(box: Box, said: Container[str] = ()) -> list[str]:
    """The settings that differ from their defaults and that the shape does not tell, but those that are said."""
    texts = []
    for name, field in box.settings.items():
        value = getattr(box, name)
        default = field.default if field.default is not dataclasses.MISSING else None
        if name in said or value is default or _equal(value, default):
            continue
        text = _IN_WORDS[name](box, value) if name in _IN_WORDS else _in_words(name, value)
        if text:
            texts.append(text)
    return texts


def setting_text(value: Value) -> str:
    """A setting as its user wrote it."""
    if isinstance(value, float):
        return exact_text(value)
    if isinstance(value, np.ndarray):
        return f"array {shape_text(value.shape)}"
    return repr(value)


def _in_words(name: str, value: Value) -> str:
    """A setting as it is said: a choice by its name, a switch by what it switches on or off."""
    name = name.replace("_", " ")
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if isinstance(value, tuple):
        return f"{name} {_numbers(value)}"
    return f"{name} {value}" if isinstance(value, str) else f"{name} {setting_text(value)}".replace("-", "−")


def _numbers(values: tuple[Value, ...]) -> str:
    """A few numbers, as those of a shape or of a step along each axis."""
    return ", ".join(map(setting_text, values)).replace("-", "−") or "none"


def _power(base: str, exponent: float) -> str:
    base = base if base and len(base) <= _LONGEST_BASE else "( )"
    if exponent == 0.5:
        return f"√{base}"
    if exponent == -1:
        return f"1 / {base}"
    if float(exponent).is_integer():
        return f"{base}{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return f"{base}^{exact_text(exponent)}"


def _axis(box: Box, value: Value) -> str:
    """Over which axes a box reduces, or along which it works."""
    lead = "over" if "keepdims" in box.settings else "along"
    axes = value if isinstance(value, tuple) else (value,)
    if value is None or len(axes) != 1:
        return f"{lead} all axes" if value is None else f"{lead} axes {_numbers(axes)}" if axes else f"{lead} no axis"
    rank = len(box.children[0].outputs[0].shape)
    last = axes[0] in (-1, rank - 1) and rank > 1
    return f"{lead} the last axis" if last else f"{lead} axis {_numbers(axes)}"


def _axes(box: Box, value: Value) -> str:
    """The order of axes, those that two children share, or those along which a box works."""
    if type(box).symbol == "T":
        return str(value).replace("-", "−")
    if isinstance(value, tuple) and any(isinstance(axes, tuple) for axes in value):
        return f"over axes {' and '.join(map(_numbers, value))}"
    return _axis(box, value)


def _index(value: Value) -> str:
    """Of an array, between brackets; a number alone counts the parts of a value."""
    if not isinstance(value, tuple):
        return _in_words("index", value)
    return f"[{', '.join(map(index_text, value))}]".replace("-", "−")


def _places(box: Box, value: Value) -> str:
    """Where an array is cut; a number alone says into how many parts."""
    return f"into {value}" if type(box).symbol == "split" and isinstance(value, int) else _in_words("at", value)


def _nothing(box: Box, value: Value) -> str:
    """For operations that the shape of the value already shows."""
    return ""


_IN_WORDS: dict[str, Callable[[Box, Value], str]] = {
    "axis": _axis,
    "axes": _axes,
    "keepdims": _nothing,
    "to": _nothing,
    "index": lambda box, value: _index(value),
    "subscripts": lambda box, value: str(value).replace("->", " → "),
    "at": _places,
    "low": lambda box, value: f"from {setting_text(value)}",
    "high": lambda box, value: f"to {setting_text(value)}",
}
"""How settings are said that mathematics has its own words for."""


def _equal(value: Value, default: object) -> bool:
    return type(value) is type(default) and not isinstance(value, np.ndarray) and bool(value == default)
