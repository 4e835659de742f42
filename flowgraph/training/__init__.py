"""Models and their training, composed of boxes and graphs; nothing below imports this package."""

from flowgraph.training.dropout import dropout
from flowgraph.training.initialisers import constant, glorot_uniform, he_normal, he_uniform, zeros
from flowgraph.training.linear import Linear
from flowgraph.training.mlp import MLP
from flowgraph.training.sgd import sgd

__all__ = ["MLP", "Linear", "constant", "dropout", "glorot_uniform", "he_normal", "he_uniform", "sgd", "zeros"]
