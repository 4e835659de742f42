"""The rows of a tile: name, operation, shape, values, gradient, place in the memory of a plan; and its tooltip."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from flowgraph.box import Box
from flowgraph.debugging.zero import share_flat
from flowgraph.plan.schedule import Buffer, Schedule
from flowgraph.printable import printable
from flowgraph.rendering.derived_lines import derivative_latex
from flowgraph.rendering.formulas import plain_formula
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.operations import operation, setting_text
from flowgraph.rendering.palette import heat_role, ink_on
from flowgraph.rendering.picture import Row, Span, Strip
from flowgraph.rendering.statistics import Statistics, size_text, summary
from flowgraph.rendering.subject import Memory, Subject
from flowgraph.rendering.wording import amount_text, dtype_text, gradient_name, number_text, shape_text, shorten_text

NAMED = ("input", "target", "constant", "random", "backward", "regularizer")
"""Kinds that their tiles name, since no colour tells them from every other one whoever looks at it."""


def readable(rows: Iterable[Row], fill: str) -> tuple[Row, ...]:
    """The rows of a tile of this fill, every text in the ink that can be read on what it stands on."""
    return tuple(
        row if (ink := ink_on(row.fill or fill)) == "ink" else
        dataclasses.replace(row, items=tuple(
            dataclasses.replace(item, role=ink) if isinstance(item, Span) else item for item in row.items
        ))
        for row in rows
    )  # fmt: skip


def title(subject: Subject, box: Box) -> str:
    """What a tile is called: its name, or the operation of a box without one."""
    if subject.is_named(box) or not box.children:
        return shorten_text(printable(subject.local_name(box)))
    return _does(subject, box)


def title_row(subject: Subject, box: Box) -> Row:
    """The name in bold and the operation; the operation in bold for a box without a name."""
    called = Span(title(subject, box), "ink", bold=True, size=12)
    return Row((called, Span(_does(subject, box))) if box.children and subject.is_named(box) else (called,))


def _does(subject: Subject, box: Box) -> str:
    child = box.children[0]
    return shorten_text(operation(box, subject.local_name(child) if subject.is_named(child) else ""))


def shape_row(subject: Subject, box: Box) -> Row:
    """Kind of leaf, whether it is an output too, shape or scalar value, the dtype where it is not the caption's."""
    kind = subject.kind[box]
    words = [kind] if kind in NAMED else []
    words += ["output"] if box in subject.marked and kind != "output" else []
    known = [dtype_text(spec.dtype) for spec in box.outputs]
    other = ["" if dtype == subject.dtype else f"  {dtype}" for dtype in known]
    if len(set(other)) == 1:
        words.append(_shape_or_value(subject, box) + other[0])
    else:
        parts = zip(box.outputs, other, strict=True)
        words.append(", ".join(shape_text(spec.shape, subject.sizes) + dtype for spec, dtype in parts))
    return Row((Span("  ".join(words)),))


def value_rows(subject: Subject, box: Box) -> list[Row]:
    """A histogram of the value between its ends, and its mean and spread."""
    if not box.outputs[0].shape and subject.array(box) is not None:
        return []
    statistics = subject.value(box)
    if statistics is None:
        return []
    if box.dtype.kind not in "fc":
        return [Row((Span(f"{number_text(statistics.low)} … {number_text(statistics.high)}", "muted"),))]
    return [*_strip("value", statistics), Row((Span(summary(statistics), "muted"),))]


def gradient_rows(subject: Subject, box: Box) -> list[Row]:
    """A histogram of the gradient between its ends, and its mean and spread; a number with its sign."""
    statistics = subject.gradient(box) if box in subject.receivers else None
    if statistics is None:
        return []
    text = Row((Span(f"∇ {summary(statistics)}", "gradient"),))
    return [*_strip("gradient", statistics), text] if box.outputs[0].shape else [text]


def stepped_rows(subject: Subject, box: Box) -> list[Row]:
    """The rows that an animation shows once they are computed: the value, then the gradient."""
    statistics = subject.value(box)
    rows = value_rows(subject, box) if statistics is not None and statistics.size > 1 else []
    if statistics is not None and statistics.size == 1:
        rows = [Row((Span(f"= {summary(statistics)}", "value"),))]
    rows = [dataclasses.replace(row, since="value") for row in rows]
    if box in subject.receivers:
        rows.append(Row((Span("", "gradient"),), since="gradient"))
    return rows


def derivative_row(subject: Subject, box: Box) -> Row:
    """The name of the gradient that bprop sends to a box, with its size where it is known."""
    if box not in subject.receivers:
        return Row((Span("no gradient", "muted"),))
    words = [gradient_name(subject.local_name(box) if subject.is_named(box) else "")]
    statistics = subject.gradient(box)
    if statistics is not None:
        words.append(summary(statistics))
    return Row((Span("  ".join(words), "gradient"),))


