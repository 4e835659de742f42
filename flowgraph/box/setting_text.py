"""A setting of a box in a docstring: its type, its default, and what it means where NumPy's word says that."""

from __future__ import annotations

import dataclasses
import types
from math import inf
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from flowgraph.box.interval import Interval
from flowgraph.box.settings import annotation_of

WORDS = {
    "axis": "The axis of the operation; a negative one counts from the last.",
    "axis or axes": "The axis or axes of the operation; a negative one counts from the last, None means all.",
    "keepdims": "Whether the reduced axes stay, with size 1.",
    "ddof": "Delta degrees of freedom: N - ddof elements divide the sum.",
    "ignore_nan": "Whether elements that are NaN are left out.",
    "stride": "Steps between windows, in elements: an int for every spatial axis, or one per axis.",
    "stride or size": "Steps between windows, in elements: an int or one per axis; None for the size of the window.",
    "size": "Size of the window in elements: an int for the last two axes, or one per axis.",
    "padding": (
        "Zeros before and after each spatial axis, in elements: an int for all, one int or pair per axis, or 'same'."
    ),
    "dilation": "Distance between the elements of a window, in elements: an int for all axes, or one per axis.",
    "groups": "Number of groups of channels that are convolved separately.",
    "s": "Lengths of the transformed axes, in elements; None keeps those of the child.",
    "norm": "How the transform is scaled, as in `numpy.fft`; None stands for 'backward'.",
    "axes": "The axes of the operation; None means all.",
}
"""What settings mean that have one meaning in every box; a class describes its own in its docstring."""

_WITH_NONE = {"axis": "axis or axes", "stride": "stride or size"}
"""The key of a setting that may be None as well, which means something then."""


def setting_lines(cls: type[Any], name: str) -> str:
    """The entry of a setting in the section Parameters."""
    annotation = annotation_of(cls, name)
    is_open = type(None) in get_args(annotation)
    key = _WITH_NONE.get(name, name) if is_open else name
    words = WORDS.get(key, "") if cls.__module__.startswith("flowgraph.") else ""
    default = _default(cls.settings[name])
    return f"{name} : {type_text(annotation)}{default}" + (f"\n    {words}" if words else "")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f", default {field.default!r}"
    return "" if field.default_factory is dataclasses.MISSING else f", default {field.default_factory()!r}"


def type_text(annotation: Any) -> str:
    """An annotation as numpydoc writes types.

    >>> type_text(tuple[int, ...] | None), type_text(Annotated[int, Interval(1)]), type_text(Literal["L", "U"])
    ('tuple of int or None', 'int, at least 1', "{'L', 'U'}")
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(arguments[0]) + "".join(_bounds(one) for one in arguments[1:] if isinstance(one, Interval))
    if origin is Literal:
        return f"{{{', '.join(map(repr, arguments))}}}"
    if origin in (Union, types.UnionType):
        return " or ".join(type_text(one) for one in arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return "tuple" if arguments[0] is Any else f"tuple of {type_text(arguments[0])}"
    if origin is tuple and arguments:
        return f"({', '.join(type_text(one) for one in arguments)})"
    return _plain(annotation if origin is None else origin)


def _plain(annotation: Any) -> str:
    named = {Any: "object", types.NoneType: "None", np.ndarray: "ndarray"}
    return named[annotation] if annotation in named else str(getattr(annotation, "__name__", annotation))


def _bounds(interval: Interval) -> str:
    low, high = ("above", "below") if interval.open else ("at least", "at most")
    lower = f"{low} {interval.low:g}" if interval.low != -inf else ""
    upper = f"{high} {interval.high:g}" if interval.high != inf else ""
    return "".join(f", {one}" for one in (lower, upper) if one)
