"""Figures of optimisation, each a function that computes what it shows: they save themselves and show in notebooks."""

from flowgraph.figures.differences import difference_errors
from flowgraph.figures.drawing import Figure
from flowgraph.figures.permutation import permuted_units
from flowgraph.figures.rates import learning_rates
from flowgraph.figures.shrinkage import shrinkage
from flowgraph.figures.surface import loss_surface

__all__ = ["Figure", "difference_errors", "learning_rates", "loss_surface", "permuted_units", "shrinkage"]
