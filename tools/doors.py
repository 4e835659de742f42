"""Which boxes the back ends of plans compute, and which pass the doors to other tools: columns of docs/coverage.md.

A door is one entry of `DOORS`: its name, and what tells of a graph whether all of it passes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Leaf
from flowgraph.box.leaves import Input
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.checking.cases import Case, cases
from flowgraph.errors import PlanError
from flowgraph.graph import Graph
from flowgraph.interop.jax import has_twin
from flowgraph.interop.onnx import is_exportable
from flowgraph.plan import compile
from flowgraph.plan.numba import compiling


def has_lines(graph: Graph) -> bool:
    """Whether a plan in NumPy writes lines for all of the graph, so that no box is left as one call of its fprop.

    >>> import numpy as np, flowgraph as fg
    >>> a = fg.Input("a", shape=(3,))
    >>> has_lines(fg.Graph(np.tanh(a))), has_lines(fg.Graph(np.sort(a)))
    (True, False)
    """
    kinds = compile(graph).prepare(*[np.zeros(box.shape, box.dtype) for box in graph.inputs]).last.schedule.kinds
    return all(kinds[box] != "call" or type(box) is Part for box in kinds)


def is_native(graph: Graph) -> bool:
    """Whether Numba makes one function of a plan of the graph."""
    with mock.patch.object(compiling, "compiled_kernel", return_value=None), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = compile(graph, backend="numba").prepare(*[np.zeros(box.shape, box.dtype) for box in graph.inputs])
    return plan.last.emitter.name == "numba" and not plan.last.note


def is_written(graph: Graph) -> bool:
    """Whether JavaScript has lines for all of the graph."""
    try:
        return bool(compile(graph, backend="javascript").source)
    except PlanError:
        return False


class Door(NamedTuple):
    """Whether all of a graph passes, and the cell of a box of which no example does."""

    passes: Callable[[Graph], bool]
    otherwise: str = ""


DOORS: Mapping[str, Door] = {
    "NumPy": Door(has_lines, "call"),
    "Numba": Door(is_native),
    "JavaScript": Door(is_written),
    "JAX": Door(has_twin),
    "ONNX": Door(is_exportable),
}
"""Columns by their title."""


def marks(box: type[Box] | None) -> list[str]:
    """A cell for each door: yes, some where it takes some of the declared examples of the box, else empty.

    >>> import flowgraph as fg
    >>> marks(fg.Tanh), marks(fg.Eigh)
    (['yes', 'yes', 'yes', 'yes', 'yes'], ['call', '', '', 'yes', ''])
    """
    if box is None or box.examples is None or issubclass(box, Leaf):
        return [""] * len(DOORS)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        graphs = [graph_of(case, np.float32)[0] for case in cases(box)]
    return [_mark([door.passes(graph) for graph in graphs], door.otherwise) for door in DOORS.values()]


def graph_of(case: Case, dtype: DTypeLike) -> tuple[Graph, dict[str, Any]]:
    """The graph of an example with floats of a dtype, each child an input, and the arrays to feed it with."""
    cast = case.cast(dtype)
    feeds = {f"input{i}": child for i, child in enumerate(cast.children)}
    inputs = [Input(name, shape=child.shape, dtype=child.dtype) for name, child in feeds.items()]
    box: Any = case.cls(*inputs, **case.settings)
    outputs = [box] if len(box.outputs) == 1 else [box[i] for i in range(len(box.outputs))]
    return Graph(*outputs), feeds


def _mark(passed: list[bool], otherwise: str) -> str:
    return "yes" if all(passed) else "some" if any(passed) else otherwise
