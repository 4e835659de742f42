"""Whole graphs drawn by Hypothesis: the plan of loss, gradients and updates gives the numbers of the graph."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.checking.strategies import graphs
from flowgraph.plan import PASSES
from tests.plan.agreement import assert_agree


def largest(run):
    """The largest finite number that the run has seen: rounding errors are in units of its last place."""
    values = [np.abs(np.asarray(run[box])) for box in run.graph if np.asarray(run[box]).dtype.kind in "fc"]
    return max((float(np.max(v[np.isfinite(v)], initial=0)) for v in values), default=0.0)


def wanted(graph):
    """The loss, its gradients, and parameters a step of gradient descent further."""
    (loss,) = graph.outputs
    grads = fg.gradient(loss, graph.parameters)
    rate = fg.Input("rate")
    new = {p: (p - rate * g).astype(p.dtype) for p, g in zip(graph.parameters, grads, strict=True)}
    return loss, grads, new


def compare(graph, without):
    loss, grads, new = wanted(graph)
    whole = fg.Graph(loss, *grads, *new.values())
    run = whole.fprop(rate=0.125)
    assume(all(np.isfinite(np.asarray(value)).all() for value in run.outputs))
    scale = largest(run)
    assume(scale < 1e6)  # a sum in another order loses digits in proportion to its largest term
    eps = max(float(np.finfo(box.dtype).eps) for box in whole if box.dtype.kind in "fc")
    before = {p: p.value for p in graph.parameters}
    step = fg.compile([loss, *grads], updates=new, without=without)
    found = step(rate=0.125)
    for place, (one, other) in enumerate(zip(found, run.outputs, strict=False)):
        assert_agree(one, other, f"output {place}\n{step.source}", scale, eps)
    for parameter, box in new.items():
        assert_agree(parameter.value, run[box], f"new value of {parameter.title}\n{step.source}", scale, eps)
    for parameter, value in before.items():
        parameter.value = value
    again = step(rate=0.125)
    for one, other in zip(found, again, strict=True):
        assert np.array_equal(one, other, equal_nan=True), "a second run from the same values gives other bits"


@given(graphs(dtypes=(np.float32, np.float64)))
def test_all_passes(graph):
    compare(graph, ())


@pytest.mark.parametrize("off", PASSES)
@settings(max_examples=settings().max_examples // 10)
@given(graph=graphs())
def test_each_pass_off(off, graph):
    compare(graph, (off,))


@given(graphs(), st.sets(st.sampled_from(PASSES)))
def test_any_passes_off(graph, off):
    compare(graph, tuple(off))
