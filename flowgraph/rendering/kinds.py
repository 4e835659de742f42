"""The kind of each box in a picture, the longest data path, what a gradient reaches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, TypeAlias

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.graph.steps import leading
from flowgraph.printable import printable
from flowgraph.rendering.nesting import on_cycles

if TYPE_CHECKING:
    from flowgraph.graph import Graph


Node: TypeAlias = int | tuple[str, int]
"""A box by its place, or a part of a scope as one."""


def kinds(graph: Graph) -> dict[Box, str]:
    """The kind of every box of a graph, one of `palette.KINDS`.

    What a loss reads is an output of the network; in a graph of several outputs only these are called so.
    """
    kind_of: dict[Box, str] = {}
    targets = _targets(graph)
    for box in graph.boxes:
        kind_of[box] = _leaf_kind(box, targets) if not box.children else _kind(graph, box, kind_of)
    for box in graph.boxes:
        if type(box).role == "loss" and len(graph.outputs) == 1:
            for child, constant in zip(box.children, box.constant, strict=True):
                if not constant and kind_of[child] == "box":
                    kind_of[child] = "output"
    return kind_of


def scope_path(box: Box) -> str:
    """The scope of a box as frames and modules are named by it: "net/layer1", "" outside of all."""
    return printable(box.scope.rstrip("/"))


_AT_LENGTH = 200_000
"""Boxes times scopes that are entered again up to which parts are as large as can be: that takes about a second."""


def drawn_scopes(boxes: Sequence[Box]) -> dict[Box, str]:
    """The scope of each box; one that is left and entered again is drawn in parts, each like a scope: C, C~2.

    As a whole it would read from itself through others, so that neither a frame nor a tile could stand for it. Inner
    scopes come first, so that an outer one is cut between them and never through one that can be whole.
    """
    paths = {box: path.split("/") if (path := scope_path(box)) else [] for box in boxes}
    deepest = max(map(len, paths.values()))
    node: dict[Box, Node] = {box: place for place, box in enumerate(boxes)}
    part: dict[tuple[Box, int], int] = {}
    for depth in range(deepest, 0, -1):
        of = {box: "/".join(parts[:depth]) for box, parts in paths.items() if len(parts) >= depth}
        split = tiles_on_cycles(boxes, of)
        coarse = _changes(boxes, node, of) if len(split) * len(boxes) > _AT_LENGTH else {}
        node |= {box: (path, 0) for box, path in of.items() if path not in split}
        cut: dict[str, list[Box]] = {}
        for box, path in of.items():
            if path in split:
                cut.setdefault(path, []).append(box)
        for path, inside in cut.items():
            number = coarse or _entries({node[box] for box in inside}, _reads(boxes, node))
            part |= {(box, depth): number[node[box]] for box in inside}
            node |= {box: (path, part[box, depth]) for box in inside}
    drawn = dict.fromkeys(boxes, "")
    for depth in range(1, deepest + 1):
        scopes: dict[str, list[Box]] = {}
        for box, parts in paths.items():
            if len(parts) >= depth:
                scopes.setdefault(f"{drawn[box]}/{parts[depth - 1]}" if depth > 1 else parts[0], []).append(box)
        for whole, inside in scopes.items():
            free = (again for at in itertools.count(2) if (again := f"{whole}~{at}") not in scopes)
            numbers = sorted({part.get((box, depth), 0) for box in inside})
            names = dict(zip(numbers, itertools.chain([whole], free), strict=False))
            drawn |= {box: names[part.get((box, depth), 0)] for box in inside}
    return drawn


def around(path: str) -> list[str]:
    """A scope and those around it, outer ones first."""
    return ["/".join(path.split("/")[: depth + 1]) for depth in range(path.count("/") + 1)] if path else []


def tiles_on_cycles(boxes: Sequence[Box], of: Mapping[Box, str]) -> set[str]:
    """The names, of tiles for several boxes each, that are left on a cycle when each is drawn as one tile."""
    node: dict[Box, int | str] = {box: of.get(box, place) for place, box in enumerate(boxes)}
    ties = [(node[child], node[box]) for box in boxes for child in box.children]
    return {tile for tile in on_cycles(node.values(), ties) if isinstance(tile, str)}


def _reads(boxes: Iterable[Box], node: Mapping[Box, Node]) -> dict[Node, set[Node]]:
    """What each node reads, those before it first."""
    reads: dict[Node, set[Node]] = {}
    for box in boxes:
        reads.setdefault(node[box], set()).update({node[child] for child in box.children} - {node[box]})
    return {here: reads[here] for here in TopologicalSorter(reads).static_order()}


def _entries(own: set[Node], reads: Mapping[Node, set[Node]]) -> dict[Node, int]:
    """For the nodes of a scope, how often a way to each comes back into it.

    Ways through others lead from a part to later ones alone, so that each part can be one node.
    """
    entries: dict[Node, int] = {}
    for here, read_here in reads.items():
        ways = [entries[read] + (here in own and read not in own) for read in read_here if read in entries]
        if ways or here in own:
            entries[here] = max(ways, default=0)
    return _with_readers(entries, dict.fromkeys(own, ""), reads)


def _changes(boxes: Sequence[Box], node: Mapping[Box, Node], of: Mapping[Box, str]) -> dict[Node, int]:
    """How often the longest way to each node goes from one scope to another, by which all can be divided at once."""
    scope = {node[box]: of.get(box) for box in boxes}
    reads = _reads(boxes, node)
    changes: dict[Node, int] = {}
    for here, read_here in reads.items():
        changes[here] = max((changes[read] + (scope[read] != scope[here]) for read in read_here), default=0)
    return _with_readers(changes, scope, reads)


def _with_readers(
    number: dict[Node, int], scope: Mapping[Node, str | None], reads: Mapping[Node, set[Node]]
) -> dict[Node, int]:
    """The numbers of parts, where what its scope alone reads, as a transposed weight, is in the first to read it."""
    readers: dict[Node, list[Node]] = {here: [] for here in reads}
    for one, read_by_one in reads.items():
        for read in read_by_one:
            readers[read].append(one)
    for here in reversed(list(reads)):
        if here in scope and {scope.get(one) for one in readers[here]} == {scope[here]}:
            number[here] = min(number[one] for one in readers[here])
    return number


def is_number(box: Box) -> bool:
    """Whether a box is a constant number without a name."""
    return isinstance(box, Constant) and box.name is None and box.value.ndim == 0


def is_operand(box: Box, reader: Box) -> bool:
    """Whether a box is a number that the operation of its reader says: one of two children, as in 2 × a."""
    return is_number(box) and sum(map(is_number, reader.children)) == 1 and len(reader.children) == 2


def spine(graph: Graph, kind: dict[Box, str]) -> list[Box]:
    """The longest path from an input to an output that leaves out regularizers; the picture draws it straight."""
    far: dict[Box, int] = {}
    before: dict[Box, Box] = {}
    start = "input" if "input" in kind.values() else "parameter"
    for box in graph.boxes:
        if kind[box] == start:
            far[box] = 0
        if kind[box] == "regularizer":
            continue
        for child in box.children:
            if child in far and far[child] >= far.get(box, 0):
                far[box], before[box] = far[child] + 1, child
    ends = [box for box in graph.outputs if box in far]
    if not ends:
        return []
    box = max(ends, key=lambda end: far[end])
    path = [box]
    while path[-1] in before:
        path.append(before[path[-1]])
    return path[::-1]


def receivers(graph: Graph, wrt: Iterable[Box]) -> set[Box]:
    """The boxes to which bprop sends a gradient: those on a differentiable path from an output down to `wrt`."""
    return graph.passed & leading(graph.boxes, wrt)


def _targets(graph: Graph) -> set[Box]:
    """What losses read as constant children, and no box reads that is differentiated by it or looks something up."""
    compared: set[Box] = set()
    others: set[Box] = set(graph.outputs)
    for box in graph.boxes:
        of_loss = type(box).role == "loss"
        for child, fixed in zip(box.children, box.constant, strict=True):
            (compared if fixed and of_loss else others).add(child)
    return compared - others


def _leaf_kind(box: Box, targets: set[Box]) -> str:
    if isinstance(box, Parameter):
        return "parameter"
    if isinstance(box, Constant):
        return "constant"
    if isinstance(box, Random):
        return "random"
    return "target" if isinstance(box, Input) and box in targets else "input"


def _kind(graph: Graph, box: Box, kind_of: dict[Box, str]) -> str:
    role = type(box).role
    if role in ("loss", "regularizer"):
        return role
    read = [kind_of[child] for child in box.children if not is_number(child)]
    if read and all(kind == "regularizer" for kind in read):
        return "regularizer"
    if box not in graph.outputs:
        return "box"
    scalar = len(box.outputs) == 1 and box.shape == () and box.dtype.kind == "f"
    return "loss" if scalar and len(graph.outputs) == 1 else "output"
