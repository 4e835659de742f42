"""Plans: a graph becomes straight-line NumPy. specialise, open, simplify, schedule, emit, bind."""

from flowgraph.plan.compilation import compile
from flowgraph.plan.plan import Plan
from flowgraph.plan.simplify import PASSES, simplify

__all__ = ["PASSES", "Plan", "compile", "simplify"]
