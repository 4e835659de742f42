"""The training loop: every example once per epoch, means over examples, seeds, momentum."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FeedError, UsageError
from flowgraph.training import sgd
from flowgraph.training.sgd import batches


def line(dtype=float):
    """The mean squared distance of numbers from a parameter."""
    x = fg.Input("x", shape=("N",), dtype=dtype)
    w = fg.Parameter(np.zeros((), dtype), name="w")
    return x, w, fg.mean((x - w) ** 2)


def test_every_example_once_and_the_last_batch_smaller():
    found = list(batches(10, 4, np.random.default_rng(0)))
    assert [len(batch) for batch in found] == [4, 4, 2]
    assert sorted(np.concatenate(found)) == list(range(10))


def test_the_mean_counts_a_smaller_batch_by_its_size():
    x, w, objective = line()
    data = np.arange(10.0)
    assert sgd(objective, {x: data}, epochs=1, batch_size=4, learning_rate=0.0) == [pytest.approx(np.mean(data**2))]
    assert w.value == 0


def test_one_step_of_one_batch_by_hand():
    _, w, objective = line()
    sgd(objective, {"x": [1.0, 3.0]}, epochs=1, batch_size=2, learning_rate=0.1)
    assert float(w.value) == pytest.approx(0.1 * 2 * 2)


def test_momentum_by_hand():
    x, w, objective = line()
    sgd(objective, {x: [2.0]}, epochs=2, batch_size=1, learning_rate=0.1, momentum=0.5)
    first = 0.1 * 4
    assert float(w.value) == pytest.approx(first + 0.5 * first + 0.1 * 2 * (2 - first))


def test_the_seed_fixes_everything():
    def trained(seed):
        x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
        mlp = fg.MLP([3, 4, 2], rng=0, dropout=0.5)
        loss = fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x, training=True), y))
        data = {x: np.random.default_rng(1).normal(size=(10, 3)), y: np.arange(10) % 2}
        sgd(loss, data, epochs=2, batch_size=2, seed=seed)
        return mlp.weights[0].value

    assert np.array_equal(trained(0), trained(0))
    assert not np.array_equal(trained(0), trained(1))


def test_float32_stays_and_epochs_are_told():
    x, w, objective = line(np.float32)
    told = []
    means = sgd(objective, {x: np.ones(5)}, epochs=3, on_epoch=lambda *epoch: told.append(epoch))
    assert w.value.dtype == np.float32
    assert told == list(enumerate(means, 1))
    assert means[0] > means[1] > means[2]


def test_what_it_refuses():
    x, _, objective = line()
    with pytest.raises(UsageError, match="depends on no parameter"):
        sgd(fg.mean(x), {x: [1.0]}, epochs=1)
    with pytest.raises(FeedError, match="found 0 in 'x'; needs the same number of examples, 1 or more"):
        sgd(objective, {x: []}, epochs=1)
    with pytest.raises(FeedError, match="found none"):
        sgd(objective, {}, epochs=1)
    with pytest.raises(UsageError, match="found batch_size=0"):
        sgd(objective, {x: [1.0]}, epochs=1, batch_size=0)
    y = fg.Input("y", shape=("N",))
    with pytest.raises(FeedError, match="found 2 in 'x', 3 in 'y'"):
        sgd(objective + fg.mean(y), {x: [1.0, 2.0], y: [1.0, 2.0, 3.0]}, epochs=1)
