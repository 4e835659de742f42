"""What a folded module shows of all its boxes: the worst colour, the range of values, a strip from first to last."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flowgraph.box import Box
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.labels import heat_of_statistics
from flowgraph.rendering.modules import Module
from flowgraph.rendering.palette import LEVELS
from flowgraph.rendering.picture import Row, Span, Strip
from flowgraph.rendering.statistics import Statistics
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import number_text

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
        return [found for stage in self.stages for found in stage]

    def rows(self, name: str, spread: str, ink: str) -> list[Row]:
        """A line for NaN, one for zeros, the range of all else, and the strip."""
        if not self.every:
            return []
        lines = [self._counted(name, lambda one: not one.finite), self._counted(name, lambda one: one.rms == 0)]
        rows = [Row((Span(line, ink, bold=True),)) for line in lines if line]
        rows += [Row((Span(f"{name}{spread}", ink),))] if spread else []
        first, last = self.ends
        strip = (Span(first, "muted", size=9), Strip(self.cells), Span(last, "muted", size=9))
        return [*rows, Row(strip, "paper")] if len(self.cells) > 1 else rows

    def _counted(self, name: str, bad: Callable[[Statistics], bool]) -> str:
        """In how many stages something is bad, and how."""
        worst = next((one for one in self.every if bad(one)), None)
        if worst is None:
            return ""
        count = sum(any(map(bad, stage)) for stage in self.stages)
        what = "exactly 0" if worst.finite else number_text(worst.rms)
        return f"{name}{what} in {count} of {len(self.stages)}"


def gradient_range(subject: Subject, module: Module) -> Range:
    """The gradients of all boxes of a module, parameters included."""
    parts = [[b for b in stage if b in subject.receivers] for stage in _stages(module)]
    stages = [_known(stage, subject.gradient) for stage in parts if stage]
    reference = subject.reference
    cells = [_worst_heat(group, reference) for group in _grouped(stages)]
    everything = [found for stage in stages for found in stage]
    return Range(stages, tuple(cells), _worst_heat(everything, reference), _ends(module))


def value_range(subject: Subject, module: Module) -> Range:
    """The values of the boxes that a module computes."""
    parts = [[b for b in stage if b.children and b.outputs[0].dtype.kind == "f"] for stage in _stages(module)]
    stages = [_known(stage, subject.value) for stage in parts if stage]
    sizes = [math.log10(one.rms) for stage in stages for one in stage if one.finite and one.rms > 0]
    top = max(sizes, default=0.0)
    bottom = min(min(sizes, default=0.0), top - _DECADES)
    cells = [_level(group, bottom, top) for group in _grouped(stages)]
    return Range(stages, tuple(cells), "", _ends(module))


def rms_text(found: Range) -> str:
    """The smallest and the largest root mean square that is neither 0 nor NaN."""
    return _span([one.rms for one in found.every if one.finite and one.rms > 0], "rms ")


def extremes_text(found: Range) -> str:
    """The smallest and the largest element."""
    finite = [one for one in found.every if one.finite]
    return _span([*(one.low for one in finite), *(one.high for one in finite)], "")


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


def _known(boxes: Sequence[Box], statistics: Callable[[Box], Statistics | None]) -> list[Statistics]:
    return [found for found in map(statistics, boxes) if found is not None]


def _grouped(stages: Sequence[list[Statistics]]) -> list[list[Statistics]]:
    """The statistics of each cell."""
    count = min(_CELLS, len(stages))
    ends = [round(i * len(stages) / count) for i in range(count + 1)] if count else []
    return [[found for stage in stages[start:end] for found in stage] for start, end in pairwise(ends)]


def _worst_heat(found: Sequence[Statistics], reference: float | None) -> str:
    """The worst colour: NaN, then exact zero, then the scale farthest from that of the output layer."""
    if not found:
        return "not computed"

    def severity(one: Statistics) -> tuple[int, float]:
        if not one.finite:
            return 2, 0.0
        if one.rms == 0:
            return 1, 0.0
        return 0, abs(math.log10(one.rms / (reference or 1.0)))

    return heat_of_statistics(max(found, key=severity), reference)


def _level(found: Sequence[Statistics], bottom: float, top: float) -> str:
    """The colour of the largest value of a cell; NaN and zeros win."""
    if not found:
        return "not computed"
    if not all(one.finite for one in found):
        return "not a number"
    least, largest = min(one.rms for one in found), max(one.rms for one in found)
    share = 0.0 if least == 0 else (math.log10(largest) - bottom) / (top - bottom)
    return f"value {round(share * LEVELS)}"
