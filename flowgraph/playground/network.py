"""The parts of a network that the page draws, and what it computes as modules of JavaScript: networks, update rules."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import flowgraph.boxes as boxes
from flowgraph.box import Box, Elementwise
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.linear_algebra.inverse import Solve
from flowgraph.boxes.linear_algebra.products import Affine, MatMul
from flowgraph.boxes.neural.loss import BinaryCrossEntropy, NegativeLogLikelihood, SoftmaxCrossEntropy, SquaredError
from flowgraph.boxes.neural.softmax import Softmax
from flowgraph.boxes.reduction.sums import Mean, Sum
from flowgraph.derivatives import gradient, hvp
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.graph import Graph
from flowgraph.plan import compile
from flowgraph.plan.javascript.emitter import AFTER_KERNELS
from flowgraph.plan.rebuild import on_children, rebuild
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import shape_text
from flowgraph.training.rule import Rule

MOST_UNITS = 16
"""Units of a layer that a column of the page has room for."""

MOST_CLASSES = 5
"""Classes of points in the plane: so many colours and marks are told apart."""


class Column(NamedTuple):
    """One layer as it is drawn: its sum, its output, and its parameters."""

    pre_activation: Box
    value: Box
    weights: Box | None
    bias: Box | None


class Network(NamedTuple):
    """A network whose parts have been found: inputs, targets, layers, what it answers, the loss of each example.

    `answers` are the probabilities of classes, or the numbers that are to come near the targets.
    """

    x: Box
    y: Box
    columns: tuple[Column, ...]
    answers: Box
    losses: Box
    adjustable: tuple[Box, ...]

    @property
    def classes(self) -> int | None:
        """How many classes there are; 0 where the targets are numbers, None where the page may choose."""
        if isinstance(self.losses, SquaredError):
            return 0
        count = self.answers.shape[-1] if self.answers.ndim == 2 else 1
        return None if isinstance(count, Size) else max(count, 2)


def read_network(loss: Box, adjustable: Sequence[Box] | None = None) -> Network:
    """The parts of a graph that ends in the loss of a network of two inputs; a graph that is none is refused."""
    graph = Graph(loss)
    losses = next((box for box in graph.boxes if isinstance(box, _LOSSES)), None)
    if losses is None:
        names = ", ".join(cls.__name__ for cls in _LOSSES)
        raise UsageError(f"playground: found no loss of examples in the graph, needs one of {names}")
    scores, y = losses.children
    count = scores.shape[-1] if scores.ndim == 2 else 1
    most = 1 if isinstance(losses, SquaredError | BinaryCrossEntropy) else MOST_CLASSES
    if isinstance(count, int) and not 1 <= count <= most:
        needed = "one number for each example" if most == 1 else f"those of {most} classes at most"
        raise UsageError(f"playground: found scores of shape {shape_text(scores.shape)}, needs {needed}")
    leaves = tuple(graph.parameters) if adjustable is None else tuple(adjustable)
    x = _inputs(graph, y, leaves)
    return Network(x, y, tuple(_columns(graph, scores, set(leaves))), _answers(losses), losses, leaves)


_LOSSES = (SoftmaxCrossEntropy, NegativeLogLikelihood, BinaryCrossEntropy, SquaredError)


def _inputs(graph: Graph, y: Box, adjustable: Sequence[Box]) -> Box:
    given = [box for box in graph.inputs if box is not y and box not in set(adjustable)]
    listed = [box for box in given if box.ndim == 2 and (box.shape[1] == 2 or isinstance(box.shape[1], Size))]
    if len(listed) != 1 or len(given) > 1 or not isinstance(y, Input):
        others = ", ".join(f"{box.name} {shape_text(box.shape)}" for box in graph.inputs)
        raise UsageError(
            f"playground: found the inputs {others}, needs one of shape (N, 2), the points of the plane, "
            f"and the targets"
        )
    return listed[0]


def _answers(losses: Box) -> Box:
    scores = losses.children[0]
    if isinstance(losses, NegativeLogLikelihood | SquaredError):
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
        value = next((reader for reader in readers.get(sum_of, ()) if _is_activation(reader)), sum_of)
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


class Function(NamedTuple):
    """The body of a function, the kernels that it calls, and the names of what it returns."""

    body: str
    kernels: tuple[str, ...]
    names: tuple[str, ...]


def function_of(named: Mapping[str, Any]) -> Function:
    """The function of the leaves of some boxes that returns their values."""
    head, body = compile(list(named.values()), backend="javascript").source.split(f"\n\n{AFTER_KERNELS}\n")
    return Function(body.replace("export ", ""), tuple(head.split("\n\n")), tuple(named))


def functions_of(network: Network) -> tuple[dict[str, Function], str]:
    """Values at any points, losses of given examples, gradients, and the product of the Hessian with a direction.

    The gradients are those of the objective, the mean loss plus l1 Σ|W| + l2 ΣW² of the weights. Beside the functions
    stands why there is no Newton step of the network; nothing where there is one.
    """
    mean, objective = _objective(network)
    shown = {f"a{k}": column.pre_activation for k, column in enumerate(network.columns, 1)}
    shown |= {f"h{k}": column.value for k, column in enumerate(network.columns, 1)}
    answers = {"f": network.answers}
    functions = {
        "forward": _emitted(network, answers | shown),
        "losses": _emitted(network, {"losses": network.losses, **answers}),
        "learn": _emitted(
            network,
            {"loss": mean, "objective": objective, **answers, **shown, **_gradients(network, shown, objective)},
        ),
    }
    slopes = _slopes(network)
    if slopes:
        functions["slopes"] = _emitted(network, slopes)
    try:
        functions["curve"] = _emitted(network, _curvature(network, objective))
    except FlowgraphError as error:
        return functions, f"the loss has no second derivative here: {str(error).splitlines()[0]}"
    return functions, ""


def newton_step() -> Function:
    """The step Δ of (H + μ I) Δ = −∇."""
    curvature, identity = (Input(name, shape=("P", "P")) for name in ("H", "I"))
    slope, damping = Input("g", shape=("P",)), Input("mu", shape=())
    return function_of({"step": Solve(curvature + damping * identity, -slope)})


def step_of(rule: Rule) -> Function:
    """A step of an update rule on the numbers theta, of which there may be any count, and on what it remembers."""
    theta, grad = Parameter(np.zeros(1), name="theta"), Input("grad", shape=(1,))
    updates = rule.updates({theta: grad}, Input("rate", shape=()))
    stand: dict[Box, Box] = {
        leaf: Input(str(leaf.name), shape=("P",) if leaf.shape else ()) for leaf in (*updates, grad) if leaf.name
    }
    names = [str(parameter.name) for parameter in updates]
    return function_of(dict(zip(names, _replaced(updates.values(), stand), strict=True)))


def _objective(network: Network) -> tuple[Box, Any]:
    """The mean loss, and the same with the penalties of the weights, whose strengths a page gives."""
    mean = Mean(network.losses)
    weights = [column.weights for column in network.columns if column.weights is not None]
    objective: Any = mean
    for penalty, name in ((boxes.L1, "l1"), (boxes.L2, "l2")):
        objective = objective + Input(name, shape=()) * penalty(*weights)
    return mean, objective


def _gradients(network: Network, shown: Mapping[str, Box], objective: Any) -> dict[str, Box]:
    """Gradients of what is shown and of what is adjusted."""
    listed = list(dict.fromkeys([*shown.values(), *network.adjustable]))
    grads = dict(zip(listed, gradient(objective, listed), strict=True))
    names = {f"d{name}": box for name, box in shown.items()}
    names |= {f"dp{number}": leaf for number, leaf in enumerate(network.adjustable)}
    return {name: grads[box] for name, box in names.items()}


def _slopes(network: Network) -> dict[str, Box]:
    """The slope of each activation, h'(a): where it is 0, the unit lets no gradient pass."""
    return {
        f"s{k}": gradient(Sum(column.value), [column.pre_activation])[0]
        for k, column in enumerate(network.columns, 1)
        if isinstance(column.value, Elementwise) and column.value is not column.pre_activation
    }


def _curvature(network: Network, objective: Any) -> dict[str, Box]:
    """The Hessian of the objective times a direction, a part for each adjustable leaf: a column of it, for a unit."""
    directions = [Input(f"u{number}", shape=leaf.shape) for number, leaf in enumerate(network.adjustable)]
    parts = hvp(objective, list(network.adjustable), directions)
    return {f"c{number}": part for number, part in enumerate(parts)}


def _emitted(network: Network, named: Mapping[str, Box]) -> Function:
    """The function with an input in place of every parameter, so that the page keeps the values."""
    stand: dict[Box, Box] = {
        leaf: Input(f"p{number}", shape=leaf.shape, dtype=leaf.dtype)
        for number, leaf in enumerate(network.adjustable)
        if isinstance(leaf, Parameter)
    }
    return function_of(dict(zip(named, _replaced(named.values(), stand), strict=True)))


def _replaced(wanted: Iterable[Box], stand: Mapping[Box, Box]) -> list[Box]:
    """The boxes with other leaves in place of some."""
    graph = rebuild(
        Graph(*wanted), lambda box, children: stand.get(box, box) if not children else on_children(box, children)
    )
    return list(graph.outputs)
