"""Inlining: a composite box is replaced by what its fprop is made of, so that a plan can share the parts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, TypeVar

import numpy as np

from flowgraph.box import Box, Constant, Leaf
from flowgraph.box.opening import boxes_between, inside_of
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.boxes.engine.shape_like import BroadcastLike, CountLike, ReshapeLike, SumLike, count
from flowgraph.boxes.indexing.index import ArangeLike, IndexAdd
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.reshaping import BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.graph import Graph
from flowgraph.plan.numpy.lines import is_written
from flowgraph.plan.rebuild import all_sizes_known, built_for, has_owner, of_shape, on_children, rebuild
from flowgraph.shapes.size import evaluate

# Specialisation: a graph with named sizes becomes one with numbers, and what depends on shapes is constant.


def concrete_leaves(graph: Graph, shapes: Mapping[Box, tuple[int, ...]], sizes: Mapping[str, int]) -> dict[Box, Box]:
    """For each leaf that is fed or drawn, the leaf of a known shape that stands for it."""
    leaves: dict[Box, Box] = {box: of_shape(box, shapes[box]) for box in graph.inputs}
    for box in graph.randoms:
        leaves[box] = of_shape(box, tuple(evaluate(size, sizes) for size in box.shape))
    return leaves


def specialise(graph: Graph, leaves: Mapping[Box, Box]) -> Graph:
    """The graph on these leaves, where what followed their shapes is fixed."""

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        return leaves.get(box, box) if not children else in_numbers(on_children(box, children))

    return rebuild(graph, rule)


def in_numbers(box: Box) -> Box:
    """A box that follows the shape of a child becomes one with that shape as a setting, if it is known."""
    if not _follows(type(box)) or not all_sizes_known(box):
        return box
    if isinstance(box, CountLike):
        return Constant(box.dtype.type(count(box.children[0].shape, box.axis)))
    if isinstance(box, ArangeLike):
        return Constant(np.arange(box.shape[0]))
    if isinstance(box, SumLike):
        return _sum_to(box.children[0], box.shape)
    if isinstance(box, BroadcastLike):
        return BroadcastTo(box.children[0], to=box.shape)
    if isinstance(box, Reshape) and box.to == box.shape:
        return box
    if isinstance(box, ReshapeLike | Reshape | ExpandDims | Squeeze):
        return Reshape(box.children[0], to=box.shape)
    return _without_like(box)


@functools.cache
def _follows(cls: type[Box]) -> bool:
    """Whether boxes of a class may follow the shape of a child."""
    shaped = (CountLike, ArangeLike, SumLike, BroadcastLike, ReshapeLike, Reshape, ExpandDims, Squeeze)
    return issubclass(cls, shaped) or "like" in cls.constant_children


def _sum_to(a: Box, shape: tuple[Any, ...]) -> Box:
    """The sum over the axes along which `shape` was broadcast to that of `a`."""
    extra = len(a.shape) - len(shape)
    axes = tuple(i for i, size in enumerate(a.shape) if i < extra or shape[i - extra] != size)
    summed = Sum(a, axis=axes) if axes else a
    return summed if summed.shape == shape else Reshape(summed, to=shape)


def _without_like(box: Box) -> Box:
    """A child that is read for its shape and dtype only is a zero of that shape."""
    if "like" not in box.constant_children or "like" not in box.child_names:
        return box
    place = box.child_names.index("like")
    like = box.children[place]
    if isinstance(like, BroadcastTo) and isinstance(like.children[0], Constant):
        return box
    zeros = BroadcastTo(Constant(np.zeros((), like.dtype)), to=like.shape)
    return on_children(box, (*box.children[:place], zeros, *box.children[place + 1 :]))


# Outputs that nothing reads are not computed, of boxes that can do without them.

Fewer = Callable[[Any, Set[int]], Mapping[int, Box]]
"""Makes of a box, and the places of the outputs that are read, what stands for each of these."""

AnyFewer = TypeVar("AnyFewer", bound=Fewer)

_fewer: dict[type[Box], Fewer] = {}


def fewer_for(cls: type[Box]) -> Callable[[AnyFewer], AnyFewer]:
    """Register how boxes of a class compute fewer outputs than they have."""

    def register(fewer: AnyFewer) -> AnyFewer:
        _fewer[cls] = fewer
        return fewer

    return register


def has_unread(graph: Graph) -> bool:
    """Whether the graph has boxes that may be made smaller."""
    return any(type(box) in _fewer for box in graph.boxes)


def without_unread(graph: Graph) -> Graph:
    """The graph in which boxes of several outputs compute those that are read: a loop keeps no carries for nobody."""
    read = _outputs_read(graph)
    fewer: dict[Box, Mapping[int, Box]] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        if isinstance(box, Part) and box.children[0] in fewer:
            return fewer[box.children[0]][box.index]
        same = on_children(box, children)
        places = read.get(box, set())
        if type(box) in _fewer and len(places) < len(box.outputs):
            fewer[box] = _fewer[type(box)](same, places)
            _own(fewer[box].values(), same, box)
        return same

    return rebuild(graph, rule)


def _outputs_read(graph: Graph) -> dict[Box, set[int]]:
    """The outputs that are read, of each box that has several."""
    read: dict[Box, set[int]] = {box: set() for box in graph.boxes if len(box.outputs) > 1}
    for box in graph.boxes:
        for child in box.children:
            if child in read:
                read[child] |= {box.index} if isinstance(box, Part) else set(range(len(child.outputs)))
    for output in graph.outputs:
        if output in read:
            read[output] = set(range(len(output.outputs)))
    return read


def _own(made: Iterable[Box], before: Box, box: Box) -> None:
    """Say of the smaller box that it stands for that of the user."""
    for part in made:
        smaller = part.children[0] if isinstance(part, Part) else part
        if smaller is not before and not has_owner(smaller):
            built_for(smaller, box)


# A composite box is opened into what its fprop is made of, so that a plan can share and rearrange the parts.


def open_composites(
    graph: Graph,
    has_rule: Callable[[Box], bool] = is_written,
    symbolic: bool = False,
    leaves: Mapping[Box, Box] | None = None,
) -> Graph:
    """The graph in which no box is left that calls of NumPy on boxes can stand for.

    Where sizes stay names, boxes whose sizes are such names are opened too (`symbolic`). With `leaves`, the graph is
    specialised for them on the way, box by box: every box is built anew once, not twice.
    """
    if leaves is not None and has_unread(graph):
        graph, leaves = without_unread(specialise(graph, leaves)), None
    of_leaves = leaves or {}
    parts: dict[Box, tuple[Box, ...]] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        if not children:
            return of_leaves.get(box, box)
        if isinstance(box, Part) and box.children[0] in parts:
            return parts[box.children[0]][box.index]
        same = on_children(box, children)
        specialised = same if leaves is None else in_numbers(same)
        if len(box.outputs) > 1:
            inside = _outputs_of(specialised, has_rule, symbolic)
            parts.update({box: inside} if inside else {})
            return specialised
        return open_box(specialised, has_rule, symbolic)

    return rebuild(graph, rule)


def _outputs_of(box: Box, has_rule: Callable[[Box], bool], symbolic: bool) -> tuple[Box, ...]:
    """What stands for each output of a box of several; nothing where it stays one call of its fprop."""
    if not box.children or has_rule(box) or not (symbolic or all_sizes_known(box)):
        return ()
    inside = inside_of(box)
    new = None if inside is None else _opened_parts(inside, box, has_rule, symbolic)
    return () if inside is None or new is None else tuple([new[output] for output in inside])


def open_box(box: Box, has_rule: Callable[[Box], bool] = is_written, symbolic: bool = False) -> Box:
    """What stands for the box: the boxes that it is made of, opened in their turn.

    The box itself where the back end has a rule for it, where it is made of no others, and where it has several outputs
    or a size that depends on values: such a box stays one call of its fprop.
    """
    if not box.children or len(box.outputs) > 1 or isinstance(box, _OF_ARRAYS) or has_rule(box):
        return box
    if not symbolic and not all_sizes_known(box):
        return box
    inside = inside_of(box)
    new = None if inside is None else _opened_parts(inside, box, has_rule, symbolic)
    return box if inside is None or new is None else new[inside[0]]


def _opened_parts(
    inside: Sequence[Box], box: Box, has_rule: Callable[[Box], bool], symbolic: bool
) -> dict[Box, Box] | None:
    """What stands for each part of a box, opened in its turn; None where a part is a box of the same kind."""
    new: dict[Box, Box] = {child: child for child in box.children}
    for part in boxes_between(box.children, inside):
        if isinstance(part, Leaf):
            new[part] = part
        elif type(part) is type(box):
            return None
        else:
            new[part] = open_box(
                in_numbers(on_children(part, [new[child] for child in part.children])), has_rule, symbolic
            )
    return new


_OF_ARRAYS = (IndexAdd,)
"""Boxes whose fprop fills an array of its own, and runs on no box: it need not be asked, which a gradient of many parts
would do many times."""
