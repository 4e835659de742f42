"""The parts of a network of two inputs that the page draws and trains."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

import flowgraph.boxes as boxes
from flowgraph.box import Box, Elementwise
from flowgraph.box.leaves import Input
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.linear_algebra.products import Affine, MatMul
from flowgraph.boxes.neural.loss import BinaryCrossEntropy, NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.neural.softmax import Softmax
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.shapes.spec import shape_text

MOST_UNITS = 16
"""Units of a layer that a column of the page has room for."""


class Column(NamedTuple):
    """One layer as it is drawn: its sum, its output, and its parameters."""

    pre_activation: Box
    value: Box
    weights: Box | None
    bias: Box | None


class Network(NamedTuple):
    """A network whose parts have been found: inputs, targets, layers, class probabilities, the loss of each example."""

    x: Box
    y: Box
    columns: tuple[Column, ...]
    probabilities: Box
    losses: Box
    adjustable: tuple[Box, ...]


def read_network(loss: Box, adjustable: Sequence[Box] | None = None) -> Network:
    """The parts of a graph that ends in the loss of a classifier of two inputs; a graph that is none is refused."""
    graph = Graph(loss)
    losses = next((box for box in graph.boxes if isinstance(box, _LOSSES)), None)
    if losses is None:
        names = ", ".join(cls.__name__ for cls in _LOSSES)
        raise UsageError(f"playground: found no loss of classes in the graph, needs one of {names}")
    scores, y = losses.children
    if not isinstance(losses, BinaryCrossEntropy) and scores.shape[-1] != 2:
        raise UsageError(f"playground: found scores of shape {shape_text(scores.shape)}, needs those of two classes")
    found = tuple(graph.parameters) if adjustable is None else tuple(adjustable)
    x = _inputs(graph, y, found)
    return Network(x, y, tuple(_columns(graph, scores, set(found))), _probabilities(losses), losses, found)


_LOSSES = (SoftmaxCrossEntropy, NegativeLogLikelihood, BinaryCrossEntropy)


def _inputs(graph: Graph, y: Box, adjustable: Sequence[Box]) -> Box:
    given = [box for box in graph.inputs if box is not y and box not in set(adjustable)]
    listed = [box for box in given if box.ndim == 2 and box.shape[1] == 2]
    if len(listed) != 1 or len(given) > 1 or not isinstance(y, Input):
        others = ", ".join(f"{box.name} {shape_text(box.shape)}" for box in graph.inputs)
        raise UsageError(
            f"playground: found the inputs {others}, needs one of shape (N, 2), the points of the plane, "
            f"and the targets"
        )
    return listed[0]


def _probabilities(losses: Box) -> Box:
    scores = losses.children[0]
    if isinstance(losses, NegativeLogLikelihood):
        return scores
    return Softmax(scores) if isinstance(losses, SoftmaxCrossEntropy) else boxes.Sigmoid(scores)


def _columns(graph: Graph, scores: Box, adjustable: Container[Box]) -> list[Column]:
    """A column for each product with weights, up to the box that gives its units on."""
    readers: dict[Box, list[Box]] = {}
    for box in graph.boxes:
        for child in box.children:
            readers.setdefault(child, []).append(box)
    columns = []
    for box in graph.boxes:
        if not isinstance(box, Affine | MatMul) or box.children[1] not in adjustable or box.ndim != 2:
            continue
        bias = box.children[2] if isinstance(box, Affine) else None
        sum_of: Box = box
        for reader in readers.get(box, ()):
            if bias is None and isinstance(reader, Add):
                other = reader.children[1] if reader.children[0] is box else reader.children[0]
                if other in adjustable:
                    bias, sum_of = other, reader
        value = next((one for one in readers.get(sum_of, ()) if _is_activation(one)), sum_of)
        units = sum_of.shape[1]
        if isinstance(units, int) and units > MOST_UNITS:
            raise UsageError(
                f"playground: found {units} units in {sum_of.title}, needs {MOST_UNITS} at most to draw them"
            )
        columns.append(Column(sum_of, value, box.children[1], bias))
    if not columns:
        raise UsageError("playground: found no layer x @ W + b with a parameter W in the graph, needs one or more")
    return columns


def _is_activation(box: Box) -> bool:
    return (isinstance(box, Elementwise) and len(box.children) == 1) or isinstance(box, Softmax)
