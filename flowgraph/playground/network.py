"""A network of two inputs as modules of JavaScript: what the page calls for fields, losses, gradients, updates."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

import flowgraph.boxes as boxes
from flowgraph.box import Box, Elementwise
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.linear_algebra.products import Affine, MatMul
from flowgraph.boxes.neural.elementwise_loss import BinaryCrossEntropy
from flowgraph.boxes.neural.loss import NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.neural.softmax import Softmax
from flowgraph.boxes.reduction.sums import Mean
from flowgraph.derivatives import gradient
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.plan import compile
from flowgraph.plan.javascript.emit import AFTER_KERNELS
from flowgraph.plan.rebuild import on_children, rebuild
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


class Modules(NamedTuple):
    """Bodies of functions over the kernels, and the names of what each returns, in their order."""

    forward: str
    losses: str
    learn: str
    kernels: str
    forward_names: list[str]
    learn_names: list[str]


def modules_of(network: Network) -> Modules:
    """Forward values at any points, losses of given examples, and a step: values, gradients, new parameters.

    A step is that of the lecture: v = βv − α∇, then θ + v, of the mean loss plus l1 Σ|W| + l2 ΣW² of the weights.
    """
    rate, momentum, l1, l2 = (Input(name, shape=()) for name in ("rate", "momentum", "l1", "l2"))
    mean = Mean(network.losses)
    weights = [column.weights for column in network.columns if column.weights is not None]
    objective: Any = mean
    for penalty, factor in ((boxes.L1, l1), (boxes.L2, l2)):
        objective = objective + factor * penalty(*weights)
    shown = {f"a{k}": column.pre_activation for k, column in enumerate(network.columns, 1)}
    shown |= {f"h{k}": column.value for k, column in enumerate(network.columns, 1)}
    listed = list(dict.fromkeys([*shown.values(), *network.adjustable]))
    grads = dict(zip(listed, gradient(objective, listed), strict=True))
    outputs: dict[str, Any] = {"loss": mean, "objective": objective, "f": network.probabilities, **shown}
    outputs |= {f"d{name}": grads[box] for name, box in shown.items()}
    for number, one in enumerate(network.adjustable):
        velocity = Input(f"v{number}", shape=one.shape)
        new = momentum * velocity - rate * grads[one]
        outputs |= {f"dp{number}": grads[one], f"new_v{number}": new, f"new_p{number}": one + new}
    forward = {"f": network.probabilities, **shown}
    kernels: dict[str, None] = {}
    bodies = []
    for wanted in (forward, {"losses": network.losses, "f": network.probabilities}, outputs):
        text = compile(_as_inputs(list(wanted.values()), network), backend="javascript").source
        head, body = text.split(f"\n\n{AFTER_KERNELS}\n")
        kernels |= dict.fromkeys(head.split("\n\n"))
        bodies.append(body.replace("export ", ""))
    values, losses, learn = bodies
    return Modules(values, losses, learn, "\n\n".join(kernels), list(forward), list(outputs))


def _as_inputs(wanted: Sequence[Box], network: Network) -> list[Box]:
    """The boxes with an input in place of every parameter, so that the page keeps the values."""
    names = names_of(network)
    stand: Mapping[Box, Box] = {
        one: Input(names[one], shape=one.shape, dtype=one.dtype)
        for one in network.adjustable
        if isinstance(one, Parameter)
    }
    graph = rebuild(
        Graph(*wanted), lambda box, children: stand.get(box, box) if not children else on_children(box, children)
    )
    return list(graph.outputs)


def names_of(network: Network) -> dict[Box, str]:
    """The name by which the page gives each adjustable leaf."""
    return {one: f"p{number}" for number, one in enumerate(network.adjustable)}
