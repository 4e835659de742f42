"""The order of the lecture: every box after its children."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from flowgraph.box import Box
from flowgraph.errors import DuplicateNameError


class Boxes(tuple[Box, ...]):
    """Boxes in an order; `box in boxes` asks for the box itself, where `==` on boxes would build a comparison."""

    __slots__ = ()

    def __contains__(self, box: object) -> bool:
        return any(box is one for one in self)

    def index(self, box: Any, start: Any = 0, stop: Any = None) -> int:
        """The place of the box between `start` and `stop`, which count from the end where negative, as tuple.index."""
        for place in range(len(self))[start:stop]:
            if box is self[place]:
                return place
        raise ValueError(f"{box!r} is not among these boxes")


def topological_order(outputs: Iterable[Box]) -> Boxes:
    """All boxes that the outputs read, each once, children before parents; without recursion, in linear time.

    Source: Larochelle, Training neural networks, "flow graph": fprop in topological order, bprop in the reverse.
    """
    order: list[Box] = []
    seen: set[Box] = set()
    for output in outputs:
        stack = [(output, iter(output.children))]
        if output in seen:
            continue
        seen.add(output)
        while stack:
            box, children = stack[-1]
            for child in children:
                if child not in seen:
                    seen.add(child)
                    stack.append((child, iter(child.children)))
                    break
            else:
                order.append(box)
                stack.pop()
    return Boxes(order)


def assert_topological(order: Sequence[Box]) -> None:
    """The postcondition: each box once, each child before its parents."""
    place = {box: i for i, box in enumerate(order)}
    assert len(place) == len(order), "a box stands twice in the order"
    for i, box in enumerate(order):
        for child in box.children:
            assert place.get(child, i) < i, f"{box.title} stands before its child {child.title}"


def unique_names(order: Iterable[Box]) -> dict[Box, str]:
    """A name for each box: its own, else its scope and symbol, with a number added if the name is taken."""
    boxes = list(order)
    names = _leaf_names(boxes)
    taken = set(names.values())
    used: Counter[str] = Counter()
    result: dict[Box, str] = {}
    for box in sorted(boxes, key=lambda box: box.name is None):
        name = names.get(box)
        if name is None:
            base = box.name or box.scope + box.symbol
            name = base
            while name in taken:
                used[base] += 1
                name = f"{base}_{used[base] + 1}"
            taken.add(name)
        result[box] = name
    return {box: result[box] for box in boxes}


def _leaf_names(boxes: Iterable[Box]) -> dict[Box, str]:
    """The names of the leaves as their user gave them: a graph is fed and read by them, so no two are the same."""
    owner: dict[str, Box] = {}
    for box in boxes:
        if box.children or box.name is None:
            continue
        other = owner.setdefault(box.name, box)
        if other is not box:
            raise DuplicateNameError(
                f"Graph: two boxes are called {box.name!r}, built at {other.built_at} and {box.built_at}; "
                f"give each a name of its own, or build each in its fg.scope"
            )
    return {box: name for name, box in owner.items()}