def heat_of(subject: Subject, box: Box) -> str:
    """The role of the fill that shows the size of a gradient against that of the output layer."""
    return heat_of_statistics(subject.gradient(box), subject.reference)


def heat_of_statistics(statistics: Statistics | None, reference: float | None) -> str:
    """The role of the fill for a gradient of which this is known; zero and NaN need no reference."""
    if statistics is None:
        return "not computed"
    if not statistics.finite:
        return heat_role(math.nan)
    if statistics.is_zero:
        return heat_role(-math.inf)
    return "not computed" if reference is None else heat_role(math.log10(statistics.rms / reference))


def heat_rows(subject: Subject, box: Box) -> list[Row]:
    """The size of the gradient in a number, and how many units are saturated or dead."""
    statistics = subject.gradient(box)
    rows = [Row((Span(f"∇ {'not computed' if statistics is None else size_text(statistics)}", "ink"),))]
    value, read = (subject.array(node) for node in (box, box.children[0])) if box.saturates else (None, None)
    share = None if value is None or read is None else share_flat(box, value, read)
    if share is not None and round(100 * share):
        rows.append(Row((Span(f"{100 * share:.0f} % {box.saturates}", "ink"),)))
    return rows


def parameter_row(subject: Subject, leaf: Box, local_name: str, badges: list[str]) -> Row:
    """A parameter as a row of the box that reads it."""
    fill = f"fill {subject.kind[leaf]}"
    words = [] if is_number(leaf) else [shape_text(leaf.shape, subject.sizes)]
    readers = [box for box in subject.parents[leaf] if subject.kind[box] != "regularizer"]
    words += [f"shared by {len(readers)}"] if len(readers) > 1 and not subject.backward else []
    if subject.stepped:
        return Row((Span(shorten_text(printable(local_name)), "ink", bold=True), Span("  ".join(words), "ink")), fill)
    if subject.look.fill == "heat" and leaf in subject.receivers:
        fill = heat_of(subject, leaf)
    statistics = subject.gradient(leaf)
    if statistics is not None and subject.look.rows != "none":
        words.append(f"∇ {size_text(statistics) if subject.look.rows == 'sizes' else summary(statistics)}")
    items = [Span(shorten_text(printable(local_name)), "ink", bold=True), Span("  ".join(words), "ink")]
    items += [Span(badge, "line regularizer", size=9) for badge in badges]
    return Row(tuple(items), fill)


def memory_rows(subject: Subject, box: Box) -> list[Row]:
    """Where a plan keeps the value; in bold where it is written over that of a child."""
    if subject.memory is None or box not in subject.memory.words:
        return []
    return [Row((Span(subject.memory.words[box], "value", bold=box in subject.memory.in_place),))]


def tooltip(subject: Subject, box: Box) -> str:
    """Everything that is known of a box, a line each."""
    declared = type(box)
    shapes = ", ".join(f"{shape_text(spec.shape, subject.sizes)} {dtype_text(spec.dtype)}" for spec in box.outputs)
    lines = [f"{subject.names[box]}: {declared.__name__}"]
    lines += [f"{name} = {setting_text(value)}" for name, value in box.setting_values().items()]
    formulas = {"formula": declared.formula, "derivative": derivative_latex(box)}
    lines += [f"{name} {plain_formula(latex)}" for name, latex in formulas.items() if latex]
    lines += [f"shape {shapes}"]
    value, gradient = subject.value(box), subject.gradient(box)
    if value is not None:
        lines.append(f"value {_describe(value)}")
    if gradient is not None:
        lines.append(f"gradient {_describe(gradient)}")
    elif subject.look.rows != "none" and box not in subject.receivers:
        lines.append("no gradient needed")
    return "\n".join(printable(line) for line in [*lines, f"built at {box.built_at}"])


def _shape_or_value(subject: Subject, box: Box) -> str:
    array = None if subject.stepped else subject.array(box)
    if array is not None and not isinstance(array, tuple) and np.ndim(array) == 0:
        return number_text(array[()] if isinstance(array, np.ndarray) else array)
    return ", ".join(shape_text(spec.shape, subject.sizes) for spec in box.outputs)


def _strip(name: str, statistics: Statistics) -> list[Row]:
    """A histogram between the smallest and the largest element; none where there is nothing to spread."""
    if not statistics.histogram or statistics.is_zero:
        return []
    low, high = (Span(number_text(end), "muted", size=9) for end in (statistics.low, statistics.high))
    return [Row((low, Strip(tuple(f"{name} {level}" for level in statistics.histogram)), high))]


def _describe(statistics: Statistics) -> str:
    if statistics.size == 1:
        return number_text(statistics.alone if statistics.absolute else statistics.mean)
    named = zip(
        ("mean", "std", "rms", "min", "max"),
        (statistics.mean, statistics.std, statistics.rms, statistics.low, statistics.high),
        strict=True,
    )
    words = ", ".join(f"{name} {number_text(number)}" for name, number in named)
    return f"of |·|: {words}" if statistics.absolute else words


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
