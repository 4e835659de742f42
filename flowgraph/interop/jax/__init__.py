"""Graphs as pure functions of JAX, which jit, grad, vmap and shard_map take, and functions of JAX as graphs."""

from flowgraph.errors import optional

optional("jax", "flowgraph.interop.jax: needs JAX", "jax")

from flowgraph.interop.jax.function import function, has_twin, parameters
from flowgraph.interop.jax.graphs import graph_of
from flowgraph.plan.jax import on_host, rule_for
from flowgraph.plan.jax.placement import Placement

__all__ = ["Placement", "function", "graph_of", "has_twin", "on_host", "parameters", "rule_for"]
