"""A graph built anew, children first, by a rule that says what stands for each box."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flowgraph.box import Box, Constant, Leaf
from flowgraph.graph import Graph
from flowgraph.plan.provenance import built_for, has_owner, named_after

Rule = Callable[[Box, tuple[Box, ...]], Box]


def rebuild(graph: Graph, rule: Rule) -> Graph:
    """The graph in which `rule(box, its new children)` stands for each box; the graph itself, if nothing changes."""
    new: dict[Box, Box] = {}
    for box in graph.boxes:
        children = tuple([new[child] for child in box.children])
        found = rule(box, children)
        new[box] = found if found is box else placed(found, box, children, graph)
    outputs = [new[output] for output in graph.outputs]
    if all(one is other for one, other in zip(outputs, graph.outputs, strict=True)):
        return graph
    return Graph(*outputs)


def on_children(box: Box, children: Sequence[Box]) -> Box:
    """The same operation on these children; the box itself, if they are its own."""
    if all(one is other for one, other in zip(children, box.children, strict=True)):
        return box
    return box.with_children(*children)


def placed(found: Box, old: Box, children: Iterable[Box], graph: Graph) -> Box:
    """What was made for a box has its place in the user's code; its name too, if it has none.

    What stands in the graph already, the box itself or one that is equal, stays as it is.
    """
    known = {id(child) for child in children}
    stack = [found]
    while stack:
        box = stack.pop()
        if id(box) in known or box in graph.slots or (isinstance(box, Leaf) and not isinstance(box, Constant)):
            continue
        known.add(id(box))
        if not has_owner(box):
            built_for(box, old)
            stack.extend(box.children)
    if found not in graph.slots and not isinstance(found, Leaf) and id(found) not in _ids(children):
        named_after(found, old)
    return found


def _ids(boxes: Iterable[Box]) -> set[int]:
    return {id(box) for box in boxes}


def is_scalar(box: Box) -> bool:
    """Whether the value is one number without axes."""
    return len(box.outputs) == 1 and box.shape == ()


def number_of(box: Box) -> Any:
    """The number that a constant without axes stands for, None for any other box."""
    return box.value[()] if isinstance(box, Constant) and box.shape == () else None


def sizes_known(box: Box) -> bool:
    """Whether every size of the value is a number."""
    return all(isinstance(size, int) for spec in box.outputs for size in spec.shape)


def all_sizes_known(box: Box) -> bool:
    """Whether every size of the value and of what it is computed from is a number."""
    return all(map(sizes_known, (box, *box.children)))


def shape_of(box: Box) -> tuple[int, ...]:
    """The shape in numbers; -1 for a size that depends on values."""
    return tuple([size if isinstance(size, int) else -1 for size in box.shape])


def elements(box: Box) -> int:
    """How many numbers the value has, where all sizes are known."""
    return math.prod(shape_of(box))
