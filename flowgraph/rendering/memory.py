"""Where a plan keeps its values, as text for its picture: buffers, views, scalars, in-place operations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flowgraph.box import Box
from flowgraph.plan.schedule import Buffer, Schedule
from flowgraph.printable import printable
from flowgraph.rendering.labels import title
from flowgraph.rendering.subject import Memory, Subject
from flowgraph.rendering.wording import amount_text


def memory_of(schedule: Schedule) -> Memory:
    """The words of a schedule; buffers are numbered in the order in which they are first filled.

    Boxes are called as their tiles are.
    """
    subject = Subject(schedule.graph)
    called = partial(title, subject)
    number: dict[int, int] = {}
    words: dict[Box, str] = {}
    for box in schedule.graph.boxes:
        kind = schedule.kinds[box]
        if kind == "view":
            words[box] = f"view of {called(schedule.bases[box])}"
        elif kind == "number":
            words[box] = "a number"
        elif kind == "call":
            words[box] = "a new array"
        elif box in schedule.flat.joined:
            words[box] = "parameters side by side"
        elif kind == "fill":
            words[box] = _buffer(schedule, box, number, called)
    return Memory(words, schedule.in_place, _summary(schedule))


def _buffer(schedule: Schedule, box: Box, number: dict[int, int], called: Callable[[Box], str]) -> str:
    buffer = schedule.buffers[box]
    place = number.setdefault(id(buffer), len(number) + 1)
    new = buffer.whole.spare_of or ()
    spare = f", new {' and '.join(printable(str(p.name)) for p in new)}" if new else ""
    child = schedule.in_place.get(box)
    over = f", in place of {called(child)}" if child is not None else ""
    return f"buffer {place}, {amount_text(buffer.size, 'B')}{spare}{over}"


def _summary(schedule: Schedule) -> str:
    buffers: dict[int, Buffer] = {id(buffer): buffer for buffer in schedule.buffers.values()}
    inside = sum(buffer.size for buffer in buffers.values() if buffer.is_own)
    filled = len(schedule.buffers)
    text = f"{filled} values in {len(buffers)} buffers ({amount_text(inside, 'B')} beside the new parameters)"
    return f"{text}; {len(schedule.in_place)} written in place: thick links, bold words"
