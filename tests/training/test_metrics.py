"""Metrics: those of scikit-learn and plain functions, on what the model predicts after each epoch."""

import json

import numpy as np
import pytest
from sklearn import metrics

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.training import Checkpoint, load_checkpoint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
QUIET = {"checks": False, "progress": False, "epochs": 2}


def scores(mlp, x):
    return fg.Graph(mlp(fg.Input("x", shape=("N", 4)))).fprop(x=x).outputs[0]


def test_classes_and_probabilities():
    mlp = fg.MLP([4, 5, 3], rng=0, dropout=0.5)
    given = [metrics.accuracy_score, metrics.log_loss, metrics.balanced_accuracy_score]
    history = fg.fit(mlp, (X[:40], Y[:40]), (X[40:], Y[40:]), metrics=given, **QUIET)
    assert history.best_epoch == 2
    f = scores(mlp, X[40:])
    assert history.best.metrics == pytest.approx({
        "valid_accuracy_score": np.mean(f.argmax(axis=1) == Y[40:]),
        "valid_log_loss": -np.mean(np.log(f[np.arange(20), Y[40:]])),
        "valid_balanced_accuracy_score": np.mean([np.mean(f.argmax(axis=1)[Y[40:] == c] == c) for c in range(3)]),
    })  # fmt: skip
    assert history["valid_log_loss"] == [epoch.metrics["valid_log_loss"] for epoch in history]


@pytest.mark.parametrize("sizes", [[4, 5, 2], [4, 5, 1]])
def test_two_classes_by_one_output_or_two(sizes):
    y = (Y > 0).astype(int)
    mlp = fg.MLP(sizes, output="softmax" if sizes[-1] == 2 else "sigmoid", rng=0)
    given = {"auc": metrics.roc_auc_score, "f1": metrics.f1_score, "brier": metrics.brier_score_loss}
    history = fg.fit(mlp, (X, y), metrics=given, **QUIET)
    p = scores(mlp, X)[:, -1]
    pairs = (p[y == 1][:, None] > p[y == 0]).mean()
    assert history.best.metrics["train_auc"] == pytest.approx(pairs)
    assert history.best.metrics["train_brier"] == pytest.approx(np.mean((p - y) ** 2))
    right = ((p > 0.5) & (y == 1)).sum()
    assert history.best.metrics["train_f1"] == pytest.approx(2 * right / ((p > 0.5).sum() + (y == 1).sum()))


def test_numbers_and_a_function_of_ones_own():
    mlp = fg.MLP([4, 5, 1], output="linear", rng=0)
    t = X[:, 0] - X[:, 1]
    history = fg.fit(mlp, (X, t), metrics={"r2": metrics.r2_score, "worst": lambda y, f: np.abs(y - f).max()}, **QUIET)
    f = scores(mlp, X)[:, 0]
    assert history.best.metrics["train_worst"] == pytest.approx(np.abs(t - f).max())
    assert history.best.metrics["train_r2"] == pytest.approx(1 - np.sum((t - f) ** 2) / np.sum((t - t.mean()) ** 2))


def test_more_examples_than_one_part_holds():
    x, y, w = fg.Input("x", shape=("N",)), fg.Input("y", shape=("N",)), fg.Parameter(0.0, name="w")
    data = np.arange(2500.0) / 2500, np.arange(2500.0) / 1000
    given = {"mean": lambda y, f: np.mean(y - f)}
    history = fg.fit(fg.mean(fg.SquaredError(x * w, y)), data, metrics=given, **QUIET)
    assert history.best.metrics["train_mean"] == pytest.approx(np.mean(data[1] - data[0] * w.value))


def test_checkpoints_hold_them(tmp_path):
    path, both = tmp_path / "checkpoint.safetensors", []
    for resumed in (None, "later"):
        mlp = fg.MLP([4, 5, 3], rng=0)
        settings = {"metrics": metrics.accuracy_score} | QUIET
        if resumed:
            settings |= {"resume": load_checkpoint(path), "epochs": 4}
        both.append(fg.fit(mlp, (X, Y), callbacks=[Checkpoint(path)], **settings))
    assert both[1]["train_accuracy_score"][:2] == both[0]["train_accuracy_score"]
    assert len(both[1]["train_accuracy_score"]) == 4
    json.dumps(both[1].rows())


def test_what_is_no_metric_is_refused():
    for given, text in (
        ([3], r"found 'int': 3, needs functions of \(targets, predictions\)"),
        ([metrics.f1_score, metrics.f1_score], "found two of one name"),
    ):
        with pytest.raises(UsageError, match=text):
            fg.fit(fg.MLP([4, 3], rng=0), (X, Y), metrics=given, **QUIET)
    x, w = fg.Input("x", shape=("N",)), fg.Parameter(0.0, name="w")
    with pytest.raises(UsageError, match="metrics: found 0 losses of examples in the objective"):
        fg.fit(fg.mean((x - w) ** 2), {"x": X[:, 0]}, metrics=metrics.f1_score, **QUIET)
