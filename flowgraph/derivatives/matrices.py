"""Derivatives as products with a vector, jvp, vjp, hvp, and as matrices, for one row and for all rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import numpy as np

from flowgraph.box import Box, Built, Constant, Value
from flowgraph.box.arrays import array_of
from flowgraph.box.leaves import Input
from flowgraph.box.node import current
from flowgraph.boxes.engine.shape_like import RepeatRows, RowsAs, UnitRows
from flowgraph.derivatives.backward_graph import Fallback, boxes_of, gradient, gradients, output_of, sent_back
from flowgraph.derivatives.batching import over_rows, put_in
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.graph.steps import mark_derivatives
from flowgraph.shapes.size import product
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
    return push_forward(output_of("jvp", output), boxes, directions, fallback)


def push_forward(
    output: Box, boxes: list[Box], directions: list[Value], fallback: Fallback | None, units: bool = False
) -> Box:
    """The directional derivative of `jvp`; `units` says that the directions are one-hot arrays."""
    tape = current()
    if tape is not None and tape.at_once and tape.value_of(output) is not None:
        # a slope is linear in what arrives, so that any numbers will do
        zeros = Constant(np.zeros(output.shape, output.dtype))
        tape.differentiate_by(zeros)
        sent = sent_back([output], boxes, [zeros], fallback, "zeros")
        return sent_back(sent, [zeros], directions, fallback, "zeros", units)[0]
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


def _directions(who: str, wrt: Built | Iterable[Built], along: Value) -> tuple[list[Box], list[Value]]:
    """The boxes, and a direction of the shape of each."""
    boxes = boxes_of(who, wrt)
    given: Sequence[Any] = list(along) if isinstance(along, list | tuple) else [along]
    if len(given) != len(boxes):
        raise UsageError(f"{who}: found {len(given)} directions, needs a list of one per box of wrt ({len(boxes)})")
    directions = []
    for box, wanted in zip(boxes, given, strict=True):
        direction = wanted if isinstance(wanted, Box) else Constant(array_of(f"{who}: along", wanted, box.dtype))
        if len(direction.shape) != len(box.shape) or not all(map(same, direction.shape, box.shape)):
            way_out = "" if all(isinstance(size, int) for size in box.shape) else ", such as an Input of that shape"
            raise ShapeError(
                f"{who}: the direction for {box.title} has the shape {shape_text(direction.shape)}, "
                f"needs {shape_text(box.shape)}{way_out}"
            )
        directions.append(direction)
    return boxes, directions


def jacobian(
    output: Built,
    wrt: Built | Iterable[Built],
    *,
    mode: Literal["rows", "columns"] | None = None,
    fallback: Fallback | None = None,
) -> list[Box]:
    """The derivatives of every element of the output, one box of shape (*output.shape, *box.shape) per box of `wrt`.

    `mode="rows"` sends a unit gradient for each element of the output back, `mode="columns"` a unit direction for each
    element of the box forward; by default the fewer. They are sent all at once, along an axis of rows: a value that
    does not depend on them is computed once, and memory grows with the number of rows. An element without a derivative
    (a root of a negative number) is NaN and leaves the zeros beside it.

    Parameters
    ----------
    output : box
        What is differentiated, any shape.
    wrt : box or iterable of boxes
        With respect to what.
    mode : {'rows', 'columns'}, optional
        Backward from each element of the output, or forward from each element of `wrt`; by default the fewer.
    fallback : {'central differences'}, optional
        How the derivative of a `bprop` that does not run on boxes is taken; by default it is refused.

    Returns
    -------
    list of Box
        One per box of `wrt`, shape (*output.shape, *box.shape).

    Raises
    ------
    UsageError
        If `mode` is unknown.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=(2,))
    >>> J, = fg.jacobian(np.stack([x[0] * x[1], np.sin(x[1])]), [x])
    >>> fg.Graph(J).fprop(x=[3.0, 0.0])[J]
    array([[0., 3.],
           [0., 1.]])
    """
    output, boxes = output_of("jacobian", output), boxes_of("jacobian", wrt)
    if mode is not None and (not isinstance(mode, str) or mode not in ("rows", "columns")):
        raise UsageError(f"jacobian: found mode={mode!r}, needs 'rows', 'columns' or None for the fewer")
    _needs_real("jacobian", output, *(boxes if mode == "columns" else ()))
    sizes: list[Any] = [product(box.shape) for box in (output, *boxes)]
    if mode is None and all(isinstance(size, int) for size in sizes):
        mode = "columns" if 2 * sum(sizes[1:]) < sizes[0] and not any(b.dtype.kind == "c" for b in boxes) else "rows"
    if mode == "columns":
        return [_columns(output, box, fallback) for box in boxes]
    arriving = Input("arriving", shape=output.shape, dtype=output.dtype)
    sent = sent_back([output], boxes, [arriving], fallback, "raise", units=True)
    result: list[Box] = [RowsAs(rows, output) for rows in over_rows(sent, {arriving: UnitRows(output)})]
    mark_derivatives(result)
    return result


def hessian(output: Built, wrt: Built | Iterable[Built], *, fallback: Fallback | None = None) -> Box:
    """The matrix of second derivatives of a scalar with respect to all elements of the boxes, in their order: one box.

    Row and column i belong to the i-th element when the boxes are flattened and joined. The rows of a block are
    evaluated at once; of a block and its mirror image the one with fewer rows is computed, the other is its transpose.

    Parameters
    ----------
    output : box
        A scalar.
    wrt : box or iterable of boxes
        With respect to what, n elements together.
    fallback : {'central differences'}, optional
        How the derivative of a `bprop` that does not run on boxes is taken; by default it is refused.

    Returns
    -------
    Box
        The symmetric matrix, shape (n, n).

    Raises
    ------
    UsageError
        If `wrt` is empty.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, y = fg.Input("x", shape=(2,)), fg.Input("y")
    >>> H = fg.hessian(fg.sum(x * x) * y, [x, y])
    >>> fg.Graph(H).fprop(x=[1.0, 2.0], y=3.0)[H]
    array([[6., 0., 2.],
           [0., 6., 4.],
           [2., 4., 0.]])
    """
    output, boxes = output_of("hessian", output), boxes_of("hessian", wrt)
    if not boxes:
        raise UsageError("hessian: found no box in wrt, needs one or more")
    blocks = hessian_blocks(output, boxes, fallback=fallback)
    lines: list[Any] = []
    sizes: list[Any] = [product(box.shape) for box in boxes]
    for i in range(len(boxes)):
        flat: list[Any] = [np.reshape(blocks[i][j], (sizes[i], size)) for j, size in enumerate(sizes)]
        lines.append(flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1))
    return cast(Box, lines[0] if len(lines) == 1 else np.concatenate(lines, axis=0))


def hessian_blocks(output: Box, boxes: list[Box], *, fallback: Fallback | None = None) -> list[list[Box]]:
    """The block of shape (*box.shape, *other.shape) for each pair of boxes."""
    _needs_real("hessian", output, *boxes)
    sent = gradient(output, boxes, fallback=fallback)
    count = len(boxes)
    sizes: list[Any] = [product(box.shape) for box in boxes]
    order = sorted(range(count), key=lambda i: float("inf") if isinstance(sizes[i], str) else sizes[i])
    blocks: list[list[Any]] = [[None] * count for _ in boxes]
    for place, i in enumerate(order):
        later = order[place:]
        along = Input("along", shape=boxes[i].shape, dtype=boxes[i].dtype)
        products = sent_back([sent[i]], [boxes[j] for j in later], [along], fallback, "zeros", units=True)
        for j, rows in zip(later, over_rows(products, {along: UnitRows(boxes[i])}), strict=True):
            blocks[i][j] = RowsAs(rows, boxes[i])
            if i != j:
                blocks[j][i] = _swap_axes(blocks[i][j], boxes[i].ndim, boxes[j].ndim)
    mark_derivatives(block for line in blocks for block in line)
    return blocks


def zero_jacobian(output: Box, box: Box) -> Box:
    """The Jacobian of an output that does not depend on the box."""
    result = RowsAs(RepeatRows(np.zeros_like(cast(Any, box)), UnitRows(output)), output)
    mark_derivatives([result])
    return result


def _needs_real(who: str, *boxes: Box) -> None:
    """A matrix of second derivatives, or the derivatives of a complex value, take a real and an imaginary part each."""
    for box in boxes:
        if box.dtype.kind == "c":
            raise DtypeError(
                f"{who}: {box.title} has dtype {box.dtype}, needs real values; differentiate np.real and np.imag of an "
                f"output, and build a complex child of two real ones, re + 1j * im"
            )


def _columns(output: Box, box: Box, fallback: Fallback | None) -> Box:
    """The Jacobian from slopes along every unit direction of the box."""
    along = Input("along", shape=box.shape, dtype=box.dtype)
    slope = push_forward(output, [box], [along], fallback, units=True)
    (rows,) = over_rows([slope], {along: UnitRows(box)})
    result = _swap_axes(RowsAs(rows, box), box.ndim, output.ndim)
    mark_derivatives([result])
    return result


def _swap_axes(block: Box, first: int, second: int) -> Box:
    """The last axes of a block before the first ones."""
    return block.transpose((*range(first, first + second), *range(first)))
