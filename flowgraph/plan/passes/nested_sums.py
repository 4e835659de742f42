"""Sums whose terms are sums that nothing else reads: together they are one sum of several terms."""

from __future__ import annotations

from collections.abc import Callable

from flowgraph.box import Box
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.graph import Graph


def inner_sums(graph: Graph, fit: Callable[[Box, Box], bool]) -> set[Box]:
    """Sums that one sum reads, once, as a term, where the two fit."""
    readers: dict[Box, list[Box]] = {box: [box, box] for box in graph.outputs}
    for box in graph.boxes:
        for child in box.children:
            readers.setdefault(child, []).append(box)
    return {
        box
        for box, reading in readers.items()
        if isinstance(box, Add) and len(reading) == 1 and isinstance(reading[0], Add) and fit(box, reading[0])
    }


def terms_of(box: Box, inner: set[Box]) -> list[Box]:
    """What a sum adds, from left to right; in the place of an inner sum stand its terms."""
    terms: list[Box] = []
    stack = list(box.children)[::-1]
    while stack:
        term = stack.pop()
        if term in inner:
            stack += term.children[::-1]
        else:
            terms.append(term)
    return terms
