"""Bridges to other libraries, each a module that imports what it needs."""

from typing import Any

from flowgraph.graph import Graph
from flowgraph.rendering.foreign import graph_maker_for


@graph_maker_for("torch")
def _of_torch(target: Any, *examples: Any) -> Graph:
    from flowgraph.interop.torch import graph_of

    return graph_of(target, *examples)


@graph_maker_for("jax", "jaxlib")
def _of_jax(target: Any, *examples: Any) -> Graph:
    from flowgraph.interop.jax.graphs import graph_of

    return graph_of(target, *examples)
