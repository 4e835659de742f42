"""Fusion of a matrix product with the sum that it is added to (gemm with beta = 1)."""

from __future__ import annotations

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.graph import Graph
from flowgraph.plan.blas import routine
from flowgraph.plan.rebuild import elements, on_children, rebuild

LARGE = 1 << 16
"""Bytes of the result from which the pass that is saved takes longer than the way to the library.

The crossing lies between 64 KB, where one pass takes 1.1 times as long as two, and 256 KB, where two do (`python -m
benchmarks thresholds`); what is gained by it in a training step is up to 9 % (`python -m benchmarks passes`).
"""


def accumulate(graph: Graph) -> Graph:
    """The graph in which AddMatMul stands for sums of a large product and another array of its shape."""
    readers: dict[Box, int] = dict.fromkeys(graph.outputs, 2)
    for box in graph.boxes:
        for child in box.children:
            readers[child] = readers.get(child, 0) + 1

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        if isinstance(box, Add) and _is_large(box):
            for place, child in enumerate(box.children):
                other = box.children[1 - place]
                if _is_product(child, box) and readers[child] == 1 and other.shape == box.shape == child.shape:
                    return AddMatMul(children[1 - place], *children[place].children)
        return on_children(box, children)

    return rebuild(graph, rule)


def _is_large(box: Box) -> bool:
    return (
        box.ndim == 2
        and box.dtype in (np.float32, np.float64)
        and elements(box) * box.dtype.itemsize >= LARGE
        and routine(box.dtype) is not None
    )


def _is_product(child: Box, box: Box) -> bool:
    return isinstance(child, MatMul) and all(
        one.ndim == 2 and one.dtype == box.dtype for one in (*child.children, *box.children)
    )
