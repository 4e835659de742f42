"""flowgraph: a modular flow-graph autodiff engine on NumPy.

Every operation is a box, an object with `fprop` and `bprop`, that sits in a topologically sorted graph.
"""

import importlib
from typing import TYPE_CHECKING, Any

import flowgraph.starting  # isort: split (it waits for Ctrl-C while all else is imported)
from flowgraph.box import Box, Constant, Elementwise, Leaf, registry
from flowgraph.box.axes import Core
from flowgraph.box.help_text import way_to
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.box.node import scope
from flowgraph.box.numpy_dispatch import implemented, name_of
from flowgraph.box.vocabulary import Interval, example
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import Signature, Spec

# isort: split
# Files of boxes may call what stands above by fg.
from flowgraph import boxes
from flowgraph.boxes import *  # noqa: F403  (its __all__ lists what boxes the package has)
from flowgraph.derivatives import gradient, gradients, hessian, hvp, jacobian, jvp, vjp
from flowgraph.errors import FlowgraphError, GradientWarning, ShapeError
from flowgraph.graph import Graph
from flowgraph.graph.graph import Grads, Run, opened
from flowgraph.graph.topology import debug
from flowgraph.loops import checkpoint, scan, while_loop
from flowgraph.plan import Plan, compile

# isort: split
# These attach to graphs, runs, gradients and plans what their rooms can do with them.
import flowgraph.debugging
import flowgraph.numpy.array_api
import flowgraph.playground
import flowgraph.rendering.methods  # noqa: F401

# isort: split
# Says who makes graphs of the networks of other libraries, and imports none of these.
from flowgraph import interop

if TYPE_CHECKING:
    from flowgraph import functional
    from flowgraph.checking import property_test
    from flowgraph.checking.check import check
    from flowgraph.functional.mapping import trace
    from flowgraph.rendering.entry import render
    from flowgraph.saving import load, save
    from flowgraph.training import (
        GRU,
        LSTM,
        MLP,
        RNN,
        SGD,
        Adagrad,
        Adam,
        AdamW,
        BatchNorm,
        Callback,
        Clipped,
        ConvLayer,
        EarlyStopping,
        Embedding,
        History,
        LayerNorm,
        Linear,
        Momentum,
        MultiHeadAttention,
        Nesterov,
        Problem,
        Proximal,
        RMSProp,
        Trainer,
        glorot_uniform,
        he_normal,
        he_uniform,
        schedules,
    )
    from flowgraph.training.fit import fit
    from flowgraph.training.mlp import dropout
    from flowgraph.training.newton import lbfgs, newton
    from flowgraph.training.objective import objective
    from flowgraph.training.preflight import preflight
    from flowgraph.training.watching import watch

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "Box",
    "Callback",
    "Clipped",
    "Constant",
    "ConvLayer",
    "Core",
    "EarlyStopping",
    "Elementwise",
    "Embedding",
    "FlowgraphError",
    "GradientWarning",
    "Grads",
    "Graph",
    "History",
    "Input",
    "Interval",
    "LayerNorm",
    "Leaf",
    "Linear",
    "Momentum",
    "MultiHeadAttention",
    "Nesterov",
    "Parameter",
    "Plan",
    "Problem",
    "Proximal",
    "RMSProp",
    "Random",
    "Run",
    "ShapeError",
    "Signature",
    "Size",
    "Spec",
    "Trainer",
    "check",
    "checkpoint",
    "compile",
    "debug",
    "dropout",
    "example",
    "fit",
    "functional",
    "glorot_uniform",
    "gradient",
    "gradients",
    "he_normal",
    "he_uniform",
    "hessian",
    "hvp",
    "interop",
    "jacobian",
    "jvp",
    "lbfgs",
    "load",
    "newton",
    "objective",
    "opened",
    "preflight",
    "property_test",
    "registry",
    "render",
    "save",
    "scan",
    "schedules",
    "scope",
    "trace",
    "vjp",
    "watch",
    "while_loop",
]
__all__ += boxes.__all__

_ROOMS = {
    "check": "checking", "property_test": "checking", "render": "rendering", "load": "saving", "save": "saving",
    "trace": "functional",
}  # fmt: skip
_PACKAGES = frozenset({"checking", "data", "debugging", "functional", "saving", "training"})
"""Packages that are there as `fg.checking` is, although nothing has imported them yet."""

_PACKAGE_OF = {
    name: f"flowgraph.{_ROOMS.get(name, 'training')}" for name in __all__ if name not in {*globals(), *_PACKAGES}
}
"""Names whose packages are imported when one is first read: these take half of the time of all imports."""


def __getattr__(name: str) -> Any:
    if name in _PACKAGE_OF:
        value = globals()[name] = getattr(importlib.import_module(_PACKAGE_OF[name]), name)
        return value
    if name in _PACKAGES:
        return importlib.import_module(f"flowgraph.{name}")
    way = (
        ""
        if name.startswith("_")
        else way_to(name, {own: globals().get(own) for own in __all__}, map(name_of, implemented()))
    )
    raise AttributeError(f"module 'flowgraph' has no attribute {name!r}{way}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
