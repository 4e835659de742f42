"""The cotangents of the outputs, with which a backward pass begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.errors import DtypeError, FeedError, UsageError
from flowgraph.graph.backward import seeds_of
from flowgraph.graph.topology import Topology
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import shape_text


def array_seeds(graph: Topology, values: Sequence[Any], grad: Value) -> list[Any]:
    """What `Run.bprop` is given as `grad`, read, in a list with a place for every box."""
    arriving = _by_output(graph, grad)
    return seeds_of(graph, [(box, _seed(graph.names[box], values[graph.slots[box]], one)) for box, one in arriving])


def refuse_without_grad(who: str, shape: Shape, dtype: np.dtype[Any]) -> None:
    """Refuse to take 1 for what arrives at an output that is no real scalar."""
    if dtype.kind == "c":
        raise UsageError(
            f"{who} has dtype {dtype}, and only a real value has a gradient by itself; "
            f"take np.real, np.imag or np.abs of it, or give grad= of that dtype"
        )
    if shape != ():
        raise UsageError(
            f"{who} has the shape {shape_text(shape)}, and only a scalar has a gradient by itself; "
            f"reduce it with fg.sum or fg.mean, or give grad= of that shape"
        )


def _by_output(graph: Topology, grad: Value) -> list[tuple[Box, Any]]:
    """The outputs at which something arrives, and what: for all, in their order, or by output."""
    outputs = graph.outputs
    if isinstance(grad, Mapping):
        given = [(graph.box(key), part) for key, part in grad.items()]
        strange = [box for box, _ in given if box not in outputs]
        if strange or not given:
            found = f"a gradient for {strange[0].title}" if strange else "an empty dict"
            names = ", ".join(graph.names[box] for box in outputs)
            raise FeedError(f"bprop: found {found}, needs outputs of the graph: {names}")
        return given
    listed = [None] * len(outputs) if grad is None else [grad]
    if len(outputs) > 1 and np.iterable(grad) and not isinstance(grad, Box):
        listed = list(grad)
    if len(listed) != len(outputs) and not isinstance(grad, Box):
        raise FeedError(
            f"bprop: found {len(listed)} gradients in grad=, needs one per output ({len(outputs)}), "
            f"[{', '.join('...' for _ in outputs)}], or a dict from outputs to gradients"
        )
    return list(zip(outputs, listed, strict=False))


def _seed(name: str, value: Value, grad: Value) -> Any:
    """What arrives at an output, in its dtype."""
    if isinstance(grad, Box):
        raise UsageError(
            f"bprop: found {grad.title} as grad=, which takes arrays that arrive at the outputs; to differentiate "
            f"that box run its own graph, fg.Graph(box); what to differentiate by is wrt=[box, ...]"
        )
    if isinstance(value, tuple):
        raise UsageError(f"bprop: the output {name!r} has several parts; make each, {name}[0], an output")
    if value.dtype.kind not in "fc":
        raise UsageError(f"bprop: the output {name!r} has dtype {value.dtype}; only real values have a gradient")
    if grad is None:
        refuse_without_grad(f"bprop: the output {name!r}", value.shape, value.dtype)
        return value.dtype.type(1)
    seed = np.asarray(grad)
    if seed.shape != value.shape:
        raise FeedError(
            f"bprop: grad= of {name!r} has the shape {shape_text(seed.shape)}, needs {shape_text(value.shape)}"
        )
    if seed.dtype.kind == "c" and value.dtype.kind != "c":
        raise DtypeError(f"bprop: grad= of {name!r} has dtype {seed.dtype}, needs {value.dtype}")
    return np.array(seed, value.dtype)[()]
