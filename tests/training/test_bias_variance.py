"""Bias and variance against ridge regression, where both have a closed form, and what they are made of."""

import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DataError, UsageError
from flowgraph.training import bias_variance

RNG = np.random.default_rng(0)
DESIGN = RNG.normal(size=(25, 3))
WEIGHTS, SIGMA = np.array([1.0, -2.0, 0.5]), 0.7
POINTS = RNG.normal(size=(40, 3))
STRENGTHS = (0.0, 0.3, 2.0)


def draw(generator):
    """The same inputs with new noise: the case in which both parts have a closed form."""
    return DESIGN, DESIGN @ WEIGHTS + generator.normal(0, SIGMA, len(DESIGN))


def closed_form(strength):
    """Of ridge regression, which minimises mean squared error + strength · ‖w‖²."""
    gram = DESIGN.T @ DESIGN / len(DESIGN)
    shrink = np.linalg.inv(gram + strength * np.eye(3))
    squared_bias = np.mean((POINTS @ (shrink @ gram - np.eye(3)) @ WEIGHTS) ** 2)
    covariance = SIGMA**2 / len(DESIGN) * shrink @ gram @ shrink
    return squared_bias, np.mean(np.einsum("ni,ij,nj->n", POINTS, covariance, POINTS))


def newton(X, y, strength, seed):
    """The minimum of the objective as a graph, by Newton's method: exact in one step."""
    x, t, w = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",)), fg.Parameter(np.zeros(3), name="w")
    fg.newton(fg.mean((x @ w - t) ** 2) + strength * fg.L2(w), {"x": X, "y": y})
    return lambda points: points @ w.value


@pytest.fixture(scope="module")
def ridge():
    return bias_variance(newton, STRENGTHS, draw, POINTS, POINTS @ WEIGHTS, noise=SIGMA**2, training_sets=60)


def test_against_the_closed_form(ridge):
    for row in ridge:
        squared_bias, variance = closed_form(row.setting)
        assert abs(row.squared_bias - squared_bias) < 4 * row.uncertainty["squared_bias"] + 1e-9
        assert abs(row.variance - variance) < 4 * row.uncertainty["variance"]
        assert row.uncertainty["variance"] < variance / 3, "a test that could not fail"
        assert row.expected_error == row.squared_bias + row.variance + SIGMA**2


def test_the_estimates_are_unbiased():
    """With few training sets, the mean over many repetitions is the closed form, though each repetition is rough."""

    def least_squares(X, y, strength, seed):
        w = np.linalg.solve(X.T @ X / len(X) + strength * np.eye(3), X.T @ y / len(X))
        return lambda points: points @ w

    found = [
        bias_variance(least_squares, [2.0], draw, POINTS, POINTS @ WEIGHTS, training_sets=3, seed=seed).rows[0]
        for seed in range(400)
    ]
    for part, needed in zip(("squared_bias", "variance"), closed_form(2.0), strict=True):
        values = [getattr(row, part) for row in found]
        assert abs(np.mean(values) - needed) < 4 * np.std(values) / 20, part


def test_the_uncertainty_is_the_spread_between_repetitions():
    def mean_of_targets(X, y, setting, seed):
        return lambda points: np.full(len(points), y.mean())

    runs = [
        bias_variance(mean_of_targets, [0], draw, POINTS, POINTS @ WEIGHTS, training_sets=30, seed=seed).rows[0]
        for seed in range(100)
    ]
    for part in ("squared_bias", "variance", "error"):
        spread = np.std([getattr(run, part) for run in runs])
        assert np.mean([run.uncertainty[part] for run in runs]) == pytest.approx(spread, rel=0.25), part


def test_a_training_set_is_drawn_from_with_replacement():
    seen = []

    def fit(X, y, setting, seed):
        seen.append(X[:, 0].tolist())
        return lambda points: np.eye(2)[[0, 1]]

    X = np.arange(20.0)[:, None]
    bias_variance(fit, ["a", "b"], (X, np.zeros(20)), X[:2], np.eye(2), training_sets=4)
    assert seen[:4] == seen[4:], "every setting sees the same training sets"
    assert len({tuple(one) for one in seen[:4]}) == 4
    assert all(len(one) == 20 and len(set(one)) < 20 for one in seen)


def test_tables_and_pictures(ridge, tmp_path):
    lines = str(ridge).splitlines()
    assert re.split(r"\s{2,}", lines[0].strip()) == ["setting", "bias²", "variance", "squared error"]
    assert sum("* best" in line for line in lines) == 1
    assert lines[-1] == "60 training sets"
    svg = ridge.plot(tmp_path / "curve.svg", label="λ").read_text()
    assert all(word in svg for word in ("squared bias", "variance", "error", "λ"))
    assert ridge.plot(tmp_path / "curve.png", log=True).stat().st_size > 1000
    with pytest.raises(UsageError, match="needs a name that ends in"):
        ridge.plot(tmp_path / "curve.txt")


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"settings": []}, UsageError, "found no setting"),
        ({"training_sets": 2}, UsageError, "found training_sets=2"),
        ({"noise": -1.0}, UsageError, "found noise=-1"),
        ({"training": (np.zeros((3, 3)), np.zeros(2))}, DataError, "found 3 inputs and 2 targets"),
        (
            {"truth": np.zeros(3)},
            UsageError,
            r"found predictions of shape \(40,\) for the setting 0.3, but the",
        ),
        ({"fit": lambda *_: lambda x: x[:, 0] / 0}, UsageError, "found predictions that are not finite"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, error, text):
    given = {"fit": newton, "settings": [0.3], "training": draw, "x": POINTS, "truth": POINTS @ WEIGHTS} | settings
    with np.errstate(all="ignore"), pytest.raises(error, match=text):
        bias_variance(**given)
