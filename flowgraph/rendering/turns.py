"""In which turn of a loop each box was built: one number for all that a turn assigned, in the order of the program."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Iterable, Mapping, Sequence

from flowgraph.box import Box

_Place = tuple[int, ...]
_Span = tuple[tuple[int, int], tuple[int, int]]
_BODIES = (ast.For, ast.While, ast.FunctionDef, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp)

Body = tuple[str, _Span | None]
"""A file, and the part of it that runs often: the innermost loop or function around a place."""

Clock = tuple[int, _Place, str]
"""A turn, the place in its body where the program stands then, and what kind of box it builds."""


def turns_of(boxes: Sequence[Box], groups: Sequence[Sequence[Box]]) -> dict[Box, int]:
    """A number for each box of the groups, each of which holds what one variable was given.

    A box stands later than what it reads: in the same turn if its place in the loop comes after, else in a later one.
    Where that leaves several boxes of a variable in one turn (x[:, t] reads nothing of the loop), what reads them says
    in which they are needed; where that says no more, the order of the graph.
    """
    found: dict[Box, int] = {}
    by_body: dict[Body, list[Sequence[Box]]] = {}
    places = {_place(box) for box in boxes if box.children and groups}
    bodies = {place: _body_around(*place) for place in places}
    for group in groups:
        around = {bodies[_place(box)] for box in group}
        by_body.setdefault(around.pop() if len(around) == 1 else ("", None), []).append(group)
    position = {box: place for place, box in enumerate(boxes)}
    depth = _depths(boxes) if groups else {}
    for body, together in by_body.items():
        inside = {box for box in boxes if box.children and bodies[_place(box)] == body}
        early = _earliest(boxes, inside) if body[1] else {}
        late = _latest(boxes, early)
        chosen = [_distinct(group, early, late) for group in together]
        most = max(map(len, together))
        agreed = all(turns and max(turns.values()) <= most for turns in chosen)
        for group, turns in zip(together, chosen, strict=True):
            order = sorted(group, key=lambda box: (depth[box], late.get(box, 0), position[box]))
            found |= turns if agreed else {box: number for number, box in enumerate(order, 1)}
    return found


def _depths(boxes: Iterable[Box]) -> dict[Box, int]:
    depth: dict[Box, int] = {}
    for box in boxes:
        depth[box] = 1 + max((depth[child] for child in box.children), default=0)
    return depth


def _distinct(group: Sequence[Box], early: Mapping[Box, int], late: Mapping[Box, int]) -> dict[Box, int]:
    """The turns of the boxes of a variable, no two of which are equal; none where that is not known."""
    for turns in (early, late):
        found = {box: turns[box] for box in group if box in turns}
        if len(set(found.values())) == len(group) and min(found.values()) > 0:
            return found
    return {}


def _clock(box: Box) -> tuple[_Place, str]:
    """The place of a box in its body, in the order in which Python computes expressions, and its kind."""
    first, last, start, end = box.built_at.expression
    return (last, end, -first, -start), type(box).__name__


def _earliest(boxes: Iterable[Box], inside: set[Box]) -> dict[Box, int]:
    """The first turn in which each box of a body can have been built, by what it reads."""
    clocks: dict[Box, Clock] = {}
    found: dict[Box, int] = {}
    for box in boxes:
        clock = max((clocks[child] for child in box.children if child in clocks), default=None)
        if box in inside:
            here = _clock(box)
            found[box] = 1
            if clock is not None:
                found[box] = clock[0] + (not (here[0] > clock[1] or _in_one_go(here, clock[1:])))
            clock = (found[box], *here)
        if clock is not None:
            clocks[box] = clock
    return found


def _in_one_go(here: tuple[_Place, str], before: tuple[_Place, str]) -> bool:
    """Whether one expression can have built both: boxes of two kinds, such as those of np.rot90."""
    return here[0] == before[0] and here[1] != before[1]


def _latest(boxes: Sequence[Box], early: Mapping[Box, int]) -> dict[Box, int]:
    """The last turn in which each box of a body can have been built, by what reads it."""
    found: dict[Box, int] = {}
    clocks: dict[Box, Clock] = {}
    for box in reversed(boxes):
        clock = clocks.get(box)
        if box in early:
            here = _clock(box)
            turn = early[box]
            if clock is not None:
                turn = clock[0] - (not (here[0] < clock[1] or _in_one_go(here, clock[1:])))
            found[box] = turn
            clock = (turn, *here)
        if clock is not None:
            for child in box.children:
                clocks[child] = min(clocks.get(child, clock), clock)
    return found


def _place(box: Box) -> tuple[str, _Place]:
    return box.built_at.path, box.built_at.expression


def _body_around(path: str, place: _Place) -> Body:
    """The innermost loop or function of a file around a place."""
    if not place:
        return path, None
    first, last, start, end = place
    spans = _spans("".join(linecache.getlines(path)))
    around = [span for span in spans if span[0] <= (first, start) and (last, end) <= span[1]]
    return path, max(around, default=None)


@functools.lru_cache(maxsize=32)
def _spans(text: str) -> list[_Span]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):  # a cell with magics, a template
        return []
    nodes = [node for node in ast.walk(tree) if isinstance(node, _BODIES)]
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)) for node in nodes
    ]
