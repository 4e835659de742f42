"""The compiled functions of one plan, one per set of input shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter, new_lock
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.indexing.scatter import SetAt
from flowgraph.errors import PlanError
from flowgraph.graph import Graph, feeding
from flowgraph.plan.backends import Backend
from flowgraph.plan.reading import Inputs
from flowgraph.plan.specialise import concrete_leaves
from flowgraph.plan.specialised import Specialised
from flowgraph.plan.store import Store

LARGEST_CACHE = 16
"""Sets of shapes for which a plan keeps its function; the one compiled first makes room. Every one holds buffers of its
own: more than a training with its evaluation asks for, few enough that data of all lengths do not fill the memory."""


class Variants:
    """Functions by the shapes of the inputs, made when they are asked for; `last` is the one that ran last."""

    def __init__(self, graph: Graph, store: Store, inputs: Inputs, backend: Backend, without: frozenset[str]) -> None:
        self.graph = graph
        self.store = store
        self.inputs = inputs
        self.backend = backend
        self.without = without
        updated = set(store.parameters)
        self.reads = tuple(p for p in graph.parameters if isinstance(p, Parameter) and p not in updated)
        self.takes_more = bool(graph.randoms or self.reads)
        self.changes_rows = any(isinstance(box, IndexAdd | SetAt) for box in graph.boxes)
        self.known: dict[Any, Specialised] = {}
        self.last: Specialised | None = None
        self._compiling = new_lock()
        self._of_all_shapes: Specialised | None = None

    def latest(self) -> Specialised:
        """The function that ran last; where none has, the only one that there can be."""
        if self.last is None and self.backend.standalone:
            with self._compiling:
                return self._standalone()
        if self.last is None:
            shapes = tuple([box.shape for box in self.inputs.boxes])
            if not all(isinstance(size, int) for shape in shapes for size in shape):
                names = ", ".join(self.inputs.names)
                raise PlanError(
                    f"plan: its source and its graph follow the shapes of the inputs, and {names} have sizes "
                    f"with names; run it once, or compile it for arrays with plan.prepare(x=..., ...)"
                )
            self.last = self.specialised(shapes)
        return self.last

    def prepare(self, values: Sequence[Any]) -> None:
        """Compile for inputs of the shapes of these, without running."""
        self.last = self.specialised(tuple([value.shape for value in values]))

    def specialised(self, shapes: tuple[Any, ...]) -> Specialised:
        """The function for inputs of these shapes, compiled if it is not known."""
        known = self.known.get(shapes)
        if known is not None:
            return known
        with self._compiling:
            if shapes in self.known:
                return self.known[shapes]
            given = dict(zip(self.inputs.boxes, shapes, strict=True))
            for name, box, shape in zip(self.inputs.names, self.inputs.boxes, shapes, strict=True):
                feeding.read_array(name, box, np.broadcast_to(np.zeros((), box.dtype), shape))
            sizes = feeding.bind_sizes(self.graph, {box: given[box] for box in self.graph.inputs})
            if self.backend.standalone:
                found = self._standalone().of_sizes(sizes)
            else:
                leaves = {**{box: box for box in self.inputs.boxes}, **concrete_leaves(self.graph, given, sizes)}
                found = self.backend.specialised(self.graph, self.store, leaves, self.reads, self.without)
            found.shapes = shapes
            while len(self.known) >= LARGEST_CACHE:
                del self.known[next(iter(self.known))]
            self.known[shapes] = found
            return found

    def _standalone(self) -> Specialised:
        """The function for inputs of all shapes."""
        if self._of_all_shapes is None:
            leaves: dict[Box, Box] = {box: box for box in (*self.inputs.boxes, *self.graph.randoms)}
            self._of_all_shapes = self.backend.specialised(self.graph, self.store, leaves, self.reads, self.without)
        return self._of_all_shapes

    def more(self, found: Specialised, seed: Seed) -> list[Any]:
        """What the function takes beside the inputs: random draws, and parameters that it only reads."""
        if self.graph.randoms or seed is not None:
            seed = seed_of_run(seed, "plan")
        drawn = [
            found.leaves[leaf].value_for(seed, number, found.sizes)[()]
            for number, leaf in enumerate(self.graph.randoms)
        ]
        return drawn + [parameter.array for parameter in self.reads]
