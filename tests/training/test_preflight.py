"""Checks before training: each passes on what is right, fails on what is wrong, and says what to do."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.training import PreflightError, PreflightWarning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5))
Y = (X[:, 0] > 0) + (X[:, 1] > 0).astype(int)


def failed(report):
    """The names of the checks that failed."""
    return [finding.check for finding in report.findings if not finding.passed]


@pytest.mark.parametrize("hidden", ["tanh", "relu", "sigmoid", "elu", "linear"])
@pytest.mark.parametrize("sizes", [[5, 20, 3], [5, 30, 20, 10, 3], [5, 3]])
def test_what_is_right_passes(hidden, sizes):
    report = fg.preflight(fg.MLP(sizes, hidden=hidden, rng=0), (X, Y))
    assert report.passed, str(report)


@pytest.mark.parametrize(
    ("settings", "targets"),
    [({"output": "sigmoid"}, (Y > 0).astype(float)), ({"output": "linear"}, X[:, 0] ** 2), ({"dropout": 0.5}, Y)],
)
def test_other_losses_and_dropout_pass(settings, targets):
    outputs = 3 if targets is Y else 1
    report = fg.preflight(fg.MLP([5, 20, outputs], rng=0, **settings), (X, targets))
    assert report.passed, str(report)


def test_a_trained_model_passes():
    mlp = fg.MLP([5, 20, 3], rng=0)
    fg.fit(mlp, (X, Y), epochs=30, learning_rate=0.03)
    assert fg.preflight(mlp, (X, Y)).passed


def test_the_parameters_are_left_alone():
    mlp = fg.MLP([5, 20, 3], rng=0, dropout=0.2)
    before = [parameter.value.copy() for parameter in mlp.parameters]
    fg.preflight(mlp, (X, Y))
    assert all(np.array_equal(p.value, value) for p, value in zip(mlp.parameters, before, strict=True))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_row_and_column(bad):
    broken = X.copy()
    broken[7, 3] = bad
    with pytest.raises(PreflightError, match=rf"data: {bad} in 'x' at row 7, column 3; remove the example or fill in"):
        fg.fit(fg.MLP([5, 4, 3], rng=0), (broken, Y), epochs=1)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range_are_refused_with_their_row(label):
    broken = Y.copy()
    broken[11] = label
    with pytest.raises(
        PreflightError, match=rf"label {label} in 'y' at row 11, but the model has 3 outputs; labels go"
    ):
        fg.fit(fg.MLP([5, 4, 3], rng=0), (X, broken), epochs=1)


def test_validation_data_are_looked_at_too():
    broken = X.copy()
    broken[2, 1] = np.nan
    with pytest.raises(PreflightError, match=r"validation data: nan in 'x' at row 2, column 1; remove the example"):
        fg.fit(fg.MLP([5, 4, 3], rng=0), (X, Y), (broken, Y), epochs=1)
    with pytest.raises(PreflightError, match=r"validation data: label 7 in 'y' at row 0, but the model has 3 outputs"):
        fg.fit(fg.MLP([5, 4, 3], rng=0), (X, Y), (X[:3], [7, 0, 1]), epochs=1)
    fg.fit(fg.MLP([5, 20, 3], rng=0), (X, Y), (X[:3], [0, 0, 0]), epochs=1, progress=False)


def test_classes_without_examples_are_told():
    with pytest.warns(
        PreflightWarning, match=r"no example of class 3, 4 in 'y'; split the data .*\(checks=False trains"
    ):
        fg.fit(fg.MLP([5, 20, 5], rng=0), (X, Y), epochs=1)
    with pytest.warns(PreflightWarning, match=r"every label in 'y' is 0; there is nothing to tell apart"):
        fg.fit(fg.MLP([5, 20, 3], rng=0), (X, Y * 0), epochs=1)


def test_a_start_far_above_chance_is_told():
    report = fg.preflight(fg.MLP([5, 20, 3], rng=0, init=lambda i, o, rng, dtype: rng.normal(size=(i, o)) * 50), (X, Y))
    assert failed(report) == ["loss at the start", "units"]
    assert "where chance gives log 3 = 1.1; the model is sure of wrong answers; scale the inputs" in str(report)
    assert "saturated" in str(report)


def test_dead_units_are_told():
    mlp = fg.MLP([5, 20, 3], hidden="relu", rng=0)
    mlp.biases[0].value = np.full(20, -50.0)
    report = fg.preflight(mlp, (X, Y))
    assert "units" in failed(report)
    assert "100% of the units of 'layer1/h' are dead: their slope is 0; scale the inputs" in str(report)


def test_what_cannot_be_learnt_by_heart_is_told():
    """Inputs that say nothing: the same for every example."""
    report = fg.preflight(fg.MLP([5, 20, 3], rng=0), (np.ones_like(X), Y))
    assert failed(report) == ["the model can overfit a few examples"]
    assert "in 310 steps of Adam; look for labels that do not belong to their examples" in str(report)


def test_a_gradient_that_is_not_finite_is_refused_by_the_box_that_made_it():
    x, y = fg.Input("x", shape=("N",)), fg.Input("y", shape=("N",))
    w = fg.Parameter(0.0, name="w")
    loss = fg.mean((np.sqrt(w * x) - y) ** 2)
    with (
        np.errstate(all="ignore"),
        pytest.raises(PreflightError, match=r"gradients: that of 'w' is not finite; .*Sqrt"),
    ):
        fg.fit(loss, {"x": np.ones(4), "y": np.ones(4)}, epochs=1)


def test_checks_can_be_left_out():
    fg.fit(fg.MLP([5, 20, 5], rng=0), (X, Y), epochs=1, checks=False)
