"""Graphs as pure functions of JAX, which jit, grad, vmap and shard_map take, and functions of JAX as graphs."""

from flowgraph.errors import install_hint

try:
    import jax  # noqa: F401
except ImportError as missing:
    raise ImportError(f"flowgraph.interop.jax: needs JAX; run: {install_hint('jax')}") from missing

from flowgraph.interop.jax.function import function, has_twin, parameters
from flowgraph.interop.jax.graphs import graph_of
from flowgraph.plan.jax import on_host, rule_for
from flowgraph.plan.jax.placement import Placement

__all__ = ["Placement", "function", "graph_of", "has_twin", "on_host", "parameters", "rule_for"]
