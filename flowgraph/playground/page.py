"""The page, modules, formulas and the parts of `assets/` in one file, and what it shows of the network in a graph."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, cast

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
from flowgraph.data.examples import Examples
from flowgraph.derivatives import gradient, hvp
from flowgraph.errors import DataError, FlowgraphError, UsageError
from flowgraph.graph import Graph
from flowgraph.peers import install_command
from flowgraph.plan import compile
from flowgraph.plan.javascript.emitter import AFTER_KERNELS
from flowgraph.plan.rebuild import on_children, rebuild
from flowgraph.rendering.derived_lines import derivative_latex
from flowgraph.rendering.formula_of_box import in_brackets
from flowgraph.rendering.formulas import mathml
from flowgraph.rendering.palette import MATH
from flowgraph.rendering.wording import numbers_in_javascript
from flowgraph.saving.replacing import ShownFile, by_suffix, replace_text
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import shape_text
from flowgraph.training import schedules
from flowgraph.training.rule import Rule
from flowgraph.training.rules import SGD, Adam, Momentum

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
    losses = next((box for box in graph.boxes if isinstance(box, _LOSSES_OF_EXAMPLES)), None)
    if losses is None:
        names = ", ".join(cls.__name__ for cls in _LOSSES_OF_EXAMPLES)
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


_LOSSES_OF_EXAMPLES = (SoftmaxCrossEntropy, NegativeLogLikelihood, BinaryCrossEntropy, SquaredError)


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
        "forward": _emit_function(network, answers | shown),
        "losses": _emit_function(network, {"losses": network.losses, **answers}),
        "learn": _emit_function(
            network,
            {"loss": mean, "objective": objective, **answers, **shown, **_gradients(network, shown, objective)},
        ),
    }
    slopes = _slopes(network)
    if slopes:
        functions["slopes"] = _emit_function(network, slopes)
    try:
        functions["curve"] = _emit_function(network, _curvature(network, objective))
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
    return function_of(dict(zip(names, _replace_leaves(updates.values(), stand), strict=True)))


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


def _emit_function(network: Network, named: Mapping[str, Box]) -> Function:
    """The function with an input in place of every parameter, so that the page keeps the values."""
    stand: dict[Box, Box] = {
        leaf: Input(f"p{number}", shape=leaf.shape, dtype=leaf.dtype)
        for number, leaf in enumerate(network.adjustable)
        if isinstance(leaf, Parameter)
    }
    return function_of(dict(zip(named, _replace_leaves(named.values(), stand), strict=True)))


def _replace_leaves(wanted: Iterable[Box], stand: Mapping[Box, Box]) -> list[Box]:
    """The boxes with other leaves in place of some."""
    graph = rebuild(
        Graph(*wanted), lambda box, children: stand.get(box, box) if not children else on_children(box, children)
    )
    return list(graph.outputs)


_ACTIVATIONS: dict[str, type[Box] | None] = {
    "tanh": boxes.Tanh, "sigmoid": boxes.Sigmoid, "relu": boxes.ReLU, "linear": None,
}  # fmt: skip
"""Of hidden layers; without one, as many layers as there may be are worth a single one."""

_LOSSES = {"classes": boxes.SoftmaxCrossEntropy, "numbers": boxes.SquaredError}
DEPTHS = range(5)
"""Numbers of hidden layers that the page of the lecture's network offers."""

MOST_NEWTON = 64
"""Parameters of a network that Newton's method is offered for: a step takes a product with the Hessian for each."""

_RULES: dict[str, Rule] = {
    "sgd": SGD(),
    "adam": Adam(),
    **{f"momentum {beta}": Momentum(beta) for beta in (0.5, 0.8, 0.9, 0.95, 0.99)},
}
"""The update rules by the name that the page has for them: method, and β where there is one."""

_SCHEDULES = {
    "constant": schedules.Fixed(1.0),
    "hyperbolic": schedules.InverseTime(1.0, delta=0.002),
    "power": schedules.Power(1.0, delta=0.6),
}

