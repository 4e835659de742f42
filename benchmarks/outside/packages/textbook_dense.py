"""Textbook layers for rows of examples, and losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform
from benchmarks.outside.textbook import dense, losses

PACKAGE = Package("textbook-dense", "numpy", own=True)
X, GAMMA, BETA = normal(4, 3), uniform(3, low=0.5, high=1.5), normal(3, seed=1)
W, B, SQUARE, GATE = normal(3, 2), normal(2), normal(3, 3), normal(3, 3, seed=1)
SCORES, LABELS = normal(4, 3, seed=2), np.array([0, 2, 1, 2])
P, Q = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.25, 0.35])


def _layer(name: str, forward: Any, backward: Any, *inputs: Any) -> None:
    PACKAGE.add(name, lambda: Case(forward, inputs, backward))


def _mistake(name: str, proof: str, forward: Any, backward: Any, *inputs: Any) -> None:
    PACKAGE.add(name, lambda: Case(forward, inputs, backward), "wrong", proof)


_layer("affine", dense.affine, dense.affine_backward, X, W, B)
_layer("affine of pictures", dense.flat_affine, dense.flat_affine_backward, normal(2, 1, 3, 2), normal(6, 3), BETA)
_layer("affine of columns", dense.column_affine, dense.column_affine_backward, normal(2, 3), normal(3, 5), normal(2, 1))
_layer("relu", dense.relu, dense.relu_backward, X)
_layer("leaky relu", dense.leaky_relu, dense.leaky_relu_backward, X)
_layer("sigmoid", dense.sigmoid, dense.sigmoid_backward, X)
_layer("tanh", np.tanh, dense.tanh_backward, X)
_layer("elu", dense.elu, dense.elu_backward, X)
_layer("gelu", dense.gelu, dense.gelu_backward, X)
_layer("softplus", dense.softplus, dense.softplus_backward, X)
_layer("softmax", dense.softmax, dense.softmax_backward, X)
_layer("prelu", dense.prelu, dense.prelu_backward, X, uniform(3))
_layer("batch norm", dense.batchnorm, dense.batchnorm_backward, X, GAMMA, BETA)
_layer("layer norm", dense.layernorm, dense.layernorm_backward, X, GAMMA, BETA)
_layer("rows of length 1", dense.row_normalise, dense.row_normalise_backward, X)
_layer("dropout with its mask", dense.dropout, dense.dropout_backward, X, X > -0.5)
_layer("two layers", dense.two_layers, dense.two_layers_backward, X, normal(3, 5), normal(5), normal(5, 2), B)
_layer("highway", dense.highway, dense.highway_backward, X, SQUARE, GATE)
_layer("maxout", dense.maxout, dense.maxout_backward, X, normal(2, 3, 2))
_layer("bilinear", dense.bilinear, dense.bilinear_backward, X, normal(3, 2, 2), normal(4, 2))
_layer("mean squared error", losses.mse, losses.mse_backward, SCORES, X)
_layer("softmax loss", losses.softmax_loss, losses.softmax_loss_backward, SCORES, LABELS)
_layer("multiclass hinge loss", losses.svm_loss, losses.svm_loss_backward, SCORES, LABELS)
_layer(
    "binary cross entropy", losses.binary_cross_entropy, losses.binary_cross_entropy_backward, uniform(5),
    np.array([0.0, 1.0, 1.0, 0.0, 1.0]),
)  # fmt: skip
_layer("logistic loss", losses.logistic_loss, losses.logistic_loss_backward, normal(4), np.array([1.0, -1.0, 1.0, 1.0]))
_layer("huber", losses.huber, losses.huber_backward, 2 * normal(5), normal(5, seed=1))
_layer("kl divergence", losses.kl_divergence, losses.kl_divergence_backward, P, Q)
_layer("triplet loss", losses.triplet, losses.triplet_backward, X, SCORES, normal(4, 3, seed=5))
_layer("cosine loss", losses.cosine_loss, losses.cosine_loss_backward, X, SCORES)
_layer("ridge regression", losses.ridge, losses.ridge_backward, BETA, X, normal(4))
_layer(
    "logistic regression", losses.logistic_regression, losses.logistic_regression_backward, BETA, X,
    np.array([0.0, 1.0, 1.0, 0.0]),
)  # fmt: skip

_mistake(
    "batch norm, a term is missing", "the term of hat * mean(dhat * hat) is left out of the closed form",
    dense.batchnorm, dense.batchnorm_without_the_mean_of_hat, X, GAMMA, BETA,
)  # fmt: skip
_mistake(
    "highway without the carry", "d/dx of (1 - gate) x is left out", dense.highway,
    dense.highway_without_the_carry, X, SQUARE, GATE,
)  # fmt: skip
_mistake(
    "mean squared error over the rows", "fprop is the mean of all 12 elements, the gradient divides by 4",
    losses.mse, losses.mse_over_rows_only, SCORES, X,
)  # fmt: skip
_mistake(
    "multiclass hinge loss, one subtracted", "minus the number of active margins is needed, not minus 1",
    losses.svm_loss, losses.svm_loss_backward_one_subtracted, SCORES, LABELS,
)  # fmt: skip
_mistake(
    "cosine loss without its own norm", "the derivative of 1/|a| is left out", losses.cosine_loss,
    losses.cosine_loss_without_own_norm, X, SCORES,
)  # fmt: skip
