"""Early stopping with look-ahead: when it stops, what it keeps, what it remembers."""

import math

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.training import Trainer
from flowgraph.training.early_stopping import Lookout, find_stopping
from flowgraph.training.history import Epoch
from flowgraph.training.objective import mlp_problem


def look(losses, errors=None, **settings):
    """The lookout after some epochs, and why it would stop after each."""
    lookout, verdicts = Lookout(fg.EarlyStopping(**settings)), []
    for number, loss in enumerate(losses, 1):
        error = errors[number - 1] if errors else None
        epoch = Epoch(number, number, 0.1, 0.0, 1.0, 1.0, valid_objective=loss, valid_error=error)
        lookout.see(epoch, lambda number=number: {"w": np.array(float(number))})
        verdicts.append(lookout.verdict())
    return lookout, verdicts


def test_it_stops_when_patience_is_over_and_keeps_the_best():
    lookout, verdicts = look([3, 2, 2.5, 2.1, 2.2], patience=3)
    assert verdicts == [None, None, None, None, "no better validation objective for 3 epochs"]
    assert (lookout.best, lookout.best_epoch, float(lookout.parameters["w"])) == (2, 2, 2.0)


def test_it_looks_ahead_over_a_hill():
    lookout, verdicts = look([3, 2, 2.5, 1.5], patience=2)
    assert verdicts[-1] is None
    assert lookout.best_epoch == 4


def test_small_improvements_are_kept_but_do_not_renew_the_patience():
    lookout, verdicts = look([3, 2.99, 2.98, 2.97], patience=3, minimum_improvement=0.1)
    assert verdicts[-1] is not None
    assert lookout.best_epoch == 4
    slow, verdicts = look([3, 2.96, 2.92, 2.88, 2.84], patience=3, minimum_improvement=0.1)
    assert verdicts[-1] is None
    assert slow.waited == 1


def test_it_watches_the_error():
    lookout, verdicts = look([3, 2, 1], [0.2, 0.1, 0.1], watch="error", patience=1)
    assert verdicts == [None, None, "no better validation error for 1 epoch"]
    assert lookout.best_epoch == 2


def test_without_patience_it_keeps_the_best_and_never_stops():
    lookout, verdicts = look([1.0, *[2.0] * 50], patience=None)
    assert verdicts[-1] is None
    assert lookout.best_epoch == 1


def test_a_loss_that_is_no_number_is_never_the_best():
    lookout, verdicts = look([math.nan, 2.0, math.nan], patience=2)
    assert lookout.best_epoch == 2
    assert verdicts[-1] is None


def test_the_memory_goes_through_a_record():
    lookout, _ = look([3, 2, 2.5], patience=5)
    again = Lookout(fg.EarlyStopping(patience=5))
    again.restore(lookout.record(), lookout.parameters)
    assert vars(again) | {"settings": 0, "parameters": 0} == vars(lookout) | {"settings": 0, "parameters": 0}
    fresh = Lookout(fg.EarlyStopping())
    fresh.restore(fresh.record(), {})
    assert fresh.best == math.inf


def test_training_stops_and_the_best_parameters_come_back():
    """Labels that cannot be learnt: the validation loss rises while the training loss falls."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), rng.integers(0, 2, 60)
    mlp = fg.MLP([5, 40, 2], rng=0)
    problem = mlp_problem(mlp, y)
    kept = {}
    trainer = Trainer(problem, (X[:30], y[:30]), (X[30:], y[30:]), learning_rate=0.05, early_stopping=4)
    history = trainer.run(200, [lambda trainer, epoch: kept.setdefault(epoch.number, trainer.values())])
    best = int(np.argmin(history["valid_objective"])) + 1
    assert len(history) == best + 4 < 200
    assert history.best.number == history.best_epoch == best
    assert history.ended == "ended: no better validation objective for 4 epochs"
    for name, value in kept[best].items():
        assert np.array_equal(trainer.values()[name], value)


def test_what_may_be_given():
    problem = mlp_problem(fg.MLP([2, 2], rng=0), np.array([0, 1]))
    assert find_stopping(3, problem, True) == fg.EarlyStopping(3)
    assert find_stopping(None, problem, False).patience is None
    stopping = fg.EarlyStopping(watch="error")
    assert find_stopping(stopping, problem, True) is stopping


def test_what_it_refuses():
    with pytest.raises(UsageError, match=r"EarlyStopping: found watch='accuracy', needs one of objective, loss, error"):
        fg.EarlyStopping(watch="accuracy")
    with pytest.raises(UsageError, match=r"EarlyStopping: found patience=0, needs a whole number .*, or None to go on"):
        fg.EarlyStopping(0)
    with pytest.raises(UsageError, match=r"found minimum_improvement=-1, needs a number from 0"):
        fg.EarlyStopping(minimum_improvement=-1)
