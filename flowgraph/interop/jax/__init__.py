"""Functions of JAX as graphs: `graph_of`."""

from flowgraph.errors import install_hint

try:
    from flowgraph.interop.jax.graphs import graph_of
except ImportError as missing:
    raise ImportError(f"flowgraph.interop.jax: needs JAX; run: {install_hint('jax')}") from missing

__all__ = ["graph_of"]
