"""Derivatives as flow graphs: graph in, graph out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from flowgraph import paths
from flowgraph.box import Box, Constant
from flowgraph.boxes.likeness import broadcast_like
from flowgraph.errors import ShapeError, UsageError
from flowgraph.graph import Graph
from flowgraph.spec import shape_text
from flowgraph.sweep import sweep


def gradient(output: Box, wrt: Box | Iterable[Box], grad: Any = None) -> list[Any]:
    """The gradient of an output with respect to boxes, as boxes: the backward flow graph itself.

    Each `bprop` is called on boxes in reverse topological order. `grad` is what arrives at the output; a scalar
    output needs none. The boxes can be run, drawn and differentiated again.

    >>> import flowgraph as fg
    >>> x = fg.Input("x")
    >>> dx, = fg.gradient(x * x * x, [x])
    >>> ddx, = fg.gradient(dx, [x])
    >>> float(fg.Graph(ddx).fprop(x=2.0))
    12.0
    """
    graph = Graph(output)
    boxes = tuple(graph.box(box) for box in ([wrt] if isinstance(wrt, Box) else wrt))
    cut = paths.unreached(graph, boxes)
    if cut:
        raise paths.cut_error(graph, cut[0])
    grads: list[Any] = [None] * len(graph)
    grads[graph.slots[output]] = _seed(output, grad)
    sweep(graph.bsteps(boxes), graph.boxes, grads)
    return [grads[graph.slots[box]] for box in boxes]


def _seed(output: Box, grad: Any) -> Any:
    if grad is None:
        if output.shape != ():
            raise UsageError(
                f"gradient: {output.title} has the shape {shape_text(output.shape)}, and only a scalar has a gradient "
                f"by itself; reduce it with fg.sum or fg.mean, or give grad= of that shape"
            )
        return Constant(np.ones((), output.dtype))
    seed = grad if isinstance(grad, Box) else Constant(grad, dtype=output.dtype)
    if seed.shape != output.shape:
        raise ShapeError(
            f"gradient: grad= has the shape {shape_text(seed.shape)}, "
            f"needs {shape_text(output.shape)} of {output.title}"
        )
    return broadcast_like(seed, output)
