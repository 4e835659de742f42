"""Arrays that are joined end to end are computed where they will lie, in sections of one buffer: nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowgraph.box import Box
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.rebuild import elements, sizes_known

if TYPE_CHECKING:
    from flowgraph.plan.schedule import Schedule


class Section(NamedTuple):
    """A part of what is joined: of which box, its number, the byte where it begins."""

    whole: Box
    number: int
    offset: int


def find_sections(plan: Schedule) -> None:
    """For boxes that fill an array which is joined to others later: the box that joins them, and the place there.

    What is joined stays alive as long as its sections are read, since they are the same memory.
    """
    outside = {*plan.updated.values(), *plan.flat.new, *plan.chains, *plan.orders}
    for box in plan.graph.boxes:
        if not _joins_rows(box) or plan.kinds[box] != "fill" or box in outside:
            continue
        start = stop = 0
        for number, child in enumerate(box.children):
            start, stop = stop, stop + elements(child)
            filled = _filled(plan, child)
            if filled is None or filled in plan.sections or filled in outside or filled.dtype != box.dtype:
                continue
            plan.sections[filled] = Section(box, number, start * box.dtype.itemsize)
            plan.last[box] = max(plan.last[box], plan.last[filled])


def _joins_rows(box: Box) -> bool:
    return isinstance(box, Concatenate) and box.axis in (0, -box.ndim) and sizes_known(box)


def _filled(plan: Schedule, box: Box) -> Box | None:
    """The box whose line writes the elements of a child, in their order; None where they are written elsewhere."""
    while plan.kinds[box] == "view" and isinstance(box, Reshape):
        box = box.children[0]
    return box if plan.kinds[box] == "fill" and not _joins_rows(box) and elements(box) else None
