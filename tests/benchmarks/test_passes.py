"""The benchmark of the passes: every pass has a step that it changes, and a step without it computes the same."""

import re

import numpy as np
import pytest

from benchmarks import thresholds
from benchmarks.peers.networks import STEPS
from flowgraph.plan import PASSES

SMALL = ("MLP 1: 64-32-10", "momentum 32: 64-64-10", "attention", "LSTM", "LeNet", "LeNet ReLU")
SEEN = {
    "batch_one": "MLP 1: 64-32-10",
    "accumulation": "MLP 1024: 1024-1024-1024-10",
    "pooling": "LeNet ReLU",
    "repeated": "lookups 10000x32",
    "slices": "LSTM",
    "sparse_rows": "lookups 10000x32",
}
"""Steps in which passes have something to do that have nothing to do in an MLP."""


@pytest.mark.parametrize("name", PASSES)
def test_every_pass_changes_a_step_that_is_measured(name):
    step = STEPS[SEEN.get(name, "momentum 32: 64-64-10")]
    sources = []
    for without in ((), (name,)):
        plan, call = step("float32", without=without)
        call()
        sources.append(plan.source)
    assert sources[0] != sources[1]


@pytest.mark.parametrize("name", SMALL)
def test_no_pass_computes_a_product_twice(name):
    products = []
    for without in ((), ("scales",), ("scalars",), ("constants",)):
        plan, call = STEPS[name]("float32", without=without)
        call()
        products.append(len(re.findall(r"\bmatmul\(|\.dot\(", plan.source)))
    assert products[0] <= min(products)


@pytest.mark.parametrize("name", SMALL)
def test_a_step_without_passes_computes_the_same(name):
    losses = []
    for without in ((), PASSES):
        _, call = STEPS[name]("float64", without=without)
        losses.append([float(call()[0]) for _ in range(3)])
    assert losses[0][2] < losses[0][0]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)


def test_the_lines_on_both_sides_of_a_threshold_give_the_same():
    for experiment in thresholds.EXPERIMENTS:
        assert len(list(experiment.sizes)) > 1
        below, above = experiment.lines(experiment.sizes[0])
        found = [call() for call in (below, above)]
        if found[0] is not None and np.shape(found[0]) == np.shape(found[1]):
            np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5, err_msg=experiment.title)
