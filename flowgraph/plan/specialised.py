"""A plan for inputs of given shapes: the simplified graph, its schedule, its program, the functions bound to memory."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.graph import Graph
from flowgraph.plan.binding import bind
from flowgraph.plan.emitter import Emitter, Request
from flowgraph.plan.passes.opening import open_composites
from flowgraph.plan.store import Store


class Specialised:
    """The function of a plan for one set of shapes, once for each of the two places of its parameters.

    It takes the `leaves`, but for those that are constants.
    """

    shapes: tuple[tuple[int, ...], ...]

    def __init__(
        self,
        emitter: Emitter,
        graph: Graph,
        store: Store,
        leaves: Mapping[Box, Box],
        reads: Sequence[Parameter],
        without: frozenset[str],
    ) -> None:
        self.emitter = emitter
        self.leaves = leaves
        opened = open_composites(graph, emitter.has_rule, symbolic=emitter.standalone, leaves=leaves)
        given = {box: leaf for box, leaf in leaves.items() if not isinstance(leaf, Constant)}
        request = Request(opened, store, list(given.values()), reads, without, list(given))
        self.schedule = emitter.schedule(request)
        self.graph = self.schedule.graph
        self.program = emitter.emit(request, self.schedule)
        self.functions = bind(self.program, store)
        self.copied = self.program.copied
        self.note = self.program.note
        self.sizes: Mapping[str, int] = {}

    def of_sizes(self, sizes: Mapping[str, int]) -> Specialised:
        """The same function for names of sizes with these numbers, where it serves all."""
        found = copy.copy(self)
        found.sizes = sizes
        return found


def copies(values: Sequence[Any], copied: Sequence[bool]) -> tuple[Any, ...]:
    """The values, copied where they lie in memory that is not the caller's alone."""
    return tuple([_copy(value) if own else value for value, own in zip(values, copied, strict=True)])


def _copy(value: object) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_copy, value))
    return value.copy()[()] if isinstance(value, np.ndarray) else value
