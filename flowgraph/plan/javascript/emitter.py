"""The back end of JavaScript behind `fg.compile(..., backend="javascript")`."""

from __future__ import annotations

from typing import Any, ClassVar

from flowgraph.box import Box, Elementwise
from flowgraph.graph import Graph
from flowgraph.plan.binding import Binding, Memory, Program
from flowgraph.plan.emitter import Request
from flowgraph.plan.javascript.emit import Writer, module, name_of
from flowgraph.plan.javascript.node import run_in_node
from flowgraph.plan.javascript.rules import RULES
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.schedule import Schedule

_LEFT_OUT = frozenset({"pooling", "scales", "transpose_layout", "products", "batch_one", "accumulation"})
"""Passes that make lines of NumPy faster and harder to read; the kernels gain nothing from them."""


class JavaScriptEmitter:
    """Sizes stay names, which the functions read from their inputs; a call from Python runs in Node.js."""

    name: ClassVar[str] = "javascript"
    standalone: ClassVar[bool] = True

    def why_missing(self) -> None:
        """The text needs nothing to be written; a call says what is missing to run it."""

    def has_rule(self, box: Box) -> bool:
        """Whether a line computes the box."""
        return RULES.of(box) is not None or isinstance(box, Elementwise)

    def schedule(self, request: Request) -> Schedule:
        """The simplified graph; values live as long as JavaScript keeps them."""
        small = in_lines(request.graph, request.without, len(request.store.parameters))
        new = small.outputs[request.returned :]
        return Schedule(small, dict(zip(request.store.parameters, new, strict=True)))

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """A module whose function `step` takes and returns arrays by name, and the Python that calls it."""
        updated = request.store.parameters
        writer = Writer(schedule.graph.boxes, schedule.graph.outputs, request.leaves, [*request.reads, *updated])
        kept = schedule.graph.outputs[: request.returned]
        text = module(writer, kept, schedule.graph.outputs[request.returned :], request.reads, updated)
        leaves, reads = [name_of(one) for one in request.leaves], [name_of(one) for one in request.reads]

        def make(memory: Memory) -> Any:
            def call(*values: Any) -> tuple[Any, ...]:
                given = dict(zip(leaves, values[: len(leaves)], strict=True))
                known = dict(zip(reads, values[len(leaves) :], strict=True))
                known |= {name_of(parameter): array for parameter, array in memory.old.items()}
                results, new = run_in_node(text, given, known)
                for parameter, array in memory.new.items():
                    array[...] = new[name_of(parameter)]
                return tuple(_as_returned(value, box) for value, box in zip(results, kept, strict=True))

            return call

        names = ", ".join(f"a{place}" for place in range(len(leaves) + len(reads)))
        call = f"def step({names}):\n    return _call({names})\n"
        return Program(text, call, [Binding("_call", make)], 0, (False,) * len(kept))


def in_lines(graph: Graph, without: frozenset[str] = frozenset(), updated: int = 0) -> Graph:
    """The simplified graph, of which each box is a line; the last `updated` outputs are new values of parameters."""
    return simplify(graph, without | _LEFT_OUT, updated)


def _as_returned(value: Any, box: Box) -> Any:
    if isinstance(value, list):
        return tuple(one[()] for one in value)
    return value[()]
