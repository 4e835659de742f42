"""flowgraph: a modular flow-graph autodiff engine on NumPy.

Every operation is a box, an object with `fprop` and `bprop`, that sits in a topologically sorted graph.
"""

from flowgraph.box import Box, Constant, Elementwise, Leaf, registry
from flowgraph.debug import debug
from flowgraph.derivatives import gradient
from flowgraph.domain import Interval
from flowgraph.example import example
from flowgraph.graph import Graph
from flowgraph.leaves import Input, Parameter, Random
from flowgraph.naming import scope
from flowgraph.run import Grads, Run
from flowgraph.signature import Signature
from flowgraph.size import Size

__version__ = "0.1.0"

__all__ = [
    "Box", "Constant", "Elementwise", "Graph", "Grads", "Input", "Interval", "Leaf", "Parameter", "Random", "Run",
    "Signature", "Size", "debug", "example", "gradient", "registry", "scope",
]
