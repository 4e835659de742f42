"""`fg.fit`: what it takes as a model, what it reaches, and what the lecture says of training."""

import gc
import pickle
import threading
import weakref
from collections import namedtuple

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression

import flowgraph as fg
from flowgraph.data import Examples
from flowgraph.errors import FeedError, UsageError
from flowgraph.training import Evaluator
from flowgraph.training.objective import mlp_problem

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
Both = namedtuple("Both", "train valid")
QUIET = {"checks": False, "progress": False}


def test_the_same_seed_gives_the_same_bits():
    """Another one drops other units, where each step sees all examples too."""
    found = []
    for seed in (0, 0, 1):
        mlp = fg.MLP([4, 5, 2], rng=0, dropout=0.2)
        fg.fit(mlp, (X, Y), epochs=3, batch_size=None, seed=seed, **QUIET)
        found.append(mlp.weights[0].value)
    assert found[0].tobytes() == found[1].tobytes()
    assert not np.allclose(found[0], found[2])


def test_numba_trains_as_numpy_does():
    """Classes, whose error is watched, without a warning that NumPy runs the plan."""
    pytest.importorskip("numba")
    found = {}
    for backend in ("numpy", "numba"):
        mlp = fg.MLP([4, 3, 2], rng=0)
        history = fg.fit(mlp, (X, Y), batch_size=None, epochs=20, backend=backend, **QUIET)
        found[backend] = [history["train_loss"], history["train_error"]]
    np.testing.assert_allclose(found["numba"], found["numpy"], rtol=1e-9)


def test_in_a_thread():
    """Where no signal can be handled, training is as it is elsewhere."""
    found = []
    thread = threading.Thread(target=lambda: found.append(fg.fit(fg.MLP([4, 5, 2], rng=0), (X, Y), epochs=2, **QUIET)))
    thread.start()
    thread.join()
    assert found[0]["train_loss"] == fg.fit(fg.MLP([4, 5, 2], rng=0), (X, Y), epochs=2, **QUIET)["train_loss"]


def test_cancer_is_told_apart():
    images, labels = load_breast_cancer(return_X_y=True)
    images = (images - images.mean(axis=0)) / images.std(axis=0)
    train, test = (images[:400], labels[:400]), (images[400:], labels[400:])
    mlp = fg.MLP([30, 16, 1], output="sigmoid", rng=0)
    fg.fit(mlp, (train[0], train[1].astype(float)), epochs=30, learning_rate=0.01, l2=1e-3, progress=False)
    found = Evaluator(mlp_problem(mlp, test[1].astype(float))).measure((test[0], test[1].astype(float)))
    loss, error = found["loss"], found["error"]
    assert error < 0.04
    f = fg.Graph(mlp(fg.Input("x", shape=("N", 30)))).fprop(x=test[0]).outputs[0][:, 0]
    assert error == pytest.approx(np.mean((f > 0.5) != test[1]))
    assert loss == pytest.approx(-np.mean(np.log(np.where(test[1] == 1, f, 1 - f))))


def test_a_linear_model_of_numbers_reaches_least_squares():
    inputs, targets = load_diabetes(return_X_y=True)
    inputs, targets = inputs / inputs.std(axis=0), targets / targets.std()
    mlp = fg.MLP([10, 1], output="linear", rng=0)
    history = fg.fit(mlp, (inputs, targets), rule="sgd", batch_size=None, learning_rate=0.2, epochs=3000, **QUIET)
    peer = LinearRegression().fit(inputs, targets)
    np.testing.assert_allclose(mlp.weights[0].value[:, 0], peer.coef_, rtol=1e-2, atol=1e-3)
    assert history["train_error"][-1] is None
    assert history.best.train_loss == pytest.approx(np.mean((peer.predict(inputs) - targets) ** 2), rel=1e-4)


def test_probabilities_as_targets():
    mlp = fg.MLP([4, 16, 2], rng=0)
    history = fg.fit(mlp, (X, np.eye(2)[Y]), (X, np.eye(2)[Y]), learning_rate=0.02, epochs=60, **QUIET)
    assert history.best.valid_error < 0.1


def test_dropout_is_for_training_only():
    """What is validated has no dropout: it is the network that predicts."""
    mlp = fg.MLP([4, 16, 2], rng=0, dropout=0.5)
    history = fg.fit(mlp, (X, Y), (X, Y), epochs=2, **QUIET)
    f = fg.Graph(mlp(fg.Input("x", shape=("N", 4)))).fprop(x=X).outputs[0]
    assert history.best.valid_loss == pytest.approx(-np.mean(np.log(f[np.arange(120), Y])))


def test_metrics_are_evaluated_in_batches_and_counted_rightly():
    mlp = fg.MLP([4, 3, 2], rng=0)
    problem = mlp_problem(mlp, Y)
    many = (np.concatenate([X] * 20)[:2100], np.concatenate([Y] * 20)[:2100])
    run = problem.graph.fprop(x=many[0], y=many[1])
    found = Evaluator(problem).measure(many)
    assert found["loss"] == pytest.approx(float(run))
    assert found["error"] == pytest.approx(np.mean(run["layer2/a"].argmax(axis=1) != many[1]))


