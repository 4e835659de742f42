"""Products of a Jacobian or a Hessian with a vector, at a small multiple of the cost of the function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from flowgraph.box import Box, Built, Constant, Value
from flowgraph.box.leaves import Input
from flowgraph.derivatives.backward_graph import Fallback, boxes_of, gradient, gradients, sent_back
from flowgraph.errors import ShapeError, UsageError
from flowgraph.graph.steps import mark_derivatives, replay
from flowgraph.graph.topology import topological_order
from flowgraph.shapes.spec import same, shape_text


def vjp(output: Built, wrt: Built | Iterable[Built], grad: Value, *, fallback: Fallback | None = None) -> list[Box]:
    """The vector-Jacobian product Jᵀ grad, one box per box of `wrt`: what `bprop` is for a whole graph.

    Parameters
    ----------
    output : box
        What is differentiated, any shape.
    wrt : box or iterable of boxes
        With respect to what.
    grad : box or array_like
        The cotangent of the output, of its shape.
    fallback : {'central differences'}, optional
        How the derivative of a `bprop` that does not run on boxes is taken; by default it is refused.

    Returns
    -------
    list of Box
        Jᵀ grad, one part per box of `wrt`, of its shape.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=(2,))
    >>> dx, = fg.vjp(x * x, [x], np.array([1.0, 10.0]))
    >>> fg.Graph(dx).fprop(x=[3.0, 4.0])[dx]
    array([ 6., 80.])
    """
    return gradient(output, wrt, grad, fallback=fallback)


def jvp(output: Built, wrt: Built | Iterable[Built], along: Value, *, fallback: Fallback | None = None) -> Box:
    """The Jacobian-vector product J v, a box of the shape of the output: the slope of the output along directions.

    `along` is one array or box per box of `wrt`. Forward mode comes from the same bprop: the gradient is linear in
    what arrives at the output, u ↦ Jᵀu, and the gradient of <Jᵀu, v> by u is J v. What arrives does not occur in it,
    so it reads the values of the graph and nothing of the backward pass; its cost is a small multiple of fprop. It is
    zeros where the output is flat (np.sign, np.floor, the gradient of np.abs).

    Parameters
    ----------
    output : box
        What is differentiated, any shape.
    wrt : box or iterable of boxes
        With respect to what.
    along : box or array_like, or a sequence of such
        The vector v: one array per box of `wrt`, of its shape.
    fallback : {'central differences'}, optional
        How the derivative of a `bprop` that does not run on boxes is taken; by default it is refused.

    Returns
    -------
    Box
        J v, of the shape of the output.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=(2,))
    >>> slope = fg.jvp(x * x, [x], [np.array([1.0, 10.0])])
    >>> fg.Graph(slope).fprop(x=[3.0, 4.0])[slope]
    array([ 6., 80.])
    """
    boxes, directions = _directions("jvp", wrt, along)
    return pushed(cast(Box, output), boxes, directions, fallback)


def pushed(
    output: Box, boxes: list[Box], directions: list[Value], fallback: Fallback | None, units: bool = False
) -> Box:
    """The directional derivative of `jvp`; `units` says that the directions are one-hot arrays."""
    arriving = Input("arriving", shape=output.shape, dtype=output.dtype)
    sent = gradient(output, boxes, arriving, fallback=fallback)
    (slope,) = sent_back(sent, [arriving], directions, fallback, "zeros", units)
    result = put_in(slope, {arriving: output})
    mark_derivatives([result])
    return result


def hvp(output: Built, wrt: Built | Iterable[Built], along: Value, *, fallback: Fallback | None = None) -> list[Box]:
    """The Hessian-vector product H v of a scalar, one box per box of `wrt`: the gradient of <gradient, v>.

    It costs a small multiple of a gradient, whatever the number of parameters.

    Parameters
    ----------
    output : box
        A scalar.
    wrt : box or iterable of boxes
        With respect to what.
    along : box or array_like, or a sequence of such
        The vector v: one array per box of `wrt`, of its shape.
    fallback : {'central differences'}, optional
        How the derivative of a `bprop` that does not run on boxes is taken; by default it is refused.

    Returns
    -------
    list of Box
        The parts of H v, one per box of `wrt`, of its shape.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=(2,))
    >>> Hv, = fg.hvp(fg.sum(x * x * x), [x], [np.array([1.0, 0.0])])
    >>> fg.Graph(Hv).fprop(x=[3.0, 4.0])[Hv]
    array([18.,  0.])
    """
    boxes, directions = _directions("hvp", wrt, along)
    sent = gradient(output, boxes, fallback=fallback)
    return gradients(sent, boxes, directions, fallback=fallback, unused="zeros")


def put_in(box: Box, leaves: dict[Box, Box]) -> Box:
    """The box with other boxes in the place of some leaves; what does not read them stays as it is."""
    boxes = topological_order([box])
    touched = set(leaves)
    for one in boxes:
        if any(child in touched for child in one.children):
            touched.add(one)
    known = {one: leaves.get(one, one) for one in boxes if one in leaves or one not in touched}
    found: Box = replay(boxes, {one: i for i, one in enumerate(boxes)}, known)[-1]
    return found


def _directions(who: str, wrt: Built | Iterable[Built], along: Value) -> tuple[list[Box], list[Value]]:
    """The boxes, and a direction of the shape of each."""
    boxes = boxes_of(who, wrt)
    given: Sequence[Any] = list(along) if isinstance(along, list | tuple) else [along]
    if len(given) != len(boxes):
        raise UsageError(f"{who}: found {len(given)} directions, needs a list of one per box of wrt ({len(boxes)})")
    directions = []
    for box, one in zip(boxes, given, strict=True):
        direction = one if isinstance(one, Box) else Constant(np.asarray(one), dtype=box.dtype)
        if len(direction.shape) != len(box.shape) or not all(map(same, direction.shape, box.shape)):
            way_out = "" if all(isinstance(size, int) for size in box.shape) else ", such as an Input of that shape"
            raise ShapeError(
                f"{who}: the direction for {box.title} has the shape {shape_text(direction.shape)}, "
                f"needs {shape_text(box.shape)}{way_out}"
            )
        directions.append(direction)
    return boxes, directions
