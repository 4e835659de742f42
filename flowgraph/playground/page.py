"""The page: modules, formulas and the parts of `assets/` in one file that needs no network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import flowgraph.boxes as boxes
from flowgraph.box import Box
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.linear_algebra.products import Affine
from flowgraph.data.examples import Examples
from flowgraph.errors import DataError, UsageError
from flowgraph.graph import Graph
from flowgraph.playground.network import Network, modules_of, newton_module, read_network
from flowgraph.rendering.formula_of_box import in_brackets
from flowgraph.rendering.notation import mathml
from flowgraph.saving.formats import by_suffix
from flowgraph.saving.replacing import replace_text
from flowgraph.saving.shown import ShownFile
from flowgraph.shapes.size import Size

_ACTIVATIONS = {"tanh": boxes.Tanh, "sigmoid": boxes.Sigmoid, "relu": boxes.ReLU}
DEPTHS = range(5)
"""Numbers of hidden layers that the page of the lecture's network offers."""

MOST_NEWTON = 64
"""Parameters of a network that Newton's method is offered for: a step takes a product with the Hessian for each."""

_SCRIPTS = (
    "data", "newton", "learner", "fields", "units", "network", "plane", "curves", "words", "explain", "controls",
    "address", "replay", "main",
)  # fmt: skip


def playground(path: str | os.PathLike[str], graph: Graph | None = None, data: Any = None) -> Path:
    """Write a page in which a network of two inputs trains, and return its path.

    Without a graph it is the network of the lecture, whose layers, units and activation are set on the page. A graph of
    your own must end in a loss of two classes of one input of shape (N, 2): its layers, losses and first weights are
    those that are drawn and trained. `data` is an `Examples` or a pair of arrays, x of shape (N, 2) and y of
    classes; the page has toy data besides. Everything that it computes comes from plans of the back end "javascript".

    >>> import tempfile, pathlib
    >>> from flowgraph.playground import playground
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> playground(folder / "spirals.html").name
    'spirals.html'

    Source: Larochelle, Training neural networks, the demo of a network that trains.
    """
    target = ShownFile(path)
    by_suffix("playground", target, {".html": "a page"})
    variants = {"own": _own(graph)} if graph is not None else _family()
    newton, kernels_of_newton = newton_module()
    listed = [*(part for variant in variants.values() for part in variant.pop("kernels")), *kernels_of_newton]
    kernels = dict.fromkeys(listed)
    bodies = {key: variant.pop("functions") for key, variant in variants.items()}
    modules = ",\n".join(f"{json.dumps(key)}: {_functions(functions)}" for key, functions in bodies.items())
    given = {
        "variants": variants,
        "examples": _examples(data),
        "formulas": _formulas(),
        "fixed": graph is not None,
        "mostNewton": MOST_NEWTON,
    }
    assets = files("flowgraph.playground") / "assets"
    parts = [
        '"use strict";',
        "// Functions that the plans call, and the plans, written by flowgraph.",
        "const { MODULES, NEWTON, array, zeros, asArray } = (() => {",
        "\n\n".join(kernels),
        f"return {{ MODULES: {{\n{modules}\n}}, NEWTON: {_function(newton)}, array, zeros, asArray }};\n}})();",
        f"const GIVEN = {json.dumps(given).replace('<', chr(92) + 'u003c')};",
        *[(assets / f"{name}.js").read_text("utf-8") for name in _SCRIPTS],
    ]
    page = (assets / "playground.html").read_text("utf-8")
    page = page.replace("/*style*/", (assets / "playground.css").read_text("utf-8"))
    replace_text(target, page.replace("/*script*/", "\n".join(parts)))
    return target


def _functions(bodies: Mapping[str, str]) -> str:
    """The functions of a network as an object."""
    return "{ " + ", ".join(f"{name}: {_function(body)}" for name, body in bodies.items()) + " }"


def _function(body: str) -> str:
    return f"(() => {{\n{body}\nreturn step;\n}})()"


