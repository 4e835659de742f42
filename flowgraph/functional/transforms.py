"""What each derivative of a function does once its arguments are boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph import derivatives
from flowgraph.box import Box, Constant, Value
from flowgraph.derivatives.backward_graph import Fallback
from flowgraph.derivatives.matrices import zero_jacobian
from flowgraph.errors import ShapeError, UsageError
from flowgraph.functional.arguments import name_of
from flowgraph.loops.containers import arrays_of, like, mapped
from flowgraph.shapes.spec import same, shape_text

Gradients = Callable[..., list[Any]]


class Subject(NamedTuple):
    """The output of a function, the container of boxes that it is differentiated by, and the vector, if any.

    `gradients` is what computes gradients: `derivatives.gradients`, which builds boxes, or the same in numbers.
    """

    f: Callable[..., Any]
    output: Any
    by: Any
    vector: Any
    fallback: Fallback | None
    gradients: Gradients = derivatives.gradients

    @property
    def boxes(self) -> list[Any]:
        """The boxes that it is differentiated by."""
        return arrays_of(self.by)

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
                f"{name_of(self.f)}: returned {_described(self.output)}, needs one array here; return the one that is "
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
                f"{name_of(self.f)}: returned {_described(output)}, which has no gradient; needs an array or a number, "
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
    return mapped(_as_box, float(output) if type(output) is int else output)


def _as_box(leaf: object) -> Box:
    if isinstance(leaf, Box):
        return leaf
    return Constant(leaf, dtype=float if np.asarray(leaf).dtype.kind in "iu" else None)


def _described(value: Value) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def grad(subject: Subject) -> Any:
    """The gradient, in the containers of the arguments."""
    output = subject.scalar()
    gradients = subject.gradients([output], subject.boxes, [None], fallback=subject.fallback, unused="zeros")
    return like(subject.by, gradients)


def value_and_grad(subject: Subject) -> Any:
    """The value, then the gradient."""
    return subject.box(), grad(subject)


def grad_and_aux(subject: Subject) -> Any:
    """The gradient of the first of two results, and the second."""
    output = subject.output
    if not isinstance(output, tuple | list) or len(output) != 2:
        raise UsageError(
            f"{name_of(subject.f)}: returned {_described(output)}, needs two results, the scalar that is "
            f"differentiated and what is passed on; use grad where there is only the first"
        )
    return grad(subject._replace(output=output[0])), output[1]


def elementwise_grad(subject: Subject) -> Any:
    """The gradient of the sum of the output."""
    output = subject.real(subject.box())
    ones = Constant(np.ones((), output.dtype))
    summed = np.sum(output) if output.shape else output
    gradients = subject.gradients([summed], subject.boxes, [ones], fallback=subject.fallback, unused="zeros")
    return like(subject.by, gradients)


def vjp(subject: Subject) -> Any:
    """The gradient of <vector, output>."""
    outputs = subject.outputs()
    vectors = _vectors(subject, outputs)
    gradients = subject.gradients(outputs, subject.boxes, vectors, fallback=subject.fallback, unused="zeros")
    return like(subject.by, gradients)


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
    sent = subject.gradients([output], boxes, [None], fallback=subject.fallback, unused="zeros")
    pairs = [(gradient, v) for gradient, v in zip(sent, vectors, strict=True) if isinstance(gradient, Box)]
    outputs, seeds = [gradient for gradient, _ in pairs], [v for _, v in pairs]
    return like(subject.by, derivatives.gradients(outputs, boxes, seeds, fallback=subject.fallback, unused="zeros"))


def jacobian(subject: Subject) -> Any:
    """A Jacobian per array, in the containers of the output, and in each those of the arguments."""
    return like(subject.output, [like(subject.by, _jacobians(subject, output)) for output in subject.outputs()])


def _jacobians(subject: Subject, output: Box) -> list[Any]:
    """The Jacobian of one output by each array."""
    return [
        derivatives.jacobian(output, box, fallback=subject.fallback)[0]
        if _leads(output, box) else zero_jacobian(output, box)
        for box in subject.boxes
    ]  # fmt: skip


def hessian(subject: Subject) -> Any:
    """A block per pair of arrays, in containers of containers."""
    output, boxes = subject.scalar(), subject.boxes
    reached = [box for box in boxes if _leads(output, box)]
    blocks = derivatives.hessian_blocks(output, reached, fallback=subject.fallback) if reached else []
    block_of = {(i, j): blocks[a][b] for a, i in enumerate(reached) for b, j in enumerate(reached)}
    lines = [[block_of[i, j] if (i, j) in block_of else zero_jacobian(i, j) for j in boxes] for i in boxes]
    return like(subject.by, [like(subject.by, line) for line in lines])


FIRST_ORDER = frozenset({grad, value_and_grad, grad_and_aux, elementwise_grad, vjp})
"""Derivatives that one backward pass computes."""


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
