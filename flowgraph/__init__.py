"""flowgraph: a modular flow-graph autodiff engine on NumPy.

Every operation is a box, an object with `fprop` and `bprop`, that sits in a topologically sorted graph.
"""

from flowgraph import boxes, functional
from flowgraph.box import Box, Constant, Elementwise, Leaf, registry
from flowgraph.boxes import *  # noqa: F403  (its __all__ lists what boxes the package has)
from flowgraph.checking import check, property_test
from flowgraph.debug import debug
from flowgraph.derivatives import gradient, gradients, hessian, hvp, jacobian, jvp, vjp
from flowgraph.domain import Interval
from flowgraph.errors import FlowgraphError, GradientWarning, ShapeError
from flowgraph.example import example
from flowgraph.functional import trace
from flowgraph.graph import Graph
from flowgraph.leaves import Input, Parameter, Random
from flowgraph.naming import scope
from flowgraph.run import Grads, Run
from flowgraph.signature import Signature
from flowgraph.size import Size
from flowgraph.spec import Spec
from flowgraph.training import MLP, Linear, dropout, glorot_uniform, he_normal, he_uniform

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "Box",
    "Constant",
    "Elementwise",
    "FlowgraphError",
    "GradientWarning",
    "Grads",
    "Graph",
    "Input",
    "Interval",
    "Leaf",
    "Linear",
    "Parameter",
    "Random",
    "Run",
    "ShapeError",
    "Signature",
    "Size",
    "Spec",
    "check",
    "debug",
    "dropout",
    "example",
    "functional",
    "glorot_uniform",
    "gradient",
    "gradients",
    "he_normal",
    "he_uniform",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "property_test",
    "registry",
    "scope",
    "trace",
    "vjp",
]
__all__ += boxes.__all__
