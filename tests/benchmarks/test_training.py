"""The benchmark of training: the training by hand computes what fg.fit does, and what is called less accurate is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from benchmarks import training
from benchmarks.peers.trained_by_hand import trained


@given(
    classes=st.integers(2, 5), count=st.integers(1, 40), batch=st.integers(1, 45), hidden=st.integers(1, 6),
    seed=st.integers(0, 2**32), l2=st.sampled_from([0.0, 1e-3, 0.1]),
)  # fmt: skip
@settings(max_examples=15)
def test_the_training_by_hand_is_that_of_fit(classes, count, batch, hidden, seed, l2):
    """From the same first values and in the same order, with two classes by one sigmoid, with more by a softmax."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(count, 3)), rng.integers(0, classes, count)
    outputs = {"sizes": [3, hidden, 1 if classes == 2 else classes], "output": "sigmoid" if classes == 2 else "softmax"}
    mlp, labels = fg.MLP(**outputs, hidden="relu", rng=1), y.astype(float) if classes == 2 else y
    given_both = {"epochs": 3, "l2": l2, "seed": seed}
    found, objectives = trained(x, labels, [p.value for p in mlp.parameters], batch=batch, rate=0.01, **given_both)
    history = fg.fit(mlp, (x, labels), batch_size=batch, learning_rate=0.01, checks=False, progress=False, **given_both)
    assert objectives == pytest.approx(history["train_objective"], rel=1e-9, abs=1e-12)
    for value, parameter in zip(found, mlp.parameters, strict=True):
        np.testing.assert_allclose(value, parameter.value, rtol=1e-6, atol=1e-7)


@given(theirs=st.lists(st.integers(80, 100), min_size=3, max_size=12), below=st.integers(-20, 20))
def test_less_accurate_is_a_difference_that_all_seeds_show(theirs, below):
    """A constant difference says so by its sign; two sets are never each less accurate than the other."""
    accuracies = np.array(theirs) / 100
    assert training.is_less(accuracies - below / 100, accuracies) is (below > 0)
    turned = accuracies[::-1]
    assert not (training.is_less(accuracies, turned) and training.is_less(turned, accuracies))
