"""Weights of examples: a weight of k is k examples, one of 0 is none, and all that is shown is weighted alike."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FeedError, UsageError
from flowgraph.training import Trainer

RNG = np.random.default_rng(0)
X, LABELS, NUMBERS = RNG.normal(size=(40, 4)), RNG.integers(0, 3, 40), RNG.normal(size=40)
TIMES = RNG.integers(0, 4, 40)
QUIET = {"checks": False, "progress": False, "batch_size": None, "epochs": 5}


def own_objective():
    x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",))
    w = fg.Parameter(np.arange(4.0), name="w")
    return fg.mean(fg.Huber(x @ w, y)) + 0.1 * fg.L2(w)


def mlp_of_two():
    return fg.MLP([4, 5, 1], output="sigmoid", rng=0)


MODELS = {
    "classes": (lambda: fg.MLP([4, 5, 3], rng=0), LABELS),
    "numbers": (lambda: fg.MLP([4, 5, 1], output="linear", rng=0), NUMBERS),
    "two classes": (mlp_of_two, LABELS % 2),
    "many numbers": (lambda: fg.MLP([4, 5, 2], output="linear", rng=0), RNG.normal(size=(40, 2))),
    "dropout": (lambda: fg.MLP([4, 5, 3], rng=0, dropout=0.0), LABELS),
    "own": (own_objective, NUMBERS),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_weight_counts_as_so_many_examples(name):
    """In training, in what is watched, in the error; whatever the scale of the weights is."""
    make, y = MODELS[name]
    repeated = np.repeat(np.arange(40), TIMES)
    valid = X[:20], y[:20]
    found = fg.fit(make(), (X, y), (*valid, 3.0 * TIMES[:20]), sample_weight=7.5 * TIMES, **QUIET)
    again = np.repeat(np.arange(20), TIMES[:20])
    expected = fg.fit(make(), (X[repeated], y[repeated]), tuple(part[again] for part in valid), **QUIET)
    for column in expected.columns:
        if column == "seconds" or expected[column][0] is None:
            continue
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-9, err_msg=column)


def test_the_mean_over_batches_is_that_of_all_examples():
    """Weights have the mean 1 over all examples, not over each batch: no batch counts more than another."""
    make, y = MODELS["own"]
    trainer = Trainer(make(), (X, y), sample_weight=TIMES, batch_size=7, learning_rate=1e-12)
    epoch = trainer.run(1).best
    run = fg.Graph(make()).fprop(x=X, y=y)
    losses = next(run[box] for box in run.graph.boxes if box.role == "loss")
    assert epoch.train_loss == pytest.approx(np.average(losses, weights=TIMES))


def test_held_out_examples_keep_their_weights():
    weights = np.where(np.arange(40) % 2, 1.0, 0.0)
    y = np.where(np.arange(40) % 2, NUMBERS, 1e9)
    history = fg.fit(own_objective(), (X, y), 0.5, sample_weight=weights, **QUIET)
    assert history.best.valid_loss < 1e3


def test_weights_of_validation_examples_alone():
    found = fg.fit(own_objective(), (X, NUMBERS), (X, NUMBERS, TIMES), **QUIET)
    plain = fg.fit(own_objective(), (X, NUMBERS), (X, NUMBERS), **QUIET)
    np.testing.assert_allclose(found["train_loss"], plain["train_loss"])
    assert found["valid_loss"] != plain["valid_loss"]


def test_a_problem_with_weights_of_its_own():
    x, y, w = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",)), fg.Input("w", shape=("N",))
    theta = fg.Parameter(np.arange(4.0), name="w_")
    problem = fg.Problem(fg.mean(fg.SquaredError(x @ theta, y)), sample_weight=w)
    history = fg.fit(problem, {"x": X, "y": NUMBERS, "w": TIMES}, **(QUIET | {"epochs": 1}))
    expected = np.average((X @ np.arange(4.0) - NUMBERS) ** 2, weights=TIMES)
    assert history.best.train_loss == pytest.approx(expected)


def test_float32_stays_float32():
    mlp = fg.MLP([4, 5, 3], rng=0, dtype=np.float32)
    trainer = Trainer(mlp, (X.astype(np.float32), LABELS), sample_weight=TIMES)
    trainer.step()
    assert {p.value.dtype for p in mlp.parameters} == {np.dtype(np.float32)}
    assert trainer.problem.objective.dtype == np.float32


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (np.ones(39), r"found sample_weight of shape \(39,\) and dtype float64, needs one number for each of the 40"),
        (np.where(np.arange(40) == 3, -1, 1), r"found the sample_weight -1.0 in row 3, needs finite numbers from 0 on"),
        (np.full(40, np.nan), r"found the sample_weight nan in row 0"),
        (np.zeros(40), r"found a sample_weight of 0 for every example"),
        (["a"] * 40, r"found sample_weight of shape \(40,\) and dtype <U1"),
    ],
)
def test_weights_that_make_no_sense(weights, text):
    with pytest.raises(FeedError, match=text):
        fg.fit(own_objective(), (X, NUMBERS), sample_weight=weights, **QUIET)


def test_an_objective_without_losses_of_examples_is_refused():
    x, y, w = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",)), fg.Parameter(np.zeros(4), name="w")
    with pytest.raises(UsageError, match=r"found no loss of examples in .* multiply what belongs to an example"):
        fg.fit(fg.mean((x @ w - y) ** 2), (X, NUMBERS), sample_weight=TIMES, **QUIET)
