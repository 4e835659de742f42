"""The box of what is computed on pieces of the batch, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Value
from flowgraph.boxes.engine.passing_on import TUPLES_OF_ONE
from flowgraph.graph import Graph
from flowgraph.graph.passes import forward
from flowgraph.graph.table import total_flops
from flowgraph.plan.shards.rules import Shard
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Spec


@dataclass(eq=False)
class Part:
    """The graph of a piece of so many examples, and its leaves in the order of what it is given."""

    rows: int
    leaves: Sequence[Box]
    graph: Graph


@dataclass(eq=False)
class Body:
    """What a box in pieces computes.

    `reads` says where each child is cut, None for one that all pieces read whole; `joins` where the pieces of each
    output lie behind one another, None for an output that is the sum of theirs. `whole` is the graph of the whole
    batch, `starts` the first example of each piece, `parts` the graphs of pieces by their number of examples, and
    `programs` what a back end has made of these; `program_of` makes one of another.
    """

    whole: Part
    starts: Sequence[int]
    parts: Mapping[int, Part]
    reads: Sequence[Shard | None]
    joins: Sequence[Shard | None]
    programs: dict[int, Any] = field(default_factory=dict)
    program_of: Callable[[Part], Any] | None = None

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """The first example of each piece, and the one behind its last."""
        return list(zip(self.starts, [*self.starts[1:], self.whole.rows], strict=True))


class InPieces(Box):
    """Sums over the batch, and values with a batch, of which each piece of the batch computes its part.

    h = (Σ over the pieces of theirs, …, theirs one behind the other, …)

    Plans make it: a back end runs the graph of a piece in a thread for each of them. Its fprop computes the whole batch
    at once, box by box.
    """

    body: Body

    symbol = "in pieces"
    public = False
    examples = None  # it holds a graph; tests/plan/test_shards.py tests it with those of networks

    def fprop(self, *values: Value) -> Value:
        """All results, of the whole batch."""
        part = self.body.whole
        graph = part.graph
        held: list[Any] = [box.value[()] if isinstance(box, Constant) else None for box in graph.boxes]
        for leaf, value in zip(part.leaves, values, strict=True):
            if leaf in graph.slots:
                held[graph.slots[leaf]] = np.asarray(value)[()]
        slots = [graph.slots[one] for one in graph.outputs]
        forward(graph, graph.fsteps(frozenset(slots)), held)
        return tuple([held[slot] for slot in slots])

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the results."""
        return [one.spec for one in self.body.whole.graph.outputs]

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Those of the boxes of the whole batch; None where one of them is not known."""
        total = total_flops([(box, 1) for box in self.body.whole.graph.boxes])
        return total.known if total.complete else None


TUPLES_OF_ONE.add(InPieces)


def cut_of(value: Array, cut: Shard | None, start: int, stop: int) -> Array:
    """The part of a value that a piece reads."""
    if cut is None:
        return value
    return value[(slice(None),) * cut.axis + (slice(start * cut.inner, stop * cut.inner),)]
