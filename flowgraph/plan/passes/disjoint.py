"""Arrays that are each zero but in a slice, added up: where the slices have no element in common they are joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from flowgraph.box import Box
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.builder import Builder
from flowgraph.plan.passes.nested_sums import inner_sums, terms_of
from flowgraph.plan.rebuild import on_children, rebuild, shape_of, sizes_known


class Slice(NamedTuple):
    """A box that is not zero in a range of one axis only."""

    start: int
    stop: int
    axis: int
    box: Box


def join_slices(graph: Graph, make: Builder) -> Graph:
    """The graph in which a sum of slices that have no element in common is one array, each of them copied once.

    Gradients of parts of an array come as such sums: of the gates of a recurrent cell, of the steps of a sequence.
    """
    if sum(isinstance(box, IndexAdd) for box in graph.boxes) < 2:
        return graph
    inner = inner_sums(graph, _alike)
    new: dict[Box, Box] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        new[box] = on_children(box, children)
        if isinstance(box, Add) and box not in inner and sizes_known(box):
            terms = terms_of(box, inner)
            slices = _apart([term for term in terms if _alike(term, box)])
            if len(slices) > 1:
                total = _joined(make, box, [one._replace(box=new[one.box]) for one in slices])
                joined = {one.box for one in slices}
                for term in terms:
                    if term not in joined:
                        total = make.make(Add, total, new[term])
                new[box] = total
        return new[box]

    return rebuild(graph, rule)


def _alike(one: Box, other: Box) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype


def _apart(terms: Sequence[Box]) -> list[Slice]:
    """Slices along the axis of the first one without a common element, in their order, of terms that come once."""
    times = Counter(terms)
    found = [one for term in terms if times[term] == 1 and (one := _slice_of(term)) is not None]
    taken: list[Slice] = []
    for one in sorted((one for one in found if one.axis == found[0].axis), key=lambda one: one[:2]):
        if not taken or taken[-1].stop <= one.start:
            taken.append(one)
    return taken


def _slice_of(box: Box) -> Slice | None:
    """Where along one axis the box is not zero, None where that is not one range of all other axes."""
    if (
        not isinstance(box, IndexAdd)
        or len(box.children) != 2
        or not sizes_known(box)
        or not sizes_known(box.children[0])
    ):
        return None
    shape = shape_of(box)
    parts = list(box.index)
    if any(part is None or part is Ellipsis for part in parts):
        return None
    found: Slice | None = None
    for axis, (part, size) in enumerate(zip(parts, shape, strict=False)):
        start, stop, step = _range_of(part, size)
        if (start, stop, step) == (0, size, 1) and isinstance(part, slice):
            continue
        if found is not None or step != 1 or stop <= start:
            return None
        found = Slice(start, stop, axis, box)
    return found


def _range_of(part: Any, size: int) -> tuple[int, int, int]:
    if isinstance(part, slice):
        return part.indices(size)
    place = int(part) % size
    return place, place + 1, 1


def _joined(make: Builder, box: Box, slices: Sequence[Slice]) -> Box:
    """The slices end to end, zeros where there is none."""
    shape, axis = shape_of(box), slices[0].axis
    pieces: list[Box] = []
    end = 0
    for one in [*slices, Slice(shape[axis], shape[axis], axis, box)]:
        if one.start > end:
            pieces.append(make.make(BroadcastTo, make.constant(0, box.dtype), to=_sized(shape, axis, one.start - end)))
        if one.box is not box:
            pieces.append(make.make(Reshape, one.box.children[0], to=_sized(shape, axis, one.stop - one.start)))
        end = one.stop
    return pieces[0] if len(pieces) == 1 else make.make(Concatenate, *pieces, axis=axis)


def _sized(shape: Sequence[int], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])
