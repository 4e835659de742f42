"""The measures of an objective: its value, the loss without regularizers, the classification error."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input
from flowgraph.boxes import BinaryCrossEntropy
from flowgraph.boxes.elementwise.arithmetic import Add, Divide, Multiply, Negative, Positive, Subtract
from flowgraph.boxes.neural.label import pick
from flowgraph.boxes.neural.loss import ClassLoss, Hinge
from flowgraph.boxes.reduction.sums import mean
from flowgraph.graph import Graph
from flowgraph.training.sample_weight import losses_in, weighted

SUMS = (Add, Subtract, Negative, Positive)


class Measures(NamedTuple):
    """The scalars reported of a graph: `objective` is minimised; `error` is None if there is none."""

    objective: Box
    loss: Box
    error: Box | None

    def with_penalty(self, penalty: object) -> Measures:
        """The measures with the penalty of a rule added to the objective; None is no penalty."""
        return self if penalty is None else self._replace(objective=self.objective + penalty)

    def by_name(self) -> dict[str, Box]:
        """Those that there are."""
        return {name: box for name, box in self._asdict().items() if box is not None}


def measures_of(
    objective: Box, loss: Box | None = None, error: Box | None = None, *, weights: Box | None = None
) -> Measures:
    """The measures of an objective, unless `loss` and `error` give others.

    The loss is the objective without its regularizers, the terms of its sum that no input enters. The error is the
    share of examples whose class is wrong, where one loss of classes is in the graph; each counts by its weight.
    """
    graph = Graph(objective)
    if loss is None:
        loss = _without_regularizers(graph)
    if error is None:
        losses = losses_in(graph)
        error = _error(losses[0], weights) if len(losses) == 1 else None
    return Measures(objective, loss, error)


def _without_regularizers(graph: Graph) -> Box:
    """The objective less the terms of its sum that no input enters; itself where there are none, or nothing else."""
    (objective,) = graph.outputs
    varying: set[Box] = set()
    for box in graph.boxes:
        if isinstance(box, Input) or any(child in varying for child in box.children):
            varying.add(box)
    left: dict[Box, Box] = {}
    for box in _in_the_sum(graph, varying):
        every = not isinstance(box, SUMS)
        kept: list[Any] = [left.get(child, child) for child in box.children if every or child in varying]
        if len(kept) < len(box.children):
            left[box] = -kept[0] if isinstance(box, Subtract) and box.children[0] not in varying else kept[0]
        elif any(one is not child for one, child in zip(kept, box.children, strict=True)):
            left[box] = box.with_children(*kept)
    return left.get(objective, objective)


def _in_the_sum(graph: Graph, varying: set[Box]) -> list[Box]:
    """The sums and multiples of sums, of what varies with the inputs, that the objective is made of; children first."""
    found = {box for box in graph.outputs if box in varying}
    for box in reversed(graph.boxes):
        if box not in found:
            continue
        if isinstance(box, SUMS):
            found.update(child for child in box.children if child in varying)
        elif isinstance(box, Multiply | Divide):
            factors = [child for child in box.children if child in varying]
            if len(factors) == 1 and (isinstance(box, Multiply) or factors[0] is box.children[0]):
                found.update(factors)
    return [box for box in graph.boxes if box in found and isinstance(box, (*SUMS, Multiply, Divide))]


def _error(losses: Box, weights: Box | None) -> Any:
    """The share of the examples whose class is wrong, None for a loss of numbers."""
    wrong = _wrong(losses)
    if wrong is None or weights is None:
        return None if wrong is None else mean(wrong)
    return mean(weighted(wrong, weights))


def _wrong(losses: Box) -> Any:
    """How wrong the class of each example is, from 0 to 1, in floats, whose mean is a sum that a plan writes out."""
    prediction: Any
    targets: Any
    prediction, targets = losses.children
    if isinstance(losses, ClassLoss):
        return 1 - _chance_of_right(losses, prediction, targets)
    if isinstance(losses, BinaryCrossEntropy | Hinge):
        middle = 0.5 if isinstance(losses, BinaryCrossEntropy) else 0
        return ((prediction > 0) != (targets > middle)).astype(float)
    return None


def _chance_of_right(losses: Box, scores: Value, targets: Value) -> Any:
    """How probable it is to name the right class by the largest score, if among equal ones a draw decides.

    So a network that gives every class the same score is as wrong as chance, whatever the order of the classes. Where
    the targets are probabilities the right class is that of the largest.
    """
    largest = np.max(scores, axis=-1)
    ways = np.sum(_is_largest(scores, largest), axis=-1)
    if targets.ndim < scores.ndim:
        right = (pick(losses, scores, targets) == largest).astype(float)
    else:
        likely = _is_largest(targets, np.max(targets, axis=-1))
        right = np.sum(_is_largest(scores, largest) * likely, axis=-1)
        ways = ways * np.sum(likely, axis=-1)
    return right / np.maximum(ways, 1.0)


def _is_largest(scores: Value, largest: Any) -> Any:
    return (scores == np.expand_dims(largest, -1)).astype(float)
