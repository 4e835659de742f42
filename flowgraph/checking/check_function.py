"""fg.check of a function written in NumPy: run on boxes it builds a graph, whose gradient is checked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input
from flowgraph.checking.box_target import by_form
from flowgraph.checking.check_graph import boxes_in_place, check_graph, joined
from flowgraph.checking.check_target import check_target
from flowgraph.checking.describe import combined
from flowgraph.checking.report import Report
from flowgraph.checking.reproduce import definition_of
from flowgraph.checking.scope import Asked, with_settings
from flowgraph.checking.target import Target, is_differentiable, name_of
from flowgraph.errors import UsageError
from flowgraph.graph import Graph

IN_PLACE = 2  # times the seconds of a function, for the boxes of its graph


@dataclass
class TracedFunction:
    """A function with the graphs that it builds, one for each form of its arguments."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    positional: int
    _graphs: dict[Hashable, tuple[Graph, tuple[Box, ...]]] = field(default_factory=dict)

    def graph(self, *inputs: Any) -> tuple[Graph, tuple[Box, ...]]:
        """The graph for arguments of these shapes, dtypes and settings, and its leaves."""
        moved = [i for i, x in enumerate(inputs) if self.differentiates(i, x)]
        settings = [(i, type(x), x) for i, x in enumerate(inputs) if i not in moved]
        return by_form(self._graphs, [inputs[i] for i in moved], settings, lambda: self._traced(inputs))

    def differentiates(self, i: int, x: Value) -> bool:
        """Whether an argument is differentiated; a keyword argument is a setting."""
        return i < self.positional and is_differentiable(x)

    def _traced(self, inputs: tuple[Any, ...]) -> tuple[Graph, tuple[Box, ...]]:
        leaves: list[Box] = []
        arguments: list[Any] = []
        for i, (name, x) in enumerate(zip(self.names, inputs, strict=True)):
            if self.differentiates(i, x):
                leaves.append(Input(name, shape=np.shape(x), dtype=np.asarray(x).dtype))
                arguments.append(leaves[-1])
            else:
                arguments.append(x)
        outputs = self.function(*arguments)
        parts = tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)
        for part in parts:
            if not isinstance(part, Box):
                raise UsageError(
                    f"check: {name_of(self.function)} run on boxes returned {type(part).__name__}: it leaves the graph "
                    f"on the way; use NumPy functions that boxes understand, or give its gradient, bprop="
                )
        return Graph(*parts), tuple(leaves)

    def feeds(self, graph: Graph, leaves: Sequence[Box], inputs: Sequence[Any]) -> dict[Any, Any]:
        """The values of the leaves that the graph reads."""
        values = [np.asarray(x) for i, x in enumerate(inputs) if self.differentiates(i, x)]
        return {leaf: value for leaf, value in zip(leaves, values, strict=True) if leaf in graph}

    def bprop(self, grad: Value, output: Value, *inputs: Value) -> tuple[Value, ...]:
        """The gradients of the float arguments, by the bprop of the graph; None for the others."""
        graph, leaves = self.graph(*inputs)
        read = tuple(leaf for leaf in leaves if leaf in graph)
        run = graph.fprop(self.feeds(graph, leaves, inputs))
        arriving = tuple(grad) if len(graph.outputs) > 1 else grad[0] if isinstance(grad, tuple | list) else grad
        found = run.bprop(arriving, wrt=read, unused="zeros") if read else {}
        left = iter(leaves)
        own = inputs[: self.positional]
        return tuple(_own(found, next(left), x) if is_differentiable(x) else None for x in own)


def check_function(
    function: Callable[..., Any], inputs: tuple[Any, ...], keywords: Mapping[str, Any], asked: Asked
) -> Report:
    """Box by box at the example, then end to end in many regimes, the function on arrays against its graph."""
    target = Target.of_functions(function, lambda *_: None, inputs, asked.names, asked.valid)  # bprop comes below
    definition = _definition(function, target.inputs)
    target = replace(with_settings(target, keywords), code=(function,), may_share=True, definition=definition)
    names = tuple(name if name.strip() else "x" for name in target.names)
    traced = TracedFunction(target.fprop, names, len(inputs))
    target = replace(target, bprop=traced.bprop)
    seed = asked.seed
    graph, leaves = traced.graph(*target.inputs)
    read = [leaf for leaf in leaves if leaf in graph]
    run = graph.fprop(traced.feeds(graph, leaves, target.inputs))
    boxes = boxes_in_place(graph, run, read, seed, IN_PLACE * asked.effort.function)
    whole = check_target(target, 1, seed, asked.calls, asked.effort.function, scope=asked.scope(strict=False))
    if whole.verdict == "fail" and not any(report.failures for report in boxes):
        boxes = boxes_in_place(graph, run, read, seed, IN_PLACE * asked.effort.function, regimes=True)
    report = joined(target.name, boxes, whole, seed)
    if asked.order < 2 or report.verdict == "fail":
        return report
    second = check_graph(
        graph, traced.feeds(graph, leaves, target.inputs), Asked(asked.order, seed, asked.budget, effort=asked.effort)
    )
    return combined(target.name, [report, second], seed)


def _definition(function: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[str, ...]:
    """Python text of both: the function, and the gradient of the graph that it builds."""
    positions = [i for i, x in enumerate(inputs) if is_differentiable(x)]
    return (
        "import flowgraph as fg",
        *definition_of("fprop", function),
        "",
        "def bprop(grad, output, *inputs, **settings):",
        f"    leaves = [fg.Parameter(x) if i in {positions} else x for i, x in enumerate(inputs)]",
        f"    wrt = [leaves[i] for i in {positions}]",
        "    grads = fg.Graph(fprop(*leaves, **settings)).fprop().bprop(grad, wrt=wrt, unused='zeros')",
        f"    return [grads[leaf] if i in {positions} else None for i, leaf in enumerate(leaves)]",
    )


def _own(found: Any, leaf: Box, x: Value) -> Any:
    gradient = found[leaf] if leaf in found else np.zeros_like(x)
    return float(gradient) if type(x) is float else gradient
