"""The box of a function whose inner values are not kept, but computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant, Value
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.engine.passing_on import Barrier, Part
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.passes import forward
from flowgraph.graph.table import total_flops
from flowgraph.graph.topology import topological_order
from flowgraph.loops.body import Body, OuterInput, body_of, fitted, known_of
from flowgraph.loops.reverse import asked, gradients_of
from flowgraph.plan.provenance import twin_of
from flowgraph.plan.rebuild import on_children, rebuild
from flowgraph.plan.specialise import in_numbers
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Spec


class Recomputed(Box):
    """A function of boxes, its body: of the values inside none is kept, and the backward pass computes them again.

    h = body(a, b, …)        the gradients are those of the body, computed anew from a, b, … when that of h has arrived

    The children are the arguments and what the body reads from outside; the last `after` of them are gradients that
    arrive in the backward pass, before which a plan computes nothing of the body. `fg.checkpoint` builds it.

    Source: Griewank and Walther, Evaluating Derivatives, chapter 12; Chen et al., Training Deep Nets with Sublinear
    Memory Cost (2016).
    """

    body: Body
    after: int = 0

    symbol = "checkpoint"
    public = False
    examples = None  # it holds a graph; tests/loops tests it with random ones

    def fprop(self, *values: Value) -> Value:
        """The results of the body; on boxes, the boxes that it is made of."""
        if any(isinstance(value, Box) for value in values):
            found = opened_body(self, [v if isinstance(v, Box) else Constant(v) for v in values])
            return found[0] if len(found) == 1 else found
        arrays = [np.asarray(value) for value in values]
        body = fitted(self.body, [Spec(array.shape, array.dtype) for array in arrays])
        results = known_of(body, "steps", lambda: _Steps(body))(arrays)
        return results[0] if len(results) == 1 else results

    def bprop(self, grad: Value, h: Value, *values: Value, needs: tuple[bool, ...] | None = None) -> tuple[Value, ...]:
        """The gradients of the body, as the same kind of box on the arguments and on what arrives."""
        body = fitted(self.body, [Spec(value.shape, value.dtype) for value in values])
        arrived, wanted = asked(body, grad, needs)
        sent = [part for part in arrived if part is not None]
        reverse = _reverse_of(body, tuple([part is not None for part in arrived]), wanted)
        again = [values[i] for i in reverse.read]
        found = Recomputed.apply(*again, *sent, body=reverse.body, after=len(sent))
        parts = iter([found] if len(reverse.body.results) == 1 else [found[i] for i in range(sum(wanted))])
        return tuple([next(parts) if one else None for one in wanted])

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the results of the body."""
        if len(self.children) != self.body.slots:
            raise UsageError(
                f"{self.title}: found {len(self.children)} children, needs {self.body.slots}, as its body has slots"
            )
        found = [one.spec for one in fitted(self.body, [child.spec for child in self.children]).results]
        return found if len(found) > 1 else found[0]

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Those of the boxes of the body; None where one of them is not known."""
        body = fitted(self.body, [child.spec for child in self.children])
        total = total_flops([(box, 1) for box in topological_order(body.results)])
        return total.known if total.complete else None


class _Steps:
    """The forward pass through a body, in which each value is dropped behind the last box that reads it."""

    def __init__(self, body: Body) -> None:
        self.graph = Graph(*body.results)
        self.places = [(i, self.graph.slots[leaf]) for i, leaf in enumerate(body.leaves) if leaf in self.graph.slots]
        self.constants = [box.value[()] if isinstance(box, Constant) else None for box in self.graph.boxes]
        self.results = [self.graph.slots[one] for one in body.results]
        self.steps = self.graph.fsteps(frozenset(self.results))

    def __call__(self, arrays: Sequence[Array]) -> tuple[Any, ...]:
        """The results for these values of the slots."""
        values = self.constants.copy()
        for i, slot in self.places:
            values[slot] = arrays[i][()]
        forward(self.graph, self.steps, values)
        return tuple([values[slot] for slot in self.results])


class _Reverse(NamedTuple):
    """The body of the backward pass, and the places of the slots of the forward one that it reads."""

    body: Body
    read: tuple[int, ...]


def _reverse_of(body: Body, arriving: tuple[bool, ...], wanted: tuple[bool, ...]) -> _Reverse:
    def made() -> _Reverse:
        results = [one for one, arrives in zip(body.results, arriving, strict=True) if arrives]
        arrived: list[Box] = [OuterInput(shape=one.shape, dtype=one.dtype) for one in results]
        wrt = [leaf for leaf, one in zip(body.leaves, wanted, strict=True) if one]
        found = gradients_of(results, wrt, arrived)
        reads = set(topological_order(found))
        read = tuple([i for i, leaf in enumerate(body.leaves) if leaf in reads])
        return _Reverse(body_of((), (), [*(body.leaves[i] for i in read), *arrived], found), read)

    return known_of(body, ("reverse of all", arriving, wanted), made)


def opened_body(box: Recomputed, children: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes of the body on these children, read behind what has to arrive before.

    Checkpoints inside are opened too. A parameter is there all the time, so it is read as it is where another argument
    keeps the place.
    """
    body, count = box.body, len(children) - box.after
    late = children[count:]
    read = list(children)
    if late:
        behind = [not isinstance(child, Constant | Parameter) for child in children[:count]]
        if not any(behind):
            behind = [not isinstance(child, Constant) for child in children[:count]]
        read[:count] = [
            Barrier(child, *late) if one else child for child, one in zip(children[:count], behind, strict=True)
        ]
    stands = dict(zip(body.leaves, read, strict=True))
    parts: dict[Box, tuple[Box, ...]] = {}

    def rule(one: Box, of: tuple[Box, ...]) -> Box:
        if not of:
            return stands[one] if one in stands else twin_of(one)  # a plan writes into the constants that it is given
        if isinstance(one, Part) and one.children[0] in parts:
            return parts[one.children[0]][one.index]
        if not isinstance(one, Recomputed):
            return in_numbers(on_children(one, of))
        inside = opened_body(one, of)
        if len(inside) == 1:
            return inside[0]
        parts[one] = inside
        return on_children(one, of)

    return rebuild(Graph(*body.results), rule).outputs
