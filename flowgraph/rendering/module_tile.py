"""The tile of a module: its name, how many there are, what it does, what it gives, its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from flowgraph.box import Box
from flowgraph.boxes.indexing.index import Index
from flowgraph.printable import printable
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.labels import heat_of_statistics, readable
from flowgraph.rendering.modules import Module
from flowgraph.rendering.operations import index_text
from flowgraph.rendering.palette import LEVELS
from flowgraph.rendering.picture import Row, Span, Strip, Tile
from flowgraph.rendering.statistics import Statistics, zero_text
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.titles import Titles, kind_of, parameters_text
from flowgraph.rendering.wording import number_text, shape_text, shorten_text

_CELLS = 24
"""Of a strip: as wide as the words above it; of more stages than that, neighbours share a cell, and the worst wins."""

_DECADES = 3.0
"""Powers of ten over which the strip of values goes from pale to deep, as the scale of gradients does to each side."""


@dataclass(frozen=True)
class Range:
    """The statistics of a module's boxes, stage by stage, and the role of the colour of each cell."""

    stages: list[list[Statistics]]
    cells: tuple[str, ...]
    worst: str
    ends: tuple[str, str]

    @property
    def every(self) -> list[Statistics]:
        """The statistics of all stages."""
        return [statistics for stage in self.stages for statistics in stage]

    def rows(self, name: str, spread: str, ink: str) -> list[Row]:
        """A line for NaN, one for zeros, the range of all else, and the strip."""
        if not self.every:
            return []
        lines = [self._count_stages(name, lambda s: not s.finite), self._count_stages(name, lambda s: s.is_zero)]
        rows = [Row((Span(line, ink, bold=True),)) for line in lines if line]
        rows += [Row((Span(f"{name}{spread}", ink),))] if spread else []
        first, last = self.ends
        strip = (Span(first, "muted", size=9), Strip(self.cells), Span(last, "muted", size=9))
        return [*rows, Row(strip, "paper")] if len(self.cells) > 1 else rows

    def _count_stages(self, name: str, bad: Callable[[Statistics], bool]) -> str:
        """In how many stages something is bad, and how."""
        worst = next((statistics for statistics in self.every if bad(statistics)), None)
        if worst is None:
            return ""
        count = sum(any(map(bad, stage)) for stage in self.stages)
        what = zero_text(worst) if worst.finite else number_text(worst.rms)
        return f"{name}{what} in {count} of {len(self.stages)}"


def gradient_range(subject: Subject, module: Module) -> Range:
    """The gradients of all boxes of a module, parameters included."""
    parts = [[b for b in stage if b in subject.receivers] for stage in _stages(module)]
    stages = [_known_statistics(stage, subject.gradient) for stage in parts if stage]
    reference = subject.reference
    cells = [_worst_heat(group, reference) for group in _group_by_cell(stages)]
    everything = [statistics for stage in stages for statistics in stage]
    return Range(stages, tuple(cells), _worst_heat(everything, reference), _ends(module))


def value_range(subject: Subject, module: Module) -> Range:
    """The values of the boxes that a module computes."""
    parts = [[b for b in stage if b.children and b.outputs[0].dtype.kind == "f"] for stage in _stages(module)]
    stages = [_known_statistics(stage, subject.value) for stage in parts if stage]
    sizes = [math.log10(known.rms) for stage in stages for known in stage if known.finite and known.rms > 0]
    top = max(sizes, default=0.0)
    bottom = min(min(sizes, default=0.0), top - _DECADES)
    cells = [_level(group, bottom, top) for group in _group_by_cell(stages)]
    return Range(stages, tuple(cells), "", _ends(module))


def rms_text(known: Range) -> str:
    """The smallest and the largest root mean square that is neither 0 nor NaN."""
    return _span([statistics.rms for statistics in known.every if statistics.finite and not statistics.is_zero], "rms ")


def extremes_text(known: Range) -> str:
    """The smallest and the largest element."""
    finite = [statistics for statistics in known.every if statistics.finite]
    return _span([*(statistics.low for statistics in finite), *(statistics.high for statistics in finite)], "")


def _span(numbers: Sequence[float], words: str) -> str:
    if not numbers:
        return ""
    low, high = number_text(min(numbers)), number_text(max(numbers))
    return words + (low if low == high else f"{low} … {high}")


def _stages(module: Module) -> list[list[Box]]:
    """The boxes of each of several equal scopes; of a single scope each box by itself."""
    if module.stages:
        return [[box for box in stage if not is_number(box)] for stage in module.stages]
    return [[box] for box in module.boxes if not is_number(box)]


def _ends(module: Module) -> tuple[str, str]:
    first, last = module.paths[0], module.paths[-1]
    if first == last:
        return "first", "last"
    numbers = [path[len(path.rstrip("0123456789")) :] for path in (first, last)]
    return (numbers[0], numbers[1]) if all(numbers) else ("first", "last")


def _known_statistics(boxes: Sequence[Box], statistics: Callable[[Box], Statistics | None]) -> list[Statistics]:
    return [known for known in map(statistics, boxes) if known is not None]