_FEATURES: dict[str, tuple[str, str, Callable[[Any, Any], Any]]] = {
    "x1": ("x₁", "x1", lambda x1, _: x1),
    "x2": ("x₂", "x2", lambda _, x2: x2),
    "x1x1": ("x₁²", "x1**2", lambda x1, _: x1**2),
    "x2x2": ("x₂²", "x2**2", lambda _, x2: x2**2),
    "x1x2": ("x₁x₂", "x1 * x2", lambda x1, x2: x1 * x2),
    "sin1": ("sin πx₁", "np.sin(np.pi * x1)", lambda x1, _: np.sin(np.pi * x1)),
    "sin2": ("sin πx₂", "np.sin(np.pi * x2)", lambda _, x2: np.sin(np.pi * x2)),
}
"""The features that the page can give a network for a point of the plane: how they are shown, in Python, as boxes."""

_SCRIPTS = (
    "data", "order", "newton", "learner", "fields", "units", "network", "plane", "curves", "words", "explain",
    "weights", "program", "controls", "address", "replay", "main",
)  # fmt: skip


def playground(path: str | os.PathLike[str], graph: Graph | None = None, data: Any = None) -> Path:
    """Write a page in which a network of two inputs trains, and return its path.

    Without a graph it is the network of the lecture, whose features, layers, units and activation are set on the page,
    as is what it learns: classes, numbers, or small images of digits. A graph of your own must end in a loss of at most
    five classes, or in a squared error, of one input of shape (N, 2): its layers, losses and first weights are those
    that are drawn and trained. `data` is an `Examples` or a pair of arrays, x of shape (N, 2) and y of classes; of
    numbers for examples without classes, and for a graph with a squared error. The page has toy data besides.
    Everything that it computes comes from plans of the back end "javascript".

    >>> import tempfile, pathlib
    >>> from flowgraph.playground import playground
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> playground(folder / "spirals.html").name
    'spirals.html'

    Source: Larochelle, Training neural networks, the demo of a network that trains.
    """
    target = ShownFile(path)
    by_suffix("playground", target, {".html": "a page"})
    own = None if graph is None else _own(graph)
    variants = _family() if own is None else {"own": own}
    single = {"NEWTON": newton_step(), "FEATURES": _features()}
    several = {
        "STEPS": {name: step_of(rule) for name, rule in _RULES.items()},
        "RATES": {name: _rate_of(schedule) for name, schedule in _SCHEDULES.items()},
    }
    networks: dict[str, dict[str, Function]] = {key: variant.pop("functions") for key, variant in variants.items()}
    groups = [single, *several.values(), *networks.values()]
    kernels = dict.fromkeys(kernel for group in groups for function in group.values() for kernel in function.kernels)
    bodies = {name: _function(function) for name, function in single.items()}
    bodies |= {name: _functions(group) for name, group in several.items()}
    modules = ",\n".join(f"{json.dumps(key)}: {_functions(group)}" for key, group in networks.items())
    bodies["MODULES"] = f"{{\n{modules}\n}}"
    assets = files("flowgraph.playground") / "assets"
    given = {
        "variants": variants,
        "examples": _examples(data, None if own is None else own["classes"]),
        "digits": (assets / "digits.txt").read_text("utf-8").split(),
        "features": {name: {"label": label, "code": code} for name, (label, code, _) in _FEATURES.items()},
        "rules": {key: {"names": several["STEPS"][key].names, "code": repr(rule)} for key, rule in _RULES.items()},
        "schedules": {name: repr(schedule) for name, schedule in _SCHEDULES.items()},
        "formulas": _formulas(),
        "fixed": graph is not None,
        "install": {"points": install_command(), "image": install_command("data")},
        "mostNewton": MOST_NEWTON,
        "mostClasses": MOST_CLASSES,
    }
    named = ", ".join(bodies)
    returned = ", ".join(f"{name}: {body}" for name, body in bodies.items())
    parts = [
        '"use strict";',
        "// Functions that the plans call, and the plans, written by flowgraph.",
        f"const {{ {named}, array, zeros, asArray }} = (() => {{",
        "\n\n".join(kernels),
        f"return {{ {returned}, array, zeros, asArray }};\n}})();",
        f"const GIVEN = {json.dumps(given).replace('<', chr(92) + 'u003c')};",
        numbers_in_javascript(),
        *[(assets / f"{name}.js").read_text("utf-8") for name in _SCRIPTS],
    ]
    page = (assets / "playground.html").read_text("utf-8")
    page = page.replace("/*style*/", MATH + (assets / "playground.css").read_text("utf-8"))
    replace_text(target, page.replace("/*script*/", "\n".join(parts)))
    return target


