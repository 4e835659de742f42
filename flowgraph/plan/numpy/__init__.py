"""The NumPy back end of plans; `rule_for` says which lines compute a box of your own."""

from flowgraph.plan.numpy.rules import rule_for

__all__ = ["rule_for"]
