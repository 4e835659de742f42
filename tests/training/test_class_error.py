"""The error that is watched for classes: the share of wrong ones, where equal scores count as a draw."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.training import Problem


def error_of(scores, targets):
    scores, targets = np.asarray(scores), np.asarray(targets)
    a = fg.Input("a", shape=scores.shape, dtype=scores.dtype)
    t = fg.Input("t", shape=targets.shape, dtype=targets.dtype)
    w = fg.Parameter(1.0, name="w", dtype=scores.dtype)
    error = Problem(fg.mean(fg.SoftmaxCrossEntropy(a * w, t))).error
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
