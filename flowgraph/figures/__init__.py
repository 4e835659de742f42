"""Figures of optimisation, each a function that computes what it shows: they save themselves and show in notebooks."""

from flowgraph.figures.drawing import Figure, difference_errors, learning_rates, loss_surface, permuted_units, shrinkage

__all__ = ["Figure", "difference_errors", "learning_rates", "loss_surface", "permuted_units", "shrinkage"]
