"""A graph built anew, children first, by a rule that says what stands for each box."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import is_
from typing import Any

from flowgraph.box import Box, Constant, Leaf
from flowgraph.graph import Graph
from flowgraph.plan.provenance import built_for, has_owner, named_after

Rule = Callable[[Box, tuple[Box, ...]], Box]


def rebuild(graph: Graph, rule: Rule) -> Graph:
    """The graph in which `rule(box, its new children)` stands for each box; the graph itself, if nothing changes."""
    new: dict[Box, Box] = {}
    for box in graph.boxes:
        children = tuple(map(new.__getitem__, box.children))
        found = rule(box, children)
        new[box] = found if found is box else placed(found, box, children, graph)
    outputs = [new[output] for output in graph.outputs]
    if all(map(is_, outputs, graph.outputs)):
        return graph
    return Graph(*outputs)


def on_children(box: Box, children: Sequence[Box]) -> Box:
    """The same operation on these children; the box itself, if they are its own."""
    return box if all(map(is_, children, box.children)) else box._with(tuple(children))


def placed(found: Box, old: Box, children: Iterable[Box], graph: Graph) -> Box:
    """What was made for a box has its place in the user's code; its name too, if it has none.

    What stands in the graph already, the box itself or one that is equal, stays as it is.
    """
    if found.children is children and children:  # made here, of nothing but the new children
        built_for(found, old)
        named_after(found, old)
        return found
    if found in graph.slots or _is_given(found) or any(map(is_, children, repeat(found))):
        return found
    if not has_owner(found):
        built_for(found, old)
        _place_parts(found, old, children, graph)
    if not isinstance(found, Leaf):
        named_after(found, old)
    return found


def _place_parts(found: Box, old: Box, children: Iterable[Box], graph: Graph) -> None:
    """Say of what was made on the way to a box, from the new children, for which box it was made."""
    stack = [child for child in found.children if not has_owner(child)]
    if not stack:
        return
    known = {id(child) for child in children}
    while stack:
        box = stack.pop()
        if id(box) not in known and box not in graph.slots and not _is_given(box) and not has_owner(box):
            built_for(box, old)
            stack.extend(box.children)


def _is_given(box: Box) -> bool:
    """Whether the value comes from outside, so that nothing else can stand for the box."""
    return isinstance(box, Leaf) and not isinstance(box, Constant)


def is_scalar(box: Box) -> bool:
    """Whether the value is one number without axes."""
    return len(box.outputs) == 1 and box.shape == ()


def number_of(box: Box) -> Any:
    """The number that a constant without axes stands for, None for any other box."""
    return box.value[()] if isinstance(box, Constant) and box.shape == () else None


def sizes_known(box: Box) -> bool:
    """Whether every size of the value is a number."""
    for spec in box.outputs:
        for size in spec.shape:
            if not isinstance(size, int):
                return False
    return True


def all_sizes_known(box: Box) -> bool:
    """Whether every size of the value and of what it is computed from is a number."""
    return all(map(sizes_known, (box, *box.children)))


def shape_of(box: Box) -> tuple[int, ...]:
    """The shape in numbers; -1 for a size that depends on values."""
    shape = box.shape
    for size in shape:
        if not isinstance(size, int):
            return tuple([one if isinstance(one, int) else -1 for one in shape])
    return shape  # type: ignore[return-value]


def elements(box: Box) -> int:
    """How many numbers the value has, where all sizes are known."""
    return math.prod(shape_of(box))
