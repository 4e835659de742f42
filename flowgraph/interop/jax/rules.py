"""The rules by which primitives of JAX become boxes; `primitive_rule` registers one for a primitive of your own."""

from __future__ import annotations

from collections.abc import Callable

from flowgraph.interop.rule_table import RuleTable, Translation

PRIMITIVES = RuleTable("flowgraph.interop.jax.primitives")


def primitive_rule(*names: str) -> Callable[[Translation], Translation]:
    """Register how a primitive of JAX becomes boxes, by its name: "dot_general".

    "function:relu" is a function of JAX's own that is traced as a call and has no parameters but its arrays.

    The rule takes boxes or numbers by position and the parameters of the primitive by name; its result is converted to
    the dtype that JAX gives.
    """
    return PRIMITIVES.rule_for(*names)
