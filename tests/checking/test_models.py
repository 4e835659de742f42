"""The checker used on ourselves: composed models and their gradient graphs pass at first and second order."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.training.mlp import HIDDEN

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

rng = np.random.default_rng(11)
X, X_TEST = rng.normal(size=(3, 3)), rng.normal(size=(2, 3))
LABELS, SIGNS, SHARES = np.array([0, 2, 1]), np.array([1.0, -1.0, 1.0]), rng.uniform(0.1, 0.9, (3, 2))
BUDGET = 8_000


def passes(graph, order=2, **feeds):
    report = fg.check(graph, feeds, order=order, budget=BUDGET, effort="thorough")
    assert report.passed, report
    assert report.comparisons > 20 * order
    assert report.resolution < 1e-6
    return report


def classifier(hidden="tanh", **keywords):
    """The lecture's objective: an MLP, softmax cross-entropy of its scores, lambda * Omega of its weights."""
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
    mlp = fg.MLP([3, 4, 3], hidden=hidden, rng=1, **keywords)
    for bias in mlp.biases:
        bias.value = rng.normal(size=bias.shape) * 0.3
    return mlp, x, fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x, training=True), y))


@pytest.mark.parametrize("hidden", sorted(HIDDEN))
def test_an_mlp_with_every_activation(hidden):
    mlp, _, loss = classifier(hidden)
    passes(fg.Graph(loss + 0.01 * fg.L2(*mlp.weights)), x=X, y=LABELS)


@pytest.mark.parametrize("regularizer", [fg.L1, fg.L2], ids=lambda one: one.__name__)
def test_regularizers(regularizer):
    mlp, _, loss = classifier()
    passes(fg.Graph(loss + 0.1 * regularizer(*mlp.weights)), x=X, y=LABELS)


def test_dropout_in_training():
    _, _, loss = classifier(dropout=0.5)
    passes(fg.Graph(loss), x=X, y=LABELS)


def test_the_output_and_the_likelihood_of_given_probabilities():
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
    mlp = fg.MLP([3, 4, 3], output="softmax", rng=2)
    passes(fg.Graph(fg.mean(fg.NegativeLogLikelihood(mlp(x), y))), x=X, y=LABELS)
    passes(fg.Graph(mlp(x)), x=X)


LOSSES = {
    "SquaredError": lambda f, y: fg.SquaredError(f, y),
    "AbsoluteError": lambda f, y: fg.AbsoluteError(f, y),
    "Huber": lambda f, y: fg.Huber(f, y),
    "Hinge": lambda f, y: fg.Hinge(f, np.sign(y - 0.5)),
    "BinaryCrossEntropy": lambda f, y: fg.BinaryCrossEntropy(f, y),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_a_linear_model(name):
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N", 2))
    f = fg.Linear(3, 2, rng=3)(x)
    graph = fg.Graph(fg.mean(LOSSES[name](f, y)))
    passes(graph, x=X, y=SHARES)


def test_gradient_graphs_are_graphs_like_any_other():
    """What a step of training computes, a Hessian-vector product, and a penalty on the gradient by the input."""
    mlp, x, loss = classifier()
    passes(fg.Graph(*fg.gradient(loss, mlp.parameters)), order=1, x=X, y=LABELS)
    directions = [rng.normal(size=one.shape) for one in mlp.weights]
    passes(fg.Graph(*fg.hvp(loss, mlp.weights, directions)), order=1, x=X, y=LABELS)
    (slope,) = fg.gradient(loss, [x])
    passes(fg.Graph(loss + fg.sum(slope * slope)), order=1, x=X, y=LABELS)


def test_a_convolutional_net():
    x, y = fg.Input("x", shape=("N", 1, 5, 5)), fg.Input("y", shape=("N",), dtype=int)
    filters = fg.Parameter(rng.normal(size=(2, 1, 2, 2)), name="filters")
    h = fg.MaxPool(np.tanh(fg.Conv2d(x, filters)), size=(2, 2))
    f = fg.Linear(8, 3, rng=4)(np.reshape(h, (-1, 8)))
    passes(fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(f, y))), x=rng.normal(size=(2, 1, 5, 5)), y=LABELS[:2])


def test_attention():
    """softmax(Q Kᵀ / √d) V, as written in NumPy."""
    x = fg.Input("x", shape=(3, 3))
    q, k, v = (x @ fg.Parameter(rng.normal(size=(3, 2)), name=name) for name in "qkv")
    passes(fg.Graph(fg.softmax(q @ k.T / np.sqrt(2.0), axis=-1) @ v), x=X)


def test_a_normalised_net():
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N", 2))
    with fg.scope("layer1"):
        a = fg.Linear(3, 4, rng=5)(x)
    h = np.tanh((a - np.mean(a, axis=0)) / np.sqrt(np.var(a, axis=0) + 1e-5))
    passes(fg.Graph(fg.mean(fg.SquaredError(fg.Linear(4, 2, rng=6)(h), y))), x=X, y=SHARES)