def _own(graph: Graph) -> dict[str, Any]:
    if len(graph.outputs) != 1:
        raise UsageError(f"playground: found {len(graph.outputs)} outputs, needs the loss alone")
    network = read_network(graph.outputs[0])
    return _described(network, {leaf: str(leaf.name or leaf.title) for leaf in network.adjustable})


def _family() -> dict[str, dict[str, Any]]:
    """Every depth and activation of the lecture's network; the number of units stays open."""
    variants = {}
    for depth in DEPTHS:
        for name, activation in _ACTIVATIONS.items():
            if depth or name == "tanh":
                key = f"{depth}/{name}"
                variants[key] = _described(*_layers(depth, activation))
    return variants


def _layers(depth: int, activation: type[Box]) -> tuple[Network, dict[Box, str]]:
    h: Any = Input("x", shape=("N", 2))
    y = Input("y", shape=("N",), dtype=int)
    labels: dict[Box, str] = {}
    before: Any = 2
    for k in range(1, depth + 2):
        units: Any = 2 if k > depth else f"H{k}"
        weights = Input(f"p{2 * k - 2}", shape=(before, units))
        bias = Input(f"p{2 * k - 1}", shape=(units,))
        labels |= {weights: f"W{k}", bias: f"b{k}"}
        a = Affine(h, weights, bias)
        h, before = (activation(a) if k <= depth else a), units
    return read_network(boxes.SoftmaxCrossEntropy(h, y), list(labels)), labels


def _described(network: Network, labels: Mapping[Box, str]) -> dict[str, Any]:
    """The description of a network for the page."""
    modules = modules_of(network)
    places: dict[Box | None, int] = {leaf: number for number, leaf in enumerate(network.adjustable)}
    return {
        "functions": modules.functions,
        "kernels": modules.kernels,
        "forward_names": modules.forward_names,
        "learn_names": modules.learn_names,
        "slope_names": modules.slope_names,
        "refused": modules.refused,
        "targets": network.y.dtype.name,
        "x": network.x.name,
        "y": network.y.name,
        "rowsOfTargets": network.y.ndim,
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


def _examples(data: Any) -> dict[str, Any] | None:
    if data is None:
        return None
    x, y = (data.x, data.y) if isinstance(data, Examples) else data
    x, (classes, labels) = np.asarray(x, float), np.unique(np.asarray(y), return_inverse=True)
    if x.ndim != 2 or x.shape[1] != 2 or len(x) != len(labels) or len(classes) != 2:
        raise DataError(
            f"playground: found x of shape {x.shape} and {len(classes)} classes, needs two columns and two classes"
        )
    if not np.isfinite(x).all():
        raise DataError("playground: found values of x that are not finite, needs numbers")
    middle, width = x.mean(axis=0), x.std(axis=0)
    x = (x - middle) / np.where(width == 0, 1, width) * 0.5
    return {"x": x.tolist(), "y": labels.tolist(), "classes": [str(label) for label in classes]}


def _formulas() -> dict[str, str]:
    """MathML of the steps of the walk, by name; those of activations as their classes declare them."""
    written = {
        "a": r"a = W^\top h + b",
        "f": r"f = \mathrm{softmax}(a)",
        "loss": r"-\log f_y",
        "da of the output": r"\nabla_a = -(e(y) - f)",
        "dW": r"\nabla_W = h \nabla_a^\top",
        "db": r"\nabla_b = \nabla_a",
        "dh": r"\nabla_h = W \nabla_a",
        "newton": r"(H + \mu I) \, \Delta = -\nabla, \quad \theta \leftarrow \theta + \Delta",
        "update": r"v \leftarrow \beta v - \alpha \nabla, \quad \theta \leftarrow \theta + v",
    }
    for cls in (*_ACTIVATIONS.values(), boxes.LeakyReLU, boxes.Softplus, boxes.GELU, boxes.ELU, boxes.SiLU):
        written[f"h of {cls.__name__}"] = f"h = {cls.formula}"
        written[f"da of {cls.__name__}"] = rf"\nabla_a = \nabla_h \odot {in_brackets(cls.derivative)}"
    return {name: mathml(latex) for name, latex in written.items()}