def _group_by_cell(stages: Sequence[list[Statistics]]) -> list[list[Statistics]]:
    """The statistics of each cell."""
    count = min(_CELLS, len(stages))
    ends = [round(i * len(stages) / count) for i in range(count + 1)] if count else []
    return [[statistics for stage in stages[start:end] for statistics in stage] for start, end in pairwise(ends)]


def _worst_heat(group: Sequence[Statistics], reference: float | None) -> str:
    """The worst colour: NaN, then exact zero, then the scale farthest from that of the output layer."""
    if not group:
        return "not computed"

    def severity(statistics: Statistics) -> tuple[int, float]:
        if not statistics.finite:
            return 2, 0.0
        if statistics.is_zero:
            return 1, 0.0
        return 0, abs(math.log10(statistics.rms / (reference or 1.0)))

    return heat_of_statistics(max(group, key=severity), reference)


def _level(group: Sequence[Statistics], bottom: float, top: float) -> str:
    """The colour of the largest value of a cell; NaN and zeros win."""
    if not group:
        return "not computed"
    if not all(statistics.finite for statistics in group):
        return "not a number"
    least, largest = min(statistics.rms for statistics in group), max(statistics.rms for statistics in group)
    share = 0.0 if least == 0 else (math.log10(largest) - bottom) / (top - bottom)
    return f"value {round(share * LEVELS)}"


_MOST = 4
"""Operations that are named on the tile; the tooltip has all boxes."""

_MOST_KINDS = 3
"""Kinds of modules that are named on the tile of one that holds them."""

_LONGEST = 48
"""Characters in which a tile says what each step reads; it says nothing that takes more."""

_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"


def module_tile(subject: Subject, module: Module, id: str, titles: Titles) -> Tile:
    """A module as one tile, filled by the worst gradient of all its boxes in the view of gradients.

    `titles` say what modules are, by their paths: "0 · Linear 16→32" in place of the path and its operations.
    """
    results = _results(subject, module)
    receives = subject.look.links != "fprop" or subject.grads is not None
    gradients = gradient_range(subject, module) if receives else None
    kinds = {"output" if box in subject.marked else subject.kind[box] for box in results}
    kind = next((kind for kind in ("output", "loss") if kind in kinds), "box")
    fill = gradients.worst if gradients and gradients.stages and subject.look.fill == "heat" else f"fill {kind}"
    known = titles.of_module(module.path)
    name = titles.of_run(module.paths).removeprefix(f"{module.frame}/")  # the frame around it says the rest
    title = [Span(shorten_text(name), "ink", bold=True, size=12)]
    if len(module.paths) > 1:
        title.append(Span(f"×{len(module.paths)}", "gradient", bold=True, size=12))
    shapes = ", ".join(_shapes(subject, box) for box in results) if len(results) <= _MOST else f"{len(results)} results"
    inside = _kinds_inside(subject, module, titles) if known or module.within is not None else _operations(module)
    rows = [Row(tuple(title)), *([Row((Span(inside),), inside=True)] if inside else [])]
    element = _element(subject, module) if module.elements else ""
    each = "each step" if module.carried or len(module.paths) == 1 else "each"
    rows += [Row((Span(f"{each} reads {element}"),))] if element and len(element) <= _LONGEST else []
    rows += [Row((Span(f"{each} gives {_call_values(subject, module.given)}"),))] if module.given else []
    rows.append(Row((Span(f"→ {shapes}"),)))
    if subject.look.rows == "values":
        values = value_range(subject, module)
        rows += values.rows("", extremes_text(values), "muted")
    if subject.stepped:
        rows += [Row((Span("", role),), since=role) for role in ("value", "gradient")]
    elif gradients and subject.look.rows != "none":
        rows += gradients.rows("∇ ", rms_text(gradients), "gradient")
        if subject.look.rows == "sizes" and gradients.stages and not gradients.every:
            rows.append(Row((Span("∇ not computed", "ink"),)))
    rows += _parameters(subject, module, titles.unread_in(module.paths))
    return Tile(
        id=id,
        kind=kind,
        rows=readable(rows, fill),
        tooltip=_tooltip(subject, module),
        fill=fill,
        line=f"line {kind}",
        width=3.0 if kind == "loss" else 1.4,
        square=True,
        stacked=len(module.paths) > 1 or not known,
        carried=_call_values(subject, module.carried),
        frame=module.frame,
    )


def _results(subject: Subject, module: Module) -> list[Box]:
    """What a module gives to others, outputs first; of a loop, its last step."""
    inside, computed = set(module.boxes), set(module.tail)
    read = [box for box in module.tail if not inside.issuperset(subject.parents[box])]
    return list(dict.fromkeys([*(box for box in subject.graph.outputs if box in computed), *read]))


