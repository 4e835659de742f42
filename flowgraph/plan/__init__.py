"""Plans: a graph becomes straight-line NumPy. specialise, open, simplify, schedule, emit, bind."""

from flowgraph.plan.compilation import compile
from flowgraph.plan.passes.simplify import PASSES, simplify
from flowgraph.plan.plan import Plan

__all__ = ["PASSES", "Plan", "compile", "simplify"]
