"""A plan for inputs of given shapes: the simplified graph, its schedule, its source, the functions bound to memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Positive
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.graph import Graph
from flowgraph.plan.numpy.bind import Memory, bind, compile_source
from flowgraph.plan.numpy.emit import emit
from flowgraph.plan.passes.opening import open_composites
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.passes.stretches import in_stretches
from flowgraph.plan.schedule import Stretches, kinds_of, schedule
from flowgraph.plan.specialise import specialise
from flowgraph.plan.store import Store


class Specialised:
    """The function of a plan for one set of shapes."""

    shapes: tuple[tuple[int, ...], ...]

    def __init__(
        self, graph: Graph, store: Store, leaves: Mapping[Box, Box], read: Sequence[Parameter], without: frozenset[str]
    ) -> None:
        self.leaves = leaves
        small = simplify(open_composites(specialise(graph, leaves)), without, len(store.parameters))
        small, stretches = in_stretches(small, store) if "stretches" not in without else (small, Stretches())
        whole = with_new_values(small, store.parameters, stretches)
        count = len(whole.outputs) - len(store.parameters)
        kept, new = whole.outputs[:count], whole.outputs[count:]
        parts = [child for box in whole.boxes if isinstance(box, Concatenate) for child in box.children]
        early = _nearest_first(whole, [*new, *parts])
        self.graph = Graph(*kept, *_nearest_first(whole, new), along=(*kept, *early))
        updated = dict(zip(store.parameters, new, strict=True))
        self.schedule = schedule(self.graph, updated, "pieces" not in without, stretches)
        self.source = emit(self.schedule, [*leaves.values(), *read], kept)
        self.memory = Memory(self.schedule)
        code = compile_source(self.source)
        pairs = [dict(zip(store.parameters, buffers, strict=True)) for buffers in store.buffers]
        self.functions = tuple(
            bind(self.source, code, self.schedule, self.memory, pairs[now], pairs[1 - now]) for now in (0, 1)
        )
        self.copied = tuple([self.schedule.kinds[box] != "number" for box in kept])


def with_new_values(graph: Graph, parameters: Sequence[Parameter], stretches: Stretches | None = None) -> Graph:
    """The graph whose last outputs, the new values, each fill a buffer of their own: a copy where they would not.

    New values that are sections of a stretch share its buffer.
    """
    together = {p for run in stretches.new.values() for p in run} if stretches else set()
    kept = len(graph.outputs) - len(parameters)
    seen: set[Box] = set()
    outputs = list(graph.outputs)
    kinds = kinds_of(graph)
    for place in range(kept, len(outputs)):
        box = outputs[place]
        if parameters[place - kept] not in together and (kinds[box] not in ("fill", "number") or box in seen):
            outputs[place] = Positive(box)
        seen.add(box)
    return Graph(*outputs)


def _nearest_first(graph: Graph, new: Sequence[Box]) -> list[Box]:
    """Boxes in the order in which backpropagation comes to them: what they read can die early."""
    depth: dict[Box, int] = {}
    for box in graph.boxes:
        depth[box] = 1 + max((depth[child] for child in box.children), default=0)
    return sorted(new, key=depth.__getitem__)


def copies(values: Sequence[Any], copied: Sequence[bool]) -> tuple[Any, ...]:
    """The values, copied where they lie in memory that is not the caller's alone."""
    return tuple([_copy(value) if own else value for value, own in zip(values, copied, strict=True)])


def _copy(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_copy, value))
    return value.copy()[()] if isinstance(value, np.ndarray) else value
