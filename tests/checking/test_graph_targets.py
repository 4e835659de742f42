"""fg.check of graphs and of functions: who is wrong is named in one pass."""

import numpy as np
import pytest

import flowgraph as fg
from tests.registry import unregister


def net(unit, dtype=float):
    rng = np.random.default_rng(0)
    x = fg.Input("x", shape=("N", 4), dtype=dtype)
    y = fg.Input("y", shape=("N",), dtype=int)
    h = x
    for k, (n, m) in enumerate([(4, 6), (6, 6), (6, 3)]):
        weights = fg.Parameter(rng.normal(size=(n, m)).astype(dtype), name=f"layer{k}/W")
        a = (h @ weights + fg.Parameter(np.zeros(m, dtype), name=f"layer{k}/b")).named(f"a{k}")
        h = unit(a).named(f"h{k}") if k < 2 else a
    return fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(h, y)) + 0.01 * fg.L2(weights))


DATA = {"x": np.random.default_rng(1).normal(size=(5, 4)), "y": np.array([0, 2, 1, 1, 0])}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_right_graph_passes(dtype):
    report = fg.check(net(np.tanh, dtype), **DATA, order=2)
    assert report.passed, report
    assert report.weak == 0


@unregister
class Forgets(fg.Elementwise):
    def fprop(self, a):
        return np.tanh(a)

    def bprop(self, grad, h, a):
        return (grad * (1 - h),)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_graph_names_the_box_and_the_child(dtype):
    report = fg.check(net(Forgets, dtype), {"x": DATA["x"]}, y=DATA["y"])
    assert {(f.box, f.child) for f in report.failures} == {("Forgets 'h0'", "a"), ("Forgets 'h1'", "a")}
    assert "graph: FAIL" in str(report)


def test_a_late_parameter_costs_little():
    calls = []

    class Counts(fg.Elementwise):
        def fprop(self, a):
            calls.append(1)
            return np.tanh(a)

        def bprop(self, grad, h, a):
            return (grad * (1 - h * h),)

    early, late = fg.Parameter(np.array(0.5), name="early"), fg.Parameter(np.ones(40), name="late")
    box = early
    for _ in range(30):
        box = Counts(box)
    report = fg.check(fg.Graph(fg.sum(box * late)))
    assert report.passed
    assert len(calls) < 30 * report.evaluations / 2


def test_a_graph_wrong_only_as_a_whole():
    class Stale(fg.Elementwise):
        """Right by itself, unless another box of its class was run since."""

        latest = {}

        def fprop(self, a):
            self.latest["a"] = a
            return a * a

        def bprop(self, grad, h, a):
            seen = self.latest["a"]
            return (2 * (seen if np.shape(seen) == np.shape(a) else a) * grad,)

    w = fg.Parameter(np.array([0.5, 1.5]), name="w")
    report = fg.check(fg.Graph(fg.sum(Stale(Stale(w)))))
    assert report.verdict == "fail"


def test_a_function_written_in_numpy():
    def loss(x, w, axis=0, power=2.0):
        return np.sum(np.abs(np.tanh(x @ w)) ** power, axis=axis)

    x, w = DATA["x"], np.random.default_rng(2).normal(size=(4, 3))
    report = fg.check(loss, x, w, 1, order=2, budget=4000)
    assert report.passed, report
    assert report.name.endswith("loss")


def test_a_function_that_uses_a_wrong_box_names_it():
    report = fg.check(lambda x, w: np.sum(Forgets.apply(x @ w)), DATA["x"], np.ones((4, 2)))
    assert {failure.box for failure in report.failures} == {"Forgets 'forgets'"}


def test_a_function_that_leaves_the_graph_is_refused():
    with pytest.raises(fg.FlowgraphError, match="leaves the graph"):
        fg.check(lambda x: np.ones(3), DATA["x"])
