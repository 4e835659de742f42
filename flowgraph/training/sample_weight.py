"""Weights of examples: each loss of an example is multiplied by the weight of the example."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Input
from flowgraph.errors import FeedError, UsageError
from flowgraph.graph import Graph

NAME = "sample_weight"


def losses_in(graph: Graph, given: Collection[Box] = ()) -> list[Box]:
    """The boxes that are losses of examples: those of some that are given, or those of `fg`."""
    known = set(given)
    return [box for box in graph.boxes if (box in known if known else box.role == "loss")]


def with_weights(objective: Box, weights: Input | None, losses: Collection[Box] = ()) -> Any:
    """The objective in which every loss of an example is multiplied by the weight of the example.

    `losses` are the boxes with these losses, by default those that are losses of `fg`. Boxes that no loss enters stay
    as they are. None as weights is no weight.
    """
    if weights is None:
        return objective
    graph = Graph(objective)
    anew: dict[Box, Any] = {loss: weighted(loss, weights) for loss in losses_in(graph, losses)}
    if not anew:
        raise UsageError(
            f"sample_weight: found no loss of examples in {objective.title}, such as fg.SquaredError, which could be "
            f"weighted; multiply what belongs to an example by an input of weights of your own"
        )
    for box in graph.boxes:
        if box not in anew and any(child in anew for child in box.children):
            anew[box] = box.with_children(*(anew.get(child, child) for child in box.children))
    return anew[objective]


def weighted(losses: Any, weights: Any) -> Any:
    """What there is of each example times the weight of the example, along the first axis."""
    if not losses.shape:
        raise UsageError(
            f"sample_weight: found {losses.title}, one number for all examples, which cannot be weighted; needs one "
            f"number per example"
        )
    factor = weights if weights.dtype == losses.dtype else weights.astype(losses.dtype)
    return losses * np.expand_dims(factor, tuple(range(1, len(losses.shape))))


def weights_like(objective: Box, losses: Collection[Box] = ()) -> Input:
    """An input for the weights of examples, one per example of the first loss of an objective."""
    found = [box for box in losses_in(Graph(objective), losses) if box.shape]
    size, dtype = (found[0].shape[0], found[0].dtype) if found else ("N", np.dtype(float))
    return Input(NAME, shape=(size,), dtype=dtype)


def read_weights(given: object, count: int) -> Array:
    """One weight per example, from 0 on, not all 0."""
    array = np.asarray(given)
    if array.shape != (count,) or array.dtype.kind not in "biuf":
        raise FeedError(
            f"fit: found sample_weight of shape {array.shape} and dtype {array.dtype}, needs one number for each of "
            f"the {count} examples"
        )
    array = array.astype(float)
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        raise FeedError(f"fit: found the sample_weight {array[bad[0]]} in row {bad[0]}, needs finite numbers from 0 on")
    return array
