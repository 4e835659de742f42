"""PyTorch: a graph as a module that PyTorch trains, and the modules and functions of PyTorch as graphs."""

from flowgraph.errors import optional

optional("torch", "flowgraph.interop.torch: needs PyTorch", "torch")

from flowgraph.interop.torch.graph_module import GraphModule, module
from flowgraph.interop.torch.graphs import graph_of
from flowgraph.interop.torch.operations import rule_for

__all__ = ["GraphModule", "graph_of", "module", "rule_for"]
