"""Which boxes pass the doors to other tools, as their rules say: columns of docs/coverage.md.

A door is one entry of `DOORS`: its name, and a function that tells of a graph whether all of it passes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Leaf
from flowgraph.box.leaves import Input
from flowgraph.checking.cases import Case, cases
from flowgraph.graph import Graph
from flowgraph.interop.jax import has_twin
from flowgraph.interop.onnx import is_exportable

DOORS: Mapping[str, Callable[[Graph], bool]] = {"JAX": has_twin, "ONNX": is_exportable}
"""Columns by their title."""


def marks(box: type[Box] | None) -> list[str]:
    """A cell for each door: yes, some where it takes some of the declared examples of the box, else empty.

    >>> import flowgraph as fg
    >>> marks(fg.Tanh), marks(fg.Eigh)
    (['yes', 'yes'], ['yes', ''])
    """
    if box is None or box.examples is None or issubclass(box, Leaf):
        return [""] * len(DOORS)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        graphs = [graph_of(case, np.float32)[0] for case in cases(box)]
    return [_mark([passes(graph) for graph in graphs]) for passes in DOORS.values()]


def graph_of(case: Case, dtype: DTypeLike) -> tuple[Graph, dict[str, Any]]:
    """The graph of an example with floats of a dtype, each child an input, and the arrays to feed it with."""
    cast = case.cast(dtype)
    feeds = {f"input{i}": child for i, child in enumerate(cast.children)}
    inputs = [Input(name, shape=child.shape, dtype=child.dtype) for name, child in feeds.items()]
    box: Any = case.cls(*inputs, **case.settings)
    outputs = [box] if len(box.outputs) == 1 else [box[i] for i in range(len(box.outputs))]
    return Graph(*outputs), feeds


def _mark(passed: list[bool]) -> str:
    return "yes" if all(passed) else "some" if any(passed) else ""
