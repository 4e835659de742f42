"""Tiling: consecutive elementwise lines on large arrays run tile by tile, so that a tile stays in the cache."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from flowgraph.box import Box, Leaf
from flowgraph.graph import Graph
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, is_scalar, shape_of, sizes_known

LARGE = 1 << 21
"""Bytes of an array from which the lines of a chain would read it from memory, not from the cache, line after line.

The size of the cache decides: on a machine with 32 MB of it, whose cores others used too, five lines took as long in
tiles as whole from 512 KB to 8 MB (0.93 to 1.05), and 1.5 times as long whole at 32 MB (`python -m benchmarks
thresholds`).
"""

TILE = 1 << 18
"""Bytes of a tile of an array: several of them fit the cache of a core together.

Tiles of 128 KB to 2 MB take the same time, to 3 %; those of 64 KB take 1.1 times as long, of 16 KB 6 times, since every
tile costs a call (`python -m benchmarks thresholds`).
"""

FOR_THREADS = 1 << 21
"""Bytes of an array from which a thread on another core earns what it costs to wake.

As many as LARGE, where chains begin. An estimate, which no benchmark has tuned.
"""


class Chain(NamedTuple):
    """The boxes of consecutive lines, the rows of a tile, the tiles, and whether threads share them."""

    boxes: tuple[Box, ...]
    rows: int
    tiles: int
    threads: bool


def find_chains(
    graph: Graph, kinds: dict[Box, str], bases: dict[Box, Box], ordered: Collection[Box] = ()
) -> list[Chain]:
    """All chains of a graph whose boxes are computed in its order, of values in rows: none of those `ordered`."""
    chains: list[Chain] = []
    members: list[Box] = []

    def end() -> None:
        if len(members) > 1 or (members and _bytes(members[0]) >= FOR_THREADS):
            chains.append(_chain(members))
        members.clear()

    for box in graph.boxes:
        if isinstance(box, Leaf) or kinds[box] in ("view", "fixed"):
            continue
        fits = _is_member(box, kinds) and box not in ordered
        if not fits or _reads_part(box, set(members), bases) or (members and box.shape != members[0].shape):
            end()
        if fits:
            members.append(box)
    end()
    return chains


def _is_member(box: Box, kinds: dict[Box, str]) -> bool:
    """Whether the line of a box works on large arrays row by row."""
    if kinds[box] != "fill" or ufunc_of(box) is None or not sizes_known(box) or _bytes(box) < LARGE:
        return False
    return _rows(box) < shape_of(box)[0]


def _reads_part(box: Box, members: set[Box], bases: dict[Box, Box]) -> bool:
    """Whether the box reads a member of the chain in another way than element by element."""
    return any(bases[child] in members and child not in members for child in box.children)


def _chain(members: Sequence[Box]) -> Chain:
    rows = _rows(members[0])
    count = -(-shape_of(members[0])[0] // rows)
    return Chain(tuple(members), rows, count, count > 1 and _bytes(members[0]) >= FOR_THREADS)


def _bytes(box: Box) -> int:
    return elements(box) * box.dtype.itemsize


def _rows(box: Box) -> int:
    """Rows that make up a tile."""
    return max(1, TILE * shape_of(box)[0] // max(1, _bytes(box)))


def is_cut(child: Box, chain: Chain) -> bool:
    """Whether a child is read tile by tile; one without the rows of the chain is read whole in each tile."""
    rows = shape_of(chain.boxes[0])
    return not is_scalar(child) and child.ndim == len(rows) and shape_of(child)[0] == rows[0]


def local_boxes(chain: Chain, readers: dict[Box, list[Box]], kept: set[Box]) -> set[Box]:
    """The members that nobody reads outside the chain: a buffer of the size of a tile is enough for them."""
    inside = set(chain.boxes)
    return {box for box in chain.boxes if box not in kept and all(one in inside for one in readers.get(box, ()))}
