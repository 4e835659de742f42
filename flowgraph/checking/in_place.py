"""Every box of a graph at the values that it really saw in a run: who is wrong, and for which child."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.checking.box_target import differentiable, target_of
from flowgraph.checking.cases import Case
from flowgraph.checking.check_target import check_target
from flowgraph.checking.combine import combined, with_failures
from flowgraph.checking.report import Report
from flowgraph.checking.scope import Scope
from flowgraph.checking.stopwatch import Stopwatch
from flowgraph.graph import Graph
from flowgraph.graph.run import Run

BUDGET = 6_000


def boxes_in_place(
    graph: Graph, run: Run, wrt: Sequence[Box], seed: int, seconds: float, regimes: bool = False
) -> list[Report]:
    """One report per box that leads to `wrt`, in topological order; with `regimes` around these values too."""
    watch = Stopwatch()
    boxes = [step.box for step in reversed(graph.bsteps(tuple(wrt)))]
    reports: dict[Box, Report] = {}
    left = 0
    for box in _new_kinds_first(boxes):
        if watch.seconds() > seconds:
            left += 1
            continue
        report = _box_in_place(graph, run, box, seed, regimes)
        if report is not None:
            reports[box] = report
    found = [reports[box] for box in boxes if box in reports]
    if left and found:
        text = f"the time was used up before {left} of {len(boxes)} boxes were looked at in place; give budget="
        last = found[-1]
        verdict = last.verdict if last.failures else "undecided"
        found[-1] = replace(last, verdict=verdict, warnings=[*last.warnings, text])
    return found


def _box_in_place(graph: Graph, run: Run, box: Box, seed: int, regimes: bool) -> Report | None:
    """None for a box that has no gradient or reads several outputs; a tuple has no perturbation of its own."""
    values = [run[child] for child in box.children]
    if any(isinstance(value, tuple) for value in values):
        return None
    case = Case(type(box), tuple(np.array(value) for value in values), box.setting_values())
    title = f"{type(box).__name__} {graph.names[box]!r}"
    if not differentiable(case):
        return None
    target, calls = target_of(case, vary=False, title=title)
    try:
        report = check_target(target, 1, seed, BUDGET, 2.0, regimes, Scope(strict=True))
    except ValueError as reason:
        if "cannot be run" not in str(reason):
            raise
        empty = combined(title, [], seed)
        empty.warnings[:] = [f"{title} was not looked at: its value is not finite in this run"]
        return empty
    return with_failures(report, calls.findings.values())


def _new_kinds_first(boxes: Sequence[Box]) -> Iterator[Box]:
    """One box of each class, settings and number of axes before the many that are like it."""
    seen: set[Hashable] = set()
    later = []
    for box in boxes:
        kind = (type(box), repr(box.setting_values()), tuple(_ndim(child) for child in box.children))
        if kind in seen:
            later.append(box)
        else:
            seen.add(kind)
            yield box
    yield from later


def _ndim(child: Any) -> int:
    return len(child.outputs[0].shape)
