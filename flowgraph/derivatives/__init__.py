"""Derivatives as flow graphs: graph in, graph out, of any order."""

from flowgraph.derivatives.backward_graph import gradient, gradients
from flowgraph.derivatives.matrices import hessian, hessian_blocks, hvp, jacobian, jvp, vjp

__all__ = ["gradient", "gradients", "hessian", "hessian_blocks", "hvp", "jacobian", "jvp", "vjp"]
