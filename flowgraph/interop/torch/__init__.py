"""PyTorch: a graph as a module that PyTorch trains, and the modules and functions of PyTorch as graphs."""

from flowgraph.errors import install_hint

try:
    from flowgraph.interop.torch.graph_module import GraphModule, module
    from flowgraph.interop.torch.graphs import graph_of
    from flowgraph.interop.torch.operations import rule_for
except ImportError as missing:
    raise ImportError(f"flowgraph.interop.torch: needs PyTorch; run: {install_hint('torch')}") from missing

__all__ = ["GraphModule", "graph_of", "module", "rule_for"]
