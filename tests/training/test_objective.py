"""The objective: mean loss plus strength times the regularizer of the weights."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError


@pytest.fixture
def net():
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
    mlp = fg.MLP([3, 4, 2], rng=0)
    return mlp, fg.SoftmaxCrossEntropy(mlp.logits(x), y), {"x": np.eye(3), "y": [0, 1, 1]}


@pytest.mark.parametrize("regularizer", [fg.L1, fg.L2])
def test_it_is_the_mean_loss_plus_the_strength_times_the_regularizer(net, regularizer):
    mlp, losses, data = net
    whole = fg.objective(losses, regularizer(*mlp.weights), strength=0.3)
    run = fg.Graph(whole, losses).fprop(data)
    power = 1 if regularizer is fg.L1 else 2
    omega = sum((np.abs(W.value) ** power).sum() for W in mlp.weights)
    assert run[whole] == pytest.approx(run[losses].mean() + 0.3 * omega)
    assert whole.name == "objective"


def test_biases_are_not_regularised(net):
    mlp, losses, data = net
    with_penalty = fg.Graph(fg.objective(losses, fg.L2(*mlp.weights), 10.0)).fprop(data).bprop()
    without = fg.Graph(fg.objective(losses)).fprop(data).bprop()
    for b in mlp.biases:
        np.testing.assert_allclose(with_penalty[b], without[b])


def test_a_minibatch_gives_the_mean_of_the_regularised_gradients_of_its_examples(net):
    mlp, losses, data = net
    graph = fg.Graph(fg.objective(losses, fg.L2(*mlp.weights), 0.3))
    whole = graph.fprop(data).bprop()
    single = [graph.fprop(x=data["x"][n : n + 1], y=data["y"][n : n + 1]).bprop() for n in range(3)]
    for W in mlp.weights:
        np.testing.assert_allclose(whole[W], sum(grads[W] for grads in single) / 3)


def test_what_it_refuses(net):
    mlp, losses, _ = net
    with pytest.raises(UsageError, match=r"objective: found strength=0.1 without a regularizer; give one"):
        fg.objective(losses, strength=0.1)
    with pytest.raises(UsageError, match=r"objective: found strength=-1, needs a number from 0"):
        fg.objective(losses, fg.L2(*mlp.weights), -1)
    with pytest.raises(UsageError, match=r"objective: found int as losses, needs a box"):
        fg.objective(3)
    with pytest.raises(UsageError, match=r"objective: found type as regularizer, needs a box"):
        fg.objective(losses, fg.L2, 0.1)
    with pytest.raises(ShapeError, match=r"the regularizer .* has the shape \(3, 4\), needs \(\)"):
        fg.objective(losses, mlp.weights[0], 0.1)
