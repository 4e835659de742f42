"""Finds where a gradient is lost on the way from the outputs to a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.debugging.slopes import lost_at
from flowgraph.debugging.vjp_contribution import vjp_contribution
from flowgraph.debugging.zero_report import Cause, ZeroReport
from flowgraph.errors import UsageError
from flowgraph.graph.passes import Step, sweep
from flowgraph.graph.where_masking import mask_untaken

if TYPE_CHECKING:
    from flowgraph.graph import Graph

VANISHING = 1e-7
"""The largest element of a vanishing gradient: below the machine epsilon of float32 it moves no parameter of size 1."""

WORTH_TELLING = 0.05
"""A box at which fewer elements of a gradient are lost than one in twenty is no reason, and is left out."""


def why_zero(graph: Graph, values: Sequence[Any], seeds: Sequence[Any], box: Box, gradient: Value) -> ZeroReport:
    """See `Grads.why_zero`; `seeds` are the gradients that arrived at the outputs."""
    name = graph.names[box]
    if isinstance(gradient, tuple):
        raise UsageError(f"why_zero: {box.title} has several outputs; ask for one of its parts, box[0], ...")
    size = np.size(gradient)
    largest = float(np.max(np.abs(gradient))) if size else 0.0
    share = float(np.mean(np.equal(gradient, 0))) if size else 0.0
    status = (
        "empty" if not size
        else "zero" if share == 1
        else "vanishing" if largest < VANISHING
        else "partly zero" if share else "not zero"
    )  # fmt: skip
    causes: list[Cause] = []
    if status in ("zero", "partly zero", "vanishing"):
        causes = _causes(graph, values, seeds, box, status == "zero")
    return ZeroReport(box, name, status, share, largest, tuple(causes))


def _causes(graph: Graph, values: Sequence[Any], seeds: Sequence[Any], box: Box, whole: bool) -> list[Cause]:
    cuts = _cuts(graph, box) if whole else []
    if graph.cut((box,)):
        return cuts
    outputs = [output for output in graph.outputs if seeds[graph.slots[output]] is not None]
    if not any(np.any(seeds[graph.slots[output]]) for output in outputs):
        output = outputs[0]
        return [Cause("nothing arrives", output, graph.names[output], "", 1.0, "the gradient given to bprop is zero")]
    steps = graph.bsteps((box,))
    grads = list(seeds)
    with np.errstate(all="ignore"):
        sweep(mask_untaken(steps, grads), values, grads)
        losses, partial = _losses(graph, steps, values, grads, graph.slots[box], whole)
    partial.sort(key=lambda cause: -cause.share)
    return [*losses, *(cause for cause in partial if cause.share >= WORTH_TELLING), *cuts]


def _losses(
    graph: Graph, steps: Sequence[Step], values: Sequence[Any], grads: Sequence[Any], slot: int, whole: bool
) -> tuple[list[Cause], list[Cause]]:
    """Where all or part of a gradient is lost, going up from the box while only zeros arrive."""
    losses: list[Cause] = []
    partial: list[Cause] = []
    starved = {slot}
    for step in reversed(steps):
        arrived = grads[step.slot]
        if arrived is None or isinstance(arrived, tuple):
            continue
        for position, child in step.wanted:
            if whole and child in starved and not np.any(arrived):
                starved.add(step.slot)
                continue
            lost = (
                whole
                and child in starved
                and not np.any(vjp_contribution(step, child, arrived, values[step.slot], *step.read(values)))
            )
            cause = lost_at(step, position, arrived, values, graph.names, lost)
            if cause is not None:
                (losses if lost else partial).append(cause)
    return losses, partial


def _cuts(graph: Graph, box: Box) -> list[Cause]:
    """The edges above a box through which no gradient passes."""
    above = {box}
    found = []
    for parent in graph.boxes:
        labels = parent.names_of_children()
        for label, child, free in zip(labels, parent.children, parent.differentiable_wrt, strict=True):
            if child not in above:
                continue
            if free:
                above.add(parent)
            else:
                found.append(_cut(graph, parent, label, child))
    return found


def _cut(graph: Graph, parent: Box, label: str, child: Box) -> Cause:
    below = f"{type(child).__name__} {graph.names[child]!r}"
    dtype = parent.outputs[0].dtype
    if isinstance(parent, Cast):
        kind, text = "integer cast", f"{below} becomes {dtype} here, and no gradient passes integers or booleans"
    elif dtype.kind not in "fc":
        kind, text = "no gradient passes", f"its value has dtype {dtype}, which depends on {below} in jumps"
    else:
        kind, text = "constant child", f"{below} is its child {label!r}, which it takes as a constant"
    return Cause(kind, parent, graph.names[parent], label, 1.0, text)