def _functions(named: Mapping[str, Function]) -> str:
    """Functions as an object."""
    return "{ " + ", ".join(f"{json.dumps(name)}: {_function(function)}" for name, function in named.items()) + " }"


def _function(function: Function) -> str:
    return f"(() => {{\n{function.body}\nreturn step;\n}})()"


def _own(graph: Graph) -> dict[str, Any]:
    if len(graph.outputs) != 1:
        raise UsageError(f"playground: found {len(graph.outputs)} outputs, needs the loss alone")
    network = read_network(graph.outputs[0])
    return _describe_network(network, {leaf: str(leaf.name or leaf.title) for leaf in network.adjustable})


def _family() -> dict[str, dict[str, Any]]:
    """Every depth, activation and loss of the lecture's network; numbers of features, units and classes stay open."""
    variants = {}
    for depth in DEPTHS:
        for name, activation in _ACTIVATIONS.items():
            for loss in _LOSSES:
                if depth or name == "tanh":
                    variants[f"{depth}/{name}/{loss}"] = _describe_network(*_layers(depth, activation, loss))
    return variants


def _layers(depth: int, activation: type[Box] | None, loss: str) -> tuple[Network, dict[Box, str]]:
    h: Any = Input("x", shape=("N", "F"))
    labels: dict[Box, str] = {}
    before: Any = "F"
    for k in range(1, depth + 2):
        units: Any = f"H{k}" if k <= depth else "K" if loss == "classes" else 1
        weights = Input(f"p{2 * k - 2}", shape=(before, units))
        bias = Input(f"p{2 * k - 1}", shape=(units,))
        labels |= {weights: f"W{k}", bias: f"b{k}"}
        a = Affine(h, weights, bias)
        h, before = (a if activation is None or k > depth else activation(a)), units
    y = Input("y", shape=("N",), dtype=int) if loss == "classes" else Input("y", shape=("N", 1))
    return read_network(_LOSSES[loss](h, y), list(labels)), labels


def _features() -> Function:
    """The features of points whose numbers are chosen, a column for each."""
    x, chosen = Input("x", shape=("N", 2)), Input("chosen", shape=("F",), dtype=int)
    every: Any = np.stack([feature(x[:, 0], x[:, 1]) for _, _, feature in _FEATURES.values()], axis=1)
    return function_of({"features": every[:, chosen]})


def _rate_of(schedule: schedules.Schedule) -> Function:
    """The learning rate of update t."""
    alpha, update = Input("alpha", shape=()), Input("t", shape=())
    return function_of({"rate": alpha * cast(Any, schedule).rate(update)})


def _describe_network(network: Network, labels: Mapping[Box, str]) -> dict[str, Any]:
    """The description of a network for the page."""
    functions, refused = functions_of(network)
    places: dict[Box | None, int] = {leaf: number for number, leaf in enumerate(network.adjustable)}
    return {
        "functions": functions,
        "names": {name: function.names for name, function in functions.items()},
        "refused": refused,
        "targets": network.y.dtype.name,
        "x": network.x.name,
        "y": network.y.name,
        "rowsOfTargets": network.y.ndim,
        "classes": network.classes,
        "answer": network.answers.symbol if network.answers is not network.losses.children[0] else "linear",
        "parameters": [_parameter(leaf, labels[leaf]) for leaf in network.adjustable],
        "columns": [
            {
                "weights": places.get(column.weights),
                "bias": places.get(column.bias),
                "activation": column.value.symbol if column.value is not column.pre_activation else "linear",
                "kind": type(column.value).__name__,
            }
            for column in network.columns
        ],
    }


def _parameter(leaf: Box, label: str) -> dict[str, Any]:
    shape = [str(size) if isinstance(size, Size) else size for size in leaf.shape]
    value = leaf.value.tolist() if isinstance(leaf, Parameter) else None
    return {"label": label, "shape": shape, "value": value}