def test_examples_of_the_data_package_and_dicts():
    found = []
    for data in ((X, Y), Examples(X, Y, classes=("no", "yes")), {"x": X, "y": Y}):
        mlp = fg.MLP([4, 3, 2], rng=0)
        found.append(fg.fit(mlp, data, data, epochs=2, **QUIET)["valid_loss"])
    both = ((X, Y), (X, Y)), ({"x": X, "y": Y}, Examples(X, Y, classes=("no", "yes"))), Both((X, Y), (X, Y))
    for data in both:
        found.append(fg.fit(fg.MLP([4, 3, 2], rng=0), data, epochs=2, **QUIET)["valid_loss"])
    assert all(one == found[0] for one in found)


def test_a_share_is_held_out():
    trainers = [fg.Trainer(fg.MLP([4, 3, 2], rng=0), (X, Y), 0.25, seed=seed) for seed in (0, 0, 1)]
    for trainer in trainers:
        x = trainer.problem.graph["x"]
        assert (len(trainer.train), len(trainer.valid)) == (90, 30)
        rows = np.concatenate([trainer.train.arrays[x], trainer.valid.arrays[x]])
        assert sorted(map(tuple, rows)) == sorted(map(tuple, X))
    first, second, third = [trainer.valid.arrays[trainer.problem.graph["x"]] for trainer in trainers]
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)
    assert fg.fit(fg.MLP([4, 3, 2], rng=0), (X, Y), 0.5, epochs=1, **QUIET)["valid_loss"][0] > 0
    with pytest.raises(UsageError, match=r"fit: found valid=1.5, needs a number above 0 and below 1"):
        fg.fit(fg.MLP([4, 3, 2], rng=0), (X, Y), 1.5)
    with pytest.raises(FeedError, match=r"fit: found valid=0.5 of 1 example, needs 2 or more to hold some out"):
        fg.fit(fg.MLP([4, 3, 2], rng=0), (X[:1], Y[:1]), 0.5)


def test_lists_of_two_examples_are_a_pair_and_not_two_sets():
    history = fg.fit(fg.MLP([2, 3, 2], rng=0), ([[0.0, 1.0], [1.0, 0.0]], [0, 1]), epochs=2, **QUIET)
    assert history["valid_loss"] == [None, None]


def test_an_objective_of_ones_own():
    x, t = fg.Input("x", shape=("N", 4)), fg.Input("t", shape=("N",))
    w = fg.Parameter(np.zeros(4), name="w")
    objective = fg.objective(fg.Huber(x @ w, t), fg.L2(w), 1e-6)
    history = fg.fit(objective, {"x": X, "t": X @ [1.0, 2, 3, 4]}, {x: X, t: X @ [1.0, 2, 3, 4]}, rule="sgd", epochs=60)
    np.testing.assert_allclose(w.value, [1, 2, 3, 4], atol=1e-2)
    assert history.columns[-1] == "gradient_norm w"
    assert history.best.valid_error is None


def test_the_proximal_step_needs_a_fixed_rate():
    with pytest.raises(
        UsageError, match=r"Proximal: found the rule Adam, whose steps have no fixed rate; needs SGD, M"
    ):
        fg.Proximal(fg.Adam(), 0.1)


def test_what_it_refuses():
    mlp = fg.MLP([4, 2], rng=0)
    with pytest.raises(
        UsageError, match=r"fit: found function as the model, needs an fg.MLP, an objective box or a Prob"
    ):
        fg.fit(lambda x: x, (X, Y))
    with pytest.raises(UsageError, match=r"fit: l1= and l2= are for an MLP; add the regularizer to the objective"):
        fg.fit(mlp_problem(mlp, Y), (X, Y), l2=0.1)
    with pytest.raises(FeedError, match=r"fit: found ndarray as the data of an MLP, needs a pair \(X, y\) or a dict"):
        fg.fit(mlp, X)


def test_a_problem_is_refused_that_cannot_be_trained():
    x, w = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w")
    with pytest.raises(UsageError, match=r"depends on no parameter, so there is nothing to train; make what is to"):
        fg.Problem(fg.mean(x))
    with pytest.raises(UsageError, match=r"needs a scalar box of floats; fg.mean makes one"):
        fg.Problem(x * w)
    with pytest.raises(UsageError, match=r"loss reads Input 'other', built at .*, which the objective does not read"):
        fg.Problem(fg.mean(x * w), loss=fg.mean(fg.Input("other", shape=("N",))))
    assert repr(fg.Problem(fg.mean(x * w))) == "<Problem of 1 parameter and the inputs x>"


def test_a_trained_model_can_be_pickled_and_does_not_keep_its_plan():
    mlp = fg.MLP([4, 3, 2], rng=0)
    trainer = fg.Trainer(mlp, (X, Y))
    plan = weakref.ref(trainer.plan)
    trainer.run(1)
    del trainer
    gc.collect()
    assert plan() is None
    again = pickle.loads(pickle.dumps(mlp))
    assert all(np.array_equal(a.value, b.value) for a, b in zip(mlp.parameters, again.parameters, strict=True))
