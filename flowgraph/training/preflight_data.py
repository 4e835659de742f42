"""The check of examples before training: finite, with labels that fit the outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Input
from flowgraph.boxes.neural.loss import ClassLoss
from flowgraph.training.examples import Fed
from flowgraph.training.problem import Problem

PART = 4096
"""As many examples are looked at at once."""


def check_data(problem: Problem, examples: Fed) -> tuple[Any, ...]:
    """Whether every number is finite and every label one of the classes."""
    for box, array in examples.arrays.items():
        place = _not_finite(array)
        if place is not None:
            found = f"{array[tuple(place)]} in {problem.graph.names[box]!r} at {where(place)}"
            return "data", False, found, "remove the example or fill in the value", True
    told = f"{len(examples)} examples, all finite"
    for loss in class_losses(problem):
        labels = _labels(loss, examples)
        if labels is None:
            continue
        classes = loss.children[0].shape[-1]
        finding = _check_labels(problem.graph.names[loss.children[1]], labels, classes)
        if finding is not None:
            return finding
        told += f", {classes} classes"
    return "data", True, told


def _not_finite(array: Array) -> Array | None:
    """The index of the first number that is not finite; searched in parts, as the array may be in a file."""
    if array.dtype.kind not in "fc":
        return None
    for start in range(0, len(array), PART):
        bad = ~np.isfinite(array[start : start + PART])
        if bad.any():
            place: Array = np.argwhere(bad)[0]
            place[0] += start
            return place
    return None


def where(place: Array) -> str:
    """Row and column of an element."""
    row, *others = map(int, place)
    return f"row {row}" + (f", column {others[0]}" if len(others) == 1 else f", {others}" if others else "")


def class_losses(problem: Problem) -> list[Box]:
    """The losses whose targets are classes."""
    return [box for box in problem.graph.boxes if isinstance(box, ClassLoss)]


def _labels(loss: Box, examples: Fed) -> Array | None:
    """The labels that a loss reads straight from an input."""
    targets = loss.children[1]
    is_labels = isinstance(targets, Input) and targets.dtype.kind in "iu" and targets in examples.arrays
    return examples.arrays[targets] if is_labels else None


def _check_labels(name: str, labels: Array, classes: Any) -> tuple[Any, ...] | None:
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        found = f"label {labels[tuple(place)]} in {name!r} at {where(place)}, but the model has {classes} outputs"
        return "data", False, found, f"labels go from 0 to {classes - 1}; count them so, or give the model more", True
    present = np.unique(labels)
    if len(present) == 1:
        found = f"every label in {name!r} is {present[0]}"
        return "data", False, found, "there is nothing to tell apart; look at how the labels were read"
    if len(present) < classes:
        missing = sorted(set(range(classes)) - set(present.tolist()))
        found = f"no example of class {', '.join(map(str, missing[:5]))}{' ...' * (len(missing) > 5)} in {name!r}"
        return "data", False, found, "split the data so that each class is in it, or give the model fewer outputs"
    return None