def _examples(data: Any, classes: int | None) -> dict[str, Any] | None:
    """The examples of the user: coordinates and numbers are moved to 0 and divided by twice their standard deviation.

    `classes` is the number of classes that the network has, 0 for one of numbers, None for one that has as many as
    there are.
    """
    if data is None:
        return None
    x, y = (data.x, data.y) if isinstance(data, Examples) else data
    x, y = np.asarray(x, float), np.asarray(y)
    numbers = classes == 0 or (classes is None and isinstance(data, Examples) and not data.classes)
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != x.shape[:1]:
        raise DataError(f"playground: found x of shape {x.shape} and y of shape {y.shape}, needs (N, 2) and (N,)")
    if not np.isfinite(x).all() or (numbers and not np.isfinite(y.astype(float)).all()):
        raise DataError("playground: found values that are not finite, needs numbers")
    if numbers:
        return {"x": _centre_columns(x).tolist(), "y": _centre_columns(y.astype(float)).tolist(), "classes": []}
    kinds, labels = np.unique(y, return_inverse=True)
    names = list(data.classes) if isinstance(data, Examples) else []
    if not 2 <= max(len(kinds), len(names)) <= MOST_CLASSES or len(kinds) > (classes or MOST_CLASSES):
        needed = f"2 to {classes or MOST_CLASSES}"
        raise DataError(f"playground: found {len(kinds)} classes, needs {needed}; examples without classes are numbers")
    numbered = y.dtype.kind in "biu" and (names or classes)  # then a label is the number of an output, or of a name
    if numbered:
        many = len(names) or classes or 0
        if kinds[0] < 0 or kinds[-1] >= many:
            raise DataError(f"playground: found the classes {kinds.tolist()}, needs numbers from 0 to {many - 1}")
        labels, names = y.astype(int), names or [str(number) for number in range(many)]
    return {"x": _centre_columns(x).tolist(), "y": labels.tolist(), "classes": [*map(str, names or kinds)]}


def _centre_columns(values: Any) -> Any:
    width = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(width == 0, 1, width) * 0.5


def _derivative(cls: type[Box]) -> str:
    """The derivative of an activation, or of a loss by what it reads first."""
    return derivative_latex(cls(*(Input(name, shape=(2,)) for name in cls.child_names)))


def _formulas() -> dict[str, str]:
    """MathML of the steps of the walk, by name; those of activations as their classes declare them."""
    written = {
        "a": r"a = W^\top h + b",
        "f": r"f = \mathrm{softmax}(a)",
        "f of numbers": "f = a",
        "loss": r"-\log f_y",
        "loss of numbers": boxes.SquaredError.formula,
        "da of the output": r"\nabla_a = -(e(y) - f)",
        "da of numbers": r"\nabla_a = " + _derivative(boxes.SquaredError).split(",")[0],
        "dW": r"\nabla_W = h \nabla_a^\top",
        "db": r"\nabla_b = \nabla_a",
        "dh": r"\nabla_h = W \nabla_a",
        "h of Affine": "h = a",
        "da of Affine": r"\nabla_a = \nabla_h",
        "newton": r"(H + \mu I) \, \Delta = -\nabla, \quad \theta \leftarrow \theta + \Delta",
        "update of sgd": r"\theta \leftarrow \theta - \alpha \nabla",
        "update of momentum": r"v \leftarrow \nabla + \beta v, \quad \theta \leftarrow \theta - \alpha v",
        "update of adam": r"m \leftarrow \beta_1 m + (1 - \beta_1) \nabla, \quad "
        r"s \leftarrow \beta_2 s + (1 - \beta_2) \nabla^2, \quad "
        r"\theta \leftarrow \theta - \alpha \hat m / (\sqrt{\hat s} + \epsilon)",
    }
    known: list[type[Box]] = [cls for cls in _ACTIVATIONS.values() if cls is not None]
    known += [boxes.LeakyReLU, boxes.Softplus, boxes.GELU, boxes.ELU, boxes.SiLU]
    for cls in known:
        written[f"h of {cls.__name__}"] = f"h = {cls.formula}"
        written[f"da of {cls.__name__}"] = rf"\nabla_a = \nabla_h \odot {in_brackets(_derivative(cls))}"
    return {name: mathml(latex) for name, latex in written.items()}
