"""The JAX back end of plans; `rule_for` says what computes a box of your own on arrays of JAX."""

from flowgraph.plan.jax.boxes import on_host
from flowgraph.plan.jax.rules import rule_for

__all__ = ["on_host", "rule_for"]
