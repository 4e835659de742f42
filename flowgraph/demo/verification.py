"""Every gradient of a graph against central differences: each box where it stands, then each parameter through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.graph import Graph
from flowgraph.leaves import Input
from flowgraph.run import Grads, Run

STEP = 1e-5
TOLERANCE = 1e-6
TRIES = 20


class Verdict(NamedTuple):
    """What was checked, its directional derivative by bprop and by central differences."""

    name: str
    what: str
    bprop: float
    difference: float

    @property
    def error(self) -> float:
        """The difference of the two, relative to their size, where that is not tiny."""
        return abs(self.bprop - self.difference) / max(abs(self.bprop), abs(self.difference), 1e-2)

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
    leaves = [
        Input(f"child{i}", shape=np.shape(value), dtype=value.dtype) if moves else Constant(value)
        for i, (value, moves) in enumerate(zip(values, box.passes, strict=True))
    ]
    here = Graph(box.with_children(*leaves)).fprop(
        {leaf: value for leaf, value in zip(leaves, values, strict=True) if isinstance(leaf, Input)}
    )
    grad = rng.normal(size=np.shape(run[box]))
    grads = here.bprop(grad, wrt=here.graph.inputs)
    slope, difference = _slopes(here, grads, lambda moved: float(np.sum(grad * moved.outputs[0])), rng)
    return Verdict(run.graph.names[box], type(box).__name__, slope, difference)


def _parameter(run: Run, parameter: Box, rng: np.random.Generator) -> Verdict:
    """Move a parameter along a random direction and watch the first output of the graph."""
    seeds = (1.0, *(np.zeros_like(value) for value in run.outputs[1:]))
    grads = run.bprop(seeds if len(seeds) > 1 else None, wrt=parameter)
    slope, difference = _slopes(run, grads, lambda moved: float(moved.outputs[0]), rng)
    return Verdict(run.graph.names[parameter], "whole graph", slope, difference)


def _slopes(run: Run, grads: Grads, objective: Callable[[Run], float], rng: np.random.Generator) -> tuple[float, float]:
    """The slope along a random direction of length 1, from the gradients and from two runs a step away."""
    for _ in range(TRIES):
        directions = {leaf: rng.normal(size=np.shape(grad)) for leaf, grad in grads.items()}
        length = np.sqrt(sum(np.sum(direction**2) for direction in directions.values()))
        up, down = (
            run.update({leaf: run[leaf] + step / length * direction for leaf, direction in directions.items()})
            for step in (STEP, -STEP)
        )
        if not _kink_between(up, down):
            break
    slope = sum(np.sum(grads[leaf] * direction) for leaf, direction in directions.items()) / length
    return float(slope), (objective(up) - objective(down)) / (2 * STEP)


def _kink_between(up: Run, down: Run) -> bool:
    """Whether some value lies on one side of a kink of the box that reads it in one run, and beyond in the other."""
    return any(
        np.any((up[child] > kink) != (down[child] > kink))
        for box in up.graph.boxes
        for kink in box.kinks
        for child in box.children
    )
