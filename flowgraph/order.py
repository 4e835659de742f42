"""The order of the lecture: every box after its children."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowgraph.box import Box


def topological_order(outputs: Iterable[Box]) -> tuple[Box, ...]:
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
    return tuple(order)


def assert_topological(order: Sequence[Box]) -> None:
    """The postcondition: each box once, each child before its parents."""
    place = {box: i for i, box in enumerate(order)}
    assert len(place) == len(order), "a box stands twice in the order"
    for i, box in enumerate(order):
        for child in box.children:
            assert place.get(child, i) < i, f"{box.title} stands before its child {child.title}"


def unique_names(order: Iterable[Box]) -> dict[Box, str]:
    """A name for each box: its own, else its scope and symbol; a number is added to what is taken."""
    from collections import Counter

    boxes = list(order)
    names = {box: box.name for box in boxes if box.name and not box.children}
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
