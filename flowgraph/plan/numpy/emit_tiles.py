"""The source of a tiled chain of elementwise lines, with threads where the arrays are large enough."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.plan.binding import Memory
from flowgraph.plan.numpy.lines import fill_of
from flowgraph.plan.numpy.threads import shared
from flowgraph.plan.numpy.tiling import Chain, is_cut
from flowgraph.plan.numpy.writing import Writing
from flowgraph.plan.rebuild import shape_of

ROWS = ":"
"""Stands among the names of arrays for the slice that cuts them; no array has such a name."""


def write_chain(writer: Writing, chain: Chain) -> None:
    """Write the loop, and give the members that are read later their names as whole arrays."""
    writer.headline(chain.boxes[0])
    parts: dict[str, str] = {}
    body: list[tuple[Box, str]] = []
    local: dict[Box, str] = {}
    for box in chain.boxes:
        writing = fill_of(box)
        assert writing is not None
        texts = [_operand(writer, chain, child, parts, local) for child in box.children]
        whole = writer.out(box)
        out = _part(writer, whole, parts)
        name = local[box] = writer.source.names[box]
        lines = writing.lines(box, texts, out)
        body += [(box, line) for line in lines[:-1]]
        body.append((box, f"{name} = {lines[-1]}"))
    _write_loop(writer, chain, parts, body)
    inside = set(chain.boxes)
    for box in chain.boxes:
        writer.texts[box] = writer.source.names[box]
        if box in writer.results or not inside.issuperset(writer.readers.get(box, ())):
            writer.line(box, f"{writer.source.names[box]} = {writer.out(box)}", comment=False)


def _operand(writer: Writing, chain: Chain, child: Box, parts: dict[str, str], local: dict[Box, str]) -> str:
    if child in local:
        return local[child]
    text = writer.texts[child]
    if not is_cut(child, chain):
        return text
    if not writer.plan.is_fixed(child):
        return f"{text}[{_part(writer, ROWS, parts)}]"
    return _part(writer, writer.out(child) if child in writer.plan.buffers else text, parts)


def _part(writer: Writing, whole: str, parts: dict[str, str]) -> str:
    """The name in the loop for the tile of an array, or for the slice itself."""
    if whole not in parts:
        parts[whole] = writer.source.taken.free("part" if whole == ROWS else f"{whole}_part")
    return parts[whole]


def _all_tiles(arrays: Sequence[str], chain: Chain, memory: Memory) -> Any:
    """What the loop goes over: for each tile that tile of each array, in a share for each thread."""
    whole = [None if one == ROWS else memory[one] for one in arrays]
    count = shape_of(chain.boxes[0])[0]
    starts = range(0, count, chain.rows)
    if not chain.threads:
        return _cut(whole, starts, chain.rows, count)
    return [_cut(whole, share, chain.rows, count) for share in shared(starts)]


def _cut(arrays: Sequence[Array | None], starts: Sequence[int], rows: int, count: int) -> list[tuple[Any, ...]]:
    """For each tile of the rows, that tile of each array; the slice itself in place of None.

    An array that holds one tile at a time serves all these tiles, and no others: they are the share of one thread.
    """
    own = [np.empty_like(a) if a is not None and len(a) != count else a for a in arrays]
    cuts = []
    for start in starts:
        stop = min(start + rows, count)
        cuts.append(
            tuple(
                slice(start, stop) if a is None else a[start:stop] if len(a) == count else a[: stop - start]
                for a in own
            )
        )
    return cuts


def _write_loop(writer: Writing, chain: Chain, parts: dict[str, str], body: list[tuple[Box, str]]) -> None:
    source = writer.source
    tiles = source.bind_new("tiles", functools.partial(_all_tiles, list(parts), chain))
    variables = ", ".join(parts.values()) + ("," if len(parts) == 1 else "")
    note = f"{chain.tiles} tiles of {chain.rows} rows"
    indent = "    "
    if chain.threads:
        share = source.taken.free("share")
        writer.lines.append((f"    def {share}({tiles}):", ""))
        indent = "        "
    writer.lines.append((f"{indent}for {variables} in {tiles}:", note))
    for box, text in body:
        writer.line(box, f"{indent}{text}")
    if chain.threads:
        writer.lines.append((f"    in_threads({share}, {tiles})", ""))
