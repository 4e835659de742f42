"""What is minimised and measured: the objective, which of its terms are the loss, the error of classes, metrics."""

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from flowgraph.training import Checkpoint, Problem, load_checkpoint
from flowgraph.training.problem import measures_of
from tests.training.test_watching import RNG


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
    with pytest.raises(UsageError, match=r"objective: found int as losses, needs a box"):
        fg.objective(3)
    with pytest.raises(UsageError, match=r"objective: found type as regularizer, needs a box"):
        fg.objective(losses, fg.L2, 0.1)
    with pytest.raises(ShapeError, match=r"the regularizer .* has the shape \(3, 4\), needs \(\)"):
        fg.objective(losses, mlp.weights[0], 0.1)


X = fg.Input("X", shape=("N", 4))
NUMBER = fg.Input("number", shape=("N",))
W = fg.Parameter(np.ones(4), name="W")
S = fg.Parameter(0.3, name="s")
RISK = fg.mean(fg.SquaredError(X @ W, NUMBER))
OMEGA = 0.7 * fg.L2(W)


@pytest.mark.parametrize(
    ("objective", "loss"),
    [
        (RISK, RISK),
        (RISK + OMEGA, RISK),
        (OMEGA + RISK, RISK),
        (RISK - (-OMEGA), RISK),
        (OMEGA - (-RISK), RISK),
        (0.5 * (RISK + OMEGA) / 3, RISK / 6),
        (RISK * 2 + OMEGA + 0.1 * fg.L1(W) + np.sum(W**2), RISK * 2),
        (np.exp(-S) * (RISK + OMEGA) + S, np.exp(-S) * RISK),
        (RISK + fg.mean(X) * fg.L2(W), RISK + fg.mean(X) * fg.L2(W)),
        ((RISK + OMEGA) * (RISK + OMEGA), (RISK + OMEGA) * (RISK + OMEGA)),
        (OMEGA / (RISK + 1), OMEGA / (RISK + 1)),
        (OMEGA, OMEGA),
    ],
    ids=range(12),
)
def test_the_loss_is_the_objective_without_the_terms_that_no_input_enters(objective, loss):
    found = measures_of(objective).loss
    data = {X: RNG.normal(size=(5, 4)), NUMBER: RNG.normal(size=5)}
    values = [float(fg.Graph(box, 0 * RISK).fprop(data)[box]) for box in (found, loss)]
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_a_sum_of_many_terms_is_taken_apart_without_recursion():
    whole = RISK
    for _ in range(5000):
        whole = whole + OMEGA
    assert measures_of(whole).loss is RISK


def error_of(scores, targets):
    scores, targets = np.asarray(scores), np.asarray(targets)
    a = fg.Input("a", shape=scores.shape, dtype=scores.dtype)
    t = fg.Input("t", shape=targets.shape, dtype=targets.dtype)
    w = fg.Parameter(1.0, name="w", dtype=scores.dtype)
    error = Problem(fg.mean(fg.SoftmaxCrossEntropy(a * w, t))).evaluated.error
    return float(fg.Graph(error).fprop(a=scores, t=targets))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_equal_scores_it_is_that_of_the_largest(dtype):
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(100, 4)).astype(dtype)
    labels = generator.integers(0, 4, 100)
    wrong = np.mean(scores.argmax(axis=1) != labels)
    assert error_of(scores, labels) == pytest.approx(wrong, abs=1e-15)
    assert error_of(scores, np.eye(4, dtype=dtype)[labels]) == pytest.approx(wrong, abs=1e-15)


def test_it_is_exactly_0_where_all_are_right():
    labels = np.arange(57) % 3
    assert error_of(np.eye(3)[labels], labels) == 0


def test_equal_scores_are_as_wrong_as_a_draw_among_them():
    assert error_of(np.zeros((6, 3)), [0, 0, 1, 1, 2, 2]) == pytest.approx(2 / 3)
    assert error_of([[1.0, 1.0, 0.0]], [0]) == error_of([[1.0, 1.0, 0.0]], [1]) == 0.5
    assert error_of([[1.0, 1.0, 0.0]], [2]) == 1
    assert error_of([[1.0, 1.0, 0.0]], [[0.4, 0.4, 0.2]]) == 0.5


def test_a_score_that_is_no_number_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert error_of([[np.nan, 1.0], [0.0, 1.0]], [1, 1]) == 0.5


SEEDED = np.random.default_rng(0)
POINTS = SEEDED.normal(size=(60, 4))
Y = (POINTS[:, 0] > 0).astype(int) + (POINTS[:, 1] > 0.5)
QUIET = {"checks": False, "progress": False, "epochs": 2}


def scores(mlp, x):
    return fg.Graph(mlp(fg.Input("x", shape=("N", 4)))).fprop(x=x).outputs[0]


def test_classes_and_probabilities():
    mlp = fg.MLP([4, 5, 3], rng=0, dropout=0.5)
    given = [metrics.accuracy_score, metrics.log_loss, metrics.balanced_accuracy_score]
    history = fg.fit(mlp, (POINTS[:40], Y[:40]), (POINTS[40:], Y[40:]), metrics=given, **QUIET)
    assert history.best_epoch == 2
    f = scores(mlp, POINTS[40:])
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
    history = fg.fit(mlp, (POINTS, y), metrics=given, **QUIET)
    p = scores(mlp, POINTS)[:, -1]
    pairs = (p[y == 1][:, None] > p[y == 0]).mean()
    assert history.best.metrics["train_auc"] == pytest.approx(pairs)
    assert history.best.metrics["train_brier"] == pytest.approx(np.mean((p - y) ** 2))
    right = ((p > 0.5) & (y == 1)).sum()
    assert history.best.metrics["train_f1"] == pytest.approx(2 * right / ((p > 0.5).sum() + (y == 1).sum()))


def test_numbers_and_a_function_of_ones_own():
    mlp = fg.MLP([4, 5, 1], output="linear", rng=0)
    t = POINTS[:, 0] - POINTS[:, 1]
    history = fg.fit(
        mlp, (POINTS, t), metrics={"r2": metrics.r2_score, "worst": lambda y, f: np.abs(y - f).max()}, **QUIET
    )
    f = scores(mlp, POINTS)[:, 0]
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
        both.append(fg.fit(mlp, (POINTS, Y), callbacks=[Checkpoint(path)], **settings))
    assert both[1]["train_accuracy_score"][:2] == both[0]["train_accuracy_score"]
    assert len(both[1]["train_accuracy_score"]) == 4
    json.dumps(both[1].rows())


def test_what_is_no_metric_is_refused():
    for given, text in (
        ([3], r"found 'int': 3, needs functions of \(targets, predictions\)"),
        ([metrics.f1_score, metrics.f1_score], "found two of one name"),
    ):
        with pytest.raises(UsageError, match=text):
            fg.fit(fg.MLP([4, 3], rng=0), (POINTS, Y), metrics=given, **QUIET)
    x, w = fg.Input("x", shape=("N",)), fg.Parameter(0.0, name="w")
    with pytest.raises(UsageError, match="metrics: found 0 losses of examples in the objective"):
        fg.fit(fg.mean((x - w) ** 2), {"x": POINTS[:, 0]}, metrics=metrics.f1_score, **QUIET)
