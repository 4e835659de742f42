"""The page: modules, formulas and the parts of `assets/` in one file that needs no network."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np

import flowgraph.boxes as boxes
from flowgraph.box import Box
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.linear_algebra.products import Affine
from flowgraph.data.examples import Examples
from flowgraph.errors import DataError, UsageError
from flowgraph.graph import Graph
from flowgraph.playground.network import (
    MOST_CLASSES,
    Function,
    Network,
    function_of,
    functions_of,
    newton_step,
    read_network,
    step_of,
)
from flowgraph.rendering.formula_of_box import in_brackets
from flowgraph.rendering.formulas import mathml
from flowgraph.saving.replacing import ShownFile, by_suffix, replace_text
from flowgraph.shapes.size import Size
from flowgraph.training import schedules
from flowgraph.training.rule import Rule
from flowgraph.training.rules import SGD, Adam, Momentum

_ACTIVATIONS = {"tanh": boxes.Tanh, "sigmoid": boxes.Sigmoid, "relu": boxes.ReLU}
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
    "program", "controls", "address", "replay", "main",
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
        *[(assets / f"{name}.js").read_text("utf-8") for name in _SCRIPTS],
    ]
    page = (assets / "playground.html").read_text("utf-8")
    page = page.replace("/*style*/", (assets / "playground.css").read_text("utf-8"))
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
    return _described(network, {leaf: str(leaf.name or leaf.title) for leaf in network.adjustable})


def _family() -> dict[str, dict[str, Any]]:
    """Every depth, activation and loss of the lecture's network; numbers of features, units and classes stay open."""
    variants = {}
    for depth in DEPTHS:
        for name, activation in _ACTIVATIONS.items():
            for loss in _LOSSES:
                if depth or name == "tanh":
                    variants[f"{depth}/{name}/{loss}"] = _described(*_layers(depth, activation, loss))
    return variants


def _layers(depth: int, activation: type[Box], loss: str) -> tuple[Network, dict[Box, str]]:
    h: Any = Input("x", shape=("N", "F"))
    labels: dict[Box, str] = {}
    before: Any = "F"
    for k in range(1, depth + 2):
        units: Any = f"H{k}" if k <= depth else "K" if loss == "classes" else 1
        weights = Input(f"p{2 * k - 2}", shape=(before, units))
        bias = Input(f"p{2 * k - 1}", shape=(units,))
        labels |= {weights: f"W{k}", bias: f"b{k}"}
        a = Affine(h, weights, bias)
        h, before = (activation(a) if k <= depth else a), units
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


def _described(network: Network, labels: Mapping[Box, str]) -> dict[str, Any]:
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
        return {"x": _centred(x).tolist(), "y": _centred(y.astype(float)).tolist(), "classes": []}
    kinds, labels = np.unique(y, return_inverse=True)
    if not 2 <= len(kinds) <= MOST_CLASSES or len(kinds) > (classes or MOST_CLASSES):
        needed = f"2 to {classes or MOST_CLASSES}"
        raise DataError(f"playground: found {len(kinds)} classes, needs {needed}; examples without classes are numbers")
    return {"x": _centred(x).tolist(), "y": labels.tolist(), "classes": [str(label) for label in kinds]}


def _centred(values: Any) -> Any:
    width = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(width == 0, 1, width) * 0.5


def _formulas() -> dict[str, str]:
    """MathML of the steps of the walk, by name; those of activations as their classes declare them."""
    written = {
        "a": r"a = W^\top h + b",
        "f": r"f = \mathrm{softmax}(a)",
        "f of numbers": "f = a",
        "loss": r"-\log f_y",
        "loss of numbers": boxes.SquaredError.formula,
        "da of the output": r"\nabla_a = -(e(y) - f)",
        "da of numbers": r"\nabla_a = " + boxes.SquaredError.derivative.split(",")[0],
        "dW": r"\nabla_W = h \nabla_a^\top",
        "db": r"\nabla_b = \nabla_a",
        "dh": r"\nabla_h = W \nabla_a",
        "newton": r"(H + \mu I) \, \Delta = -\nabla, \quad \theta \leftarrow \theta + \Delta",
        "update of sgd": r"\theta \leftarrow \theta - \alpha \nabla",
        "update of momentum": r"v \leftarrow \nabla + \beta v, \quad \theta \leftarrow \theta - \alpha v",
        "update of adam": r"m \leftarrow \beta_1 m + (1 - \beta_1) \nabla, \quad "
        r"s \leftarrow \beta_2 s + (1 - \beta_2) \nabla^2, \quad "
        r"\theta \leftarrow \theta - \alpha \hat m / (\sqrt{\hat s} + \epsilon)",
    }
    for cls in (*_ACTIVATIONS.values(), boxes.LeakyReLU, boxes.Softplus, boxes.GELU, boxes.ELU, boxes.SiLU):
        written[f"h of {cls.__name__}"] = f"h = {cls.formula}"
        written[f"da of {cls.__name__}"] = rf"\nabla_a = \nabla_h \odot {in_brackets(cls.derivative)}"
    return {name: mathml(latex) for name, latex in written.items()}
