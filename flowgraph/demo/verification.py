"""Every gradient of a graph against central differences: each box where it stands, then each parameter through it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.graph import Graph
from flowgraph.leaves import Input
from flowgraph.run import Run

STEP = 1e-5
TOLERANCE = 1e-6


class Verdict(NamedTuple):
    """What was checked, its directional derivative by bprop and by central differences."""

    name: str
    what: str
    bprop: float
    difference: float

    @property
    def error(self) -> float:
        """The difference of the two, relative to their size."""
        return abs(self.bprop - self.difference) / max(abs(self.bprop), abs(self.difference), 1e-3)

    @property
    def passed(self) -> bool:
        """Whether they agree."""
        return self.error <= TOLERANCE


def verify(run: Run, seed: int = 0) -> list[Verdict]:
    """One verdict per box that passes gradients on, and one per parameter of the graph's first output."""
    rng = np.random.default_rng(seed)
    inner = [box for box in run.graph.boxes if any(box.passes)]
    return [*(_box(run, box, rng) for box in inner), *(_parameter(run, box, rng) for box in run.graph.parameters)]


def _box(run: Run, box: Box, rng: np.random.Generator) -> Verdict:
    """Move all children of a box, at their values in the run, along a random direction."""
    values = [run[child] for child in box.children]
    free = box.passes
    leaves = [
        Input(f"child{i}", shape=np.shape(value), dtype=value.dtype) if moves else Constant(value)
        for i, (value, moves) in enumerate(zip(values, free, strict=True))
    ]
    graph = Graph(box.with_children(*leaves))
    moving = [(leaf, value) for leaf, value, moves in zip(leaves, values, free, strict=True) if moves]
    directions = [rng.normal(size=np.shape(value)) for _, value in moving]
    grad = rng.normal(size=np.shape(run[box]))

    def at(step: float) -> float:
        moved = {leaf: value + step * d for (leaf, value), d in zip(moving, directions, strict=True)}
        return float(np.sum(grad * graph.fprop(moved).outputs[0]))

    grads = graph.fprop(dict(moving)).bprop(grad, wrt=[leaf for leaf, _ in moving])
    slope = sum(np.sum(grads[leaf] * d) for (leaf, _), d in zip(moving, directions, strict=True))
    return Verdict(run.graph.names[box], type(box).__name__, float(slope), (at(STEP) - at(-STEP)) / (2 * STEP))


def _parameter(run: Run, parameter: Any, rng: np.random.Generator) -> Verdict:
    """Move a parameter along a random direction of length 1 and watch the first output of the graph."""
    direction = rng.normal(size=parameter.shape)
    direction /= np.linalg.norm(direction)
    output = run.graph.outputs[0]

    def at(step: float) -> float:
        return float(run.update({parameter: parameter.value + step * direction})[output])

    seeds = (1.0, *(np.zeros_like(value) for value in run.outputs[1:]))
    grads = run.bprop(seeds if len(seeds) > 1 else None, wrt=parameter)
    slope = float(np.sum(grads[parameter] * direction))
    return Verdict(run.graph.names[parameter], "whole graph", slope, (at(STEP) - at(-STEP)) / (2 * STEP))
