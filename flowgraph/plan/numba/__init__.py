"""The Numba back end of plans, one compiled function of loops; `rule_for` says what computes a box of your own."""

from flowgraph.plan.numba.rules import rule_for

__all__ = ["rule_for"]