def _parameters(subject: Subject, module: Module, unread: int) -> list[Row]:
    """How many parameters a module has or reads, and of these how many several steps, or others, read.

    A regularizer and the backward pass are no others.
    """
    inside = set(module.boxes)
    read = {child for box in module.boxes for child in box.children} | inside
    parameters = {box for box in read if subject.kind[box] == "parameter"}
    count = sum(box.value.size for box in parameters)
    step = {box: number for number, boxes in enumerate(module.stages) for box in boxes}
    readers = {
        box: {
            step.get(reader, 0) if reader in inside else -1
            for reader in subject.parents[box]
            if subject.kind[reader] not in ("regularizer", "backward")
        }
        for box in parameters
    }
    shared = sum(box.value.size for box, steps in readers.items() if -1 in steps or len(steps) > 1)
    words = parameters_text(count, unread)
    words += f", {shared:,} shared" if 0 < shared < count else ", shared" if shared else ""
    if shared == count and len(module.stages) > 1 and all(len(steps - {-1}) == 1 for steps in readers.values()):
        words = f"{len(module.stages)} × {count // len(module.stages):,} parameters, shared"
    return [Row((Span(words, "ink"),), "fill parameter")] if count + unread else []


def _call_values(subject: Subject, boxes: Sequence[Box]) -> str:
    """What the steps of a loop hand on: names of variables without their numbers, shapes of what has no name."""
    words = [
        shorten_text(subject.local_name(box).rstrip(_SUBSCRIPTS)) if subject.is_named(box) else _shapes(subject, box)
        for box in boxes
    ]
    return ", ".join(dict.fromkeys(words) if len(words) > _MOST else words)


def _shapes(subject: Subject, box: Box) -> str:
    return ", ".join(shape_text(spec.shape, subject.sizes) for spec in box.outputs)


def _element(subject: Subject, module: Module) -> str:
    """What each step takes of a value that all read, x[:, t]; "" where a few words do not say which of its elements."""
    steps = [_read_elements(module, stage) for stage in module.stages]
    columns = set(zip(*steps, strict=False))
    leaves = {leaf for column in columns for leaf, *_ in column}
    if len(columns) != 1 or len(leaves) != 1 or len(set(map(len, steps))) != 1:
        return ""
    words, turns = [], set()
    for parts in zip(*(index for _, *index in columns.pop()), strict=False):
        turns |= {parts} if len(set(parts)) > 1 else set()
        words.append("t" if len(set(parts)) > 1 else str(parts[0]).replace("-", "−"))
    if len(turns) > 1 or "·" in words or not all(isinstance(part, int) for parts in turns for part in parts):
        return ""
    said = f"{shorten_text(subject.local_name(leaves.pop()))}[{', '.join(words)}]"
    return said + "".join(map(_turns, turns))


def _read_elements(module: Module, stage: Sequence[Box]) -> list[tuple[Any, ...]]:
    """The leaves of which a step takes elements, each with its index."""
    elements, own = set(module.elements), set(stage)
    taken = [*(box for box in stage if isinstance(box, Index)), *(child for box in stage for child in box.children)]
    read = dict.fromkeys(box for box in taken if isinstance(box, Index) and box in own | elements)
    return [
        (
            box.children[0],
            *(part if isinstance(part, int) else index_text(part) for part in box.setting_values()["index"]),
        )
        for box in read
        if not box.children[0].children
    ]


def _turns(places: Sequence[int]) -> str:
    """Which t are meant, where they are not those from 0."""
    steps = {later - earlier for earlier, later in pairwise(places)}
    if places[0] == 0 and steps == {1}:
        return ""
    texts = [str(place).replace("-", "−") for place in places]
    shown = texts if len(texts) <= _MOST or len(steps) > 1 else [*texts[:2], "…", texts[-1]]
    return f", t = {', '.join(shown)}"


def _operations(module: Module) -> str:
    """The operations of one scope, in order; a module that holds others has more."""
    scope = module.tail[-1].scope
    shown = list(dict.fromkeys(type(box).symbol for box in module.tail if box.scope == scope))[:_MOST]
    more = {type(box).symbol for box in module.tail} - set(shown)
    return printable(" · ".join(shown) + (" · …" if more else ""))


def _kinds_inside(subject: Subject, module: Module, titles: Titles) -> str:
    """The kinds of the modules that a closed one holds, in order; of a row, those of a step and its operations."""
    path = module.paths[0]
    found = [kind_of(title).partition(" ")[0] for title in titles.modules_in(path)]
    if module.within is not None:
        outside = [box for box in module.tail if not f"{subject.scope[box]}/".startswith(f"{module.paths[-1]}/")]
        own = [] if found else [kind_of(titles.of_module(path)).partition(" ")[0]]
        for box in outside:
            own.append(kind_of(titles.of_module(subject.scope[box])).partition(" ")[0] or printable(type(box).symbol))
        found = [*list(dict.fromkeys(found))[: _MOST_KINDS - 1], *own]
    kinds = list(dict.fromkeys(kind for kind in found if kind))
    return " · ".join(kinds[:_MOST_KINDS]) + (" · …" if len(kinds) > _MOST_KINDS else "")


def _tooltip(subject: Subject, module: Module) -> str:
    names = [printable(subject.names[box]) for box in module.boxes]
    listed = ", ".join(names[:12]) + (f", … {len(names) - 12} more" if len(names) > 12 else "")
    return f"{module.path}: {len(names)} boxes\n{listed}\nbuilt at {module.tail[-1].built_at}"
