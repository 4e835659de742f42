"""What each derivative of a function does once its arguments are boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph import derivatives
from flowgraph.box import Box, Constant, Value
from flowgraph.box.tape import Tape
from flowgraph.derivatives.backward_graph import Fallback
from flowgraph.derivatives.matrices import zero_jacobian
from flowgraph.derivatives.tape_sweep import gradients_in_numbers
from flowgraph.errors import ShapeError, UsageError
from flowgraph.functional.arguments import name_of
from flowgraph.loops.containers import arrays_of, like, map_leaves
from flowgraph.shapes.spec import same, shape_text


class Subject(NamedTuple):
    """The output of a function, the container of boxes that it is differentiated by, these, and the vector, if any.

    `tape` is that of the call whose result is asked for, in numbers; None inside of another call, and for a graph.
    """

    f: Callable[..., Any]
    output: Any
    by: Any
    boxes: list[Any]
    vector: Any
    fallback: Fallback | None
    tape: Tape | None = None

    def backward(self, outputs: Sequence[Box], grads: Sequence[Any], wrt: Sequence[Box] | None = None) -> list[Any]:
        """The gradients of the outputs, by the boxes that it is differentiated by: in numbers on a tape, else boxes."""
        wrt = self.boxes if wrt is None else wrt
        if self.tape is not None:
            return gradients_in_numbers(self.tape, outputs, wrt, grads, self.fallback is not None)
        return self.backward_boxes(outputs, grads, wrt)

    def backward_boxes(self, outputs: Sequence[Box], grads: Sequence[Any], wrt: Sequence[Box]) -> list[Any]:
        """The gradients as boxes, to be differentiated again."""
        return derivatives.gradients(outputs, wrt, grads, fallback=self.fallback, unused="zeros")

    def scalar(self) -> Box:
        """The output, which has to be one number, with axes of size 1 or none; its gradient is that of the number."""
        box = self.box()
        if any(size != 1 for size in box.shape):
            raise UsageError(
                f"{name_of(self.f)}: returned the shape {shape_text(box.shape)}, and only a scalar has a gradient by "
                f"itself; reduce it with np.sum or np.mean, or use jacobian, elementwise_grad or vjp"
            )
        return self.real(box.reshape(()) if box.shape else box)

    def outputs(self) -> list[Box]:
        """The boxes of the output, one or a container of them."""
        return [self._differentiable(output) for output in arrays_of(self.output) or [self.output]]

    def box(self) -> Box:
        """The output, which has to be one box."""
        if not isinstance(self.output, Box) and any(isinstance(output, Box) for output in arrays_of(self.output)):
            raise UsageError(
                f"{name_of(self.f)}: returned {_kind_of(self.output)}, needs one array here; return the one that is "
                f"differentiated, or use jacobian, jvp or vjp, which take containers"
            )
        return self._differentiable(self.output)

    def real(self, box: Box) -> Box:
        """The output, which has to be real."""
        if box.dtype.kind == "c":
            raise UsageError(
                f"{name_of(self.f)}: returned dtype {box.dtype}, and only a real value has a gradient by itself; "
                f"return np.real, np.imag or np.abs of it, or use vjp"
            )
        return box

    def _differentiable(self, output: Value) -> Box:
        """An output, which has to be a box of real or complex values."""
        if not isinstance(output, Box):
            raise UsageError(
                f"{name_of(self.f)}: returned {_kind_of(output)}, which has no gradient; needs an array or a number, "
                f"what NumPy makes of the arguments"
            )
        if output.dtype.kind not in "fc":
            raise UsageError(
                f"{name_of(self.f)}: returned dtype {output.dtype}, and only real or complex values have a gradient"
            )
        return output


def as_boxes(output: Value) -> Any:
    """The result of a function as boxes; arrays and numbers that do not depend on the arguments become constants.

    Its gradient is zero, and whole numbers count as real ones: a sum that starts at 0 may stay there.
    """
    if isinstance(output, Box):
        return output
    return map_leaves(_as_box, float(output) if type(output) is int else output)


def _as_box(leaf: object) -> Box:
    if isinstance(leaf, Box):
        return leaf
    return Constant(leaf, dtype=float if np.asarray(leaf).dtype.kind in "iu" else None)


def _kind_of(value: Value) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def grad(subject: Subject) -> Any:
    """The gradient, in the containers of the arguments."""
    return like(subject.by, subject.backward([subject.scalar()], [None]))


def value_and_grad(subject: Subject) -> Any:
    """The value, then the gradient."""
    return subject.box(), grad(subject)


def grad_and_aux(subject: Subject) -> Any:
    """The gradient of the first of two results, and the second."""
    output = subject.output
    if not isinstance(output, tuple | list) or len(output) != 2:
        raise UsageError(
            f"{name_of(subject.f)}: returned {_kind_of(output)}, needs two results, the scalar that is "
            f"differentiated and what is passed on; use grad where there is only the first"
        )
    return grad(subject._replace(output=output[0])), output[1]


def elementwise_grad(subject: Subject) -> Any:
    """The gradient of the sum of the output."""
    output = subject.real(subject.box())
    summed: Any = np.sum(output) if output.shape else output
    return like(subject.by, subject.backward([summed], [Constant(np.ones((), output.dtype))]))


def vjp(subject: Subject) -> Any:
    """The gradient of <vector, output>."""
    outputs = subject.outputs()
    return like(subject.by, subject.backward(outputs, _vectors(subject, outputs)))


def jvp(subject: Subject) -> Any:
    """The slope of the output along the vector, in the containers of the output."""
    outputs, boxes = subject.outputs(), subject.boxes
    vectors = _vectors(subject, boxes)
    slopes = []
    for output in outputs:
        reached = [i for i, box in enumerate(boxes) if _leads(output, box)]
        chosen = [boxes[i] for i in reached], [vectors[i] for i in reached]
        slopes.append(derivatives.jvp(output, *chosen, fallback=subject.fallback) if reached else np.zeros_like(output))
    return like(subject.output, slopes)


def hvp(subject: Subject) -> Any:
    """The product of the Hessian and the vector, in the containers of the arguments."""
    output, boxes = subject.scalar(), subject.boxes
    vectors = _vectors(subject, boxes)
    return like(subject.by, subject.backward(subject.backward_boxes([output], [None], boxes), vectors))


def jacobian(subject: Subject) -> Any:
    """A Jacobian per array, in the containers of the output, and in each those of the arguments."""
    return like(subject.output, [like(subject.by, _jacobians(subject, output)) for output in subject.outputs()])


MOST_PASSES = 64
"""Elements of an output up to which its Jacobian is made of a backward pass for each; of more, of one over all rows."""


def _rows(subject: Subject, output: Box) -> list[Any] | None:
    """The derivatives of each element by each array, by a pass for each; None where one pass over all is to be taken.

    That is so where a row has a NaN too: what an element does not take is masked for all rows at once.
    """
    boxes, size = subject.boxes, math.prod(map(int, output.shape)) if subject.tape is not None else 0
    if subject.tape is None or size > MOST_PASSES or any(box.dtype.kind == "c" for box in (output, *boxes)):
        return None
    rows = [np.zeros((size, *box.shape), box.dtype) for box in boxes]
    for i in range(size):
        unit = np.zeros(output.shape, output.dtype)
        unit.flat[i] = 1
        for row, gradient in zip(rows, subject.backward([output], [unit]), strict=True):
            row[i] = gradient
    if any(np.isnan(row).any() for row in rows):
        return None
    return [row.reshape((*output.shape, *box.shape)) for row, box in zip(rows, boxes, strict=True)]


def _jacobians(subject: Subject, output: Box) -> list[Any]:
    """The Jacobian of one output by each array."""
    rows = _rows(subject, output)
    if rows is not None:
        return rows
    return [
        derivatives.jacobian(output, box, fallback=subject.fallback)[0]
        if _leads(output, box) else zero_jacobian(output, box)
        for box in subject.boxes
    ]  # fmt: skip


def hessian(subject: Subject) -> Any:
    """A block per pair of arrays, in containers of containers."""
    output, boxes = subject.scalar(), subject.boxes
    if subject.tape is not None:
        by_passes = [_rows(subject, gradient) for gradient in subject.backward_boxes([output], [None], boxes)]
        complete = [line for line in by_passes if line is not None]
        if len(complete) == len(by_passes):
            return like(subject.by, [like(subject.by, line) for line in complete])
    reached = [box for box in boxes if _leads(output, box)]
    blocks = derivatives.hessian_blocks(output, reached, fallback=subject.fallback) if reached else []
    block_of = {(i, j): blocks[a][b] for a, i in enumerate(reached) for b, j in enumerate(reached)}
    lines = [[block_of[i, j] if (i, j) in block_of else zero_jacobian(i, j) for j in boxes] for i in boxes]
    return like(subject.by, [like(subject.by, line) for line in lines])


def _leads(output: Box, box: Box) -> bool:
    """Whether a differentiable path leads from the output to the box."""
    from flowgraph.graph import Graph
    from flowgraph.graph.steps import refuse_lost

    graph = Graph(output)
    cut = graph.cut((box,))
    refuse_lost(graph, [lost for lost in cut if lost in graph])
    return not cut


def _vectors(subject: Subject, boxes: Sequence[Box]) -> list[Any]:
    """The arrays of the vector, of the shapes of these boxes."""
    vectors = arrays_of(subject.vector)
    if len(vectors) != len(boxes):
        raise UsageError(
            f"{name_of(subject.f)}: found {len(vectors)} arrays in the vector, the last argument, needs {len(boxes)}"
        )
    result = []
    for vector, box in zip(vectors, boxes, strict=True):
        if len(vector.shape) != len(box.shape) or not all(map(same, vector.shape, box.shape)):
            raise ShapeError(
                f"{name_of(subject.f)}: the vector, the last argument, has the shape {shape_text(vector.shape)}, "
                f"needs {shape_text(box.shape)}"
            )
        result.append(vector if vector.dtype == box.dtype else vector.astype(box.dtype))
    return result
