"""Floating-point operations of boxes and of graphs; what is not known is said, and never counted as 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from flowgraph.box import Box
from flowgraph.shapes.size import Size, add, multiply

Count = int | Size


class Flops(NamedTuple):
    """The operations that are known, and whether there are others, of boxes without a rule."""

    known: Count = 0
    complete: bool = True

    @property
    def text(self) -> str:
        """The known count with thousands separators, "?" if part of it is unknown; empty for 0."""
        return self.joined(number_text(self.known))

    def joined(self, known: str) -> str:
        """A text of the known part, "+ ?" after it where there is more."""
        return " + ".join(part for part in (known, "" if self.complete else "?") if part)


def flops_of(box: Box) -> Count | None:
    """Floating-point operations of one fprop of a box; None where they are not known before a run."""
    if not box.children or not box.arithmetic:
        return 0
    if len(box.outputs) != 1 or any(len(child.outputs) != 1 for child in box.children):
        return None
    count: Count | None = box.flops(box.shape, *[child.shape for child in box.children])
    return None if isinstance(count, Size) and count.unknown else count


def total_flops(boxes: Iterable[tuple[Any, int]]) -> Flops:
    """The sum over boxes, each with the number of its like."""
    known: Count = 0
    complete = True
    for box, times in boxes:
        count = flops_of(box)
        complete = complete and count is not None
        known = add(known, multiply(times, count or 0))
    return Flops(known, complete)


def number_text(number: Count) -> str:
    """A number with thousands set apart; nothing for 0."""
    return "" if number == 0 else f"{number:,}" if isinstance(number, int) else str(number)
