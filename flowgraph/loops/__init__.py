"""Loops as boxes: one body graph, run over the steps, differentiated by another loop that runs backwards."""

from flowgraph.loops import looping as looping
from flowgraph.loops.checkpoint import checkpoint
from flowgraph.loops.scan import scan, while_loop
from flowgraph.plan.emitter import rules_of

__all__ = ["checkpoint", "scan", "while_loop"]


@rules_of("javascript")
def _rules_of_javascript() -> None:
    import flowgraph.loops.in_javascript  # noqa: F401


@rules_of("jax")
def _rules_of_jax() -> None:
    import flowgraph.loops.in_jax  # noqa: F401


@rules_of("numba")
def _rules_of_numba() -> None:
    import flowgraph.loops.in_numba  # noqa: F401
