"""The benchmark of training: what is called less accurate is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from benchmarks import training


@given(theirs=st.lists(st.integers(80, 100), min_size=3, max_size=12), below=st.integers(-20, 20))
def test_less_accurate_is_a_difference_that_all_seeds_show(theirs, below):
    """A constant difference says so by its sign; two sets are never each less accurate than the other."""
    accuracies = np.array(theirs) / 100
    assert training.is_less(accuracies - below / 100, accuracies) is (below > 0)
    turned = accuracies[::-1]
    assert not (training.is_less(accuracies, turned) and training.is_less(turned, accuracies))
