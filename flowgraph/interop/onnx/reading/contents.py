"""Sizes of axes that a model computes with: followed as far as they are polynomials of the sizes of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Constant
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.reading.node import Node, content
from flowgraph.shapes.size import Size, divide

MOST = 4096
"""Elements of a value that is followed."""


def content_of(node: Node) -> Any:
    """The known value of an operation, an array of objects that may contain symbolic sizes; None if unknown."""
    if node.kind == "Shape" and node.inputs[0] is not None:
        return _objects(node.inputs[0].shape)[node.get("start", 0) : node.get("end")]
    rule = FOLLOWED.get(node.kind)
    if rule is None or node.domain or not node.inputs:
        return None
    given = [None if box is None else content(box, node.contents) for box in node.inputs]
    if given[0] is None or not any(box in node.contents for box in node.inputs if box is not None):
        return None
    if any(one is None or one.size > MOST for one, box in zip(given, node.inputs, strict=True) if box is not None):
        return None
    try:
        return np.asarray(rule(node, *[None if one is None else one.astype(object) for one in given]), object)
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None  # such as a quotient that is no polynomial: its value is known in the run


def as_constant(known: Foreign, dtype: Foreign) -> Constant | None:
    """A constant in place of a value in which no size of an axis is left."""
    if known is None or any(isinstance(one, Size) for one in known.flat):
        return None
    return Constant(known.astype(dtype))


def _objects(values: Sequence[Any]) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _quotient(one: Foreign, other: Foreign) -> Any:
    found = divide(one, other) if isinstance(one, Size) or isinstance(other, Size) else int(one / other)
    if found is None:
        raise ValueError("the quotient of two symbolic sizes is not a polynomial; export the model with fixed sizes")
    return found


def _equal(one: Foreign, other: Foreign) -> bool:
    """Sizes are never negative; whether two others agree is not known."""
    if isinstance(one, Size) or isinstance(other, Size):
        if one == other and isinstance(one, Size) and isinstance(other, Size):
            return True
        if min((x for x in (one, other) if not isinstance(x, Size)), default=0) < 0:
            return False
        raise ValueError(
            "whether two symbolic sizes are equal is known only in a run; export the model with fixed sizes"
        )
    return bool(one == other)


def _each(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def of_two(a: Foreign, b: Foreign) -> Any:
        if isinstance(a, Size) or isinstance(b, Size):
            a, b = _whole(a), _whole(b)
        return function(a, b)

    return lambda node, a, b: np.frompyfunc(of_two, 2, 1)(a, b)


def _whole(number: Foreign) -> Any:
    """A number beside a symbolic size, whose polynomials have whole numbers only."""
    if isinstance(number, Size):
        return number
    if not float(number).is_integer():
        raise ValueError("a symbolic size and a fraction are no polynomial")
    return int(number)


def _gathered(node: Node, a: Foreign, places: Foreign) -> Any:
    return np.take(a, places.astype(int), axis=node.get("axis", 0))


def _sliced(node: Node, a: Foreign, *_: Foreign) -> Any:
    (start,), (stop,) = node.ints("starts", 1), node.ints("ends", 2)
    step = node.ints("steps", 4, (1,))[0]
    return a[start:stop:step]


def _total(node: Node, a: Foreign, *_: Foreign) -> Any:
    total: Any = 1
    for one in a.flat:
        total = total * one
    return np.reshape(np.array(total, object), (1,) * a.ndim if node.get("keepdims", 1) else ())


def _where(node: Node, condition: Foreign, a: Foreign, b: Foreign) -> Any:
    return np.where(condition.astype(bool), a, b)


FOLLOWED: Mapping[str, Callable[..., Any]] = {
    "Add": _each(lambda a, b: a + b),
    "Sub": _each(lambda a, b: a - b),
    "Mul": _each(lambda a, b: a * b),
    "Div": _each(_quotient),
    "Equal": _each(_equal),
    "Where": _where,
    "Gather": _gathered,
    "Slice": _sliced,
    "ReduceProd": _total,
    "Cast": lambda node, a: a,
    "Identity": lambda node, a: a,
    "Concat": lambda node, *arrays: np.concatenate(arrays, axis=node.get("axis")),
    "Unsqueeze": lambda node, a, *_: np.expand_dims(a, node.ints("axes", 1)),
    "Squeeze": lambda node, a, *_: np.squeeze(a, node.ints("axes", 1)),
    "Reshape": lambda node, a, shape: np.reshape(a, [int(one) for one in shape]),
}
