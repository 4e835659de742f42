"""Figures of optimisation, each a function that computes what it shows: they save themselves and show in notebooks."""

from flowgraph.figures.differences import difference_errors as difference_errors
from flowgraph.figures.drawing import Figure as Figure
from flowgraph.figures.permutation import permuted_units as permuted_units
from flowgraph.figures.rates import learning_rates as learning_rates
from flowgraph.figures.shrinkage import shrinkage as shrinkage
from flowgraph.figures.surface import loss_surface as loss_surface
