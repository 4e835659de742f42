"""Runs: several outputs, updates, values that are dropped, batches, dtypes, what is fed."""

import numpy as np
import pytest

import flowgraph as fg
from tests.graph.test_graph import X


@pytest.fixture
def net():
    """A small network with a shared parameter."""
    x = fg.Input("x", shape=("N", 3))
    W = fg.Parameter(np.arange(9.0).reshape(3, 3) / 10, name="W")
    b = fg.Parameter(np.array([0.1, -0.2, 0.3]), name="b")
    h = np.tanh(x @ W + b)
    loss = fg.mean(np.tanh(h @ W) * h)
    return fg.Graph(loss)


def test_several_outputs():
    w = fg.Parameter([1.0, 2.0], name="w")
    square, total = w * w, fg.sum(w)
    run = fg.Graph(square, total).fprop()
    np.testing.assert_array_equal(run.outputs[0], [1.0, 4.0])
    assert run.outputs[1] == 3.0
    np.testing.assert_array_equal(run.bprop(grad=([1.0, 10.0], 5.0))[w], [7.0, 45.0])
    scalars = fg.Graph(total, fg.sum(square), total).fprop()
    np.testing.assert_array_equal(scalars.bprop()[w], [4.0, 6.0])


def test_update_computes_descendants_only():
    calls = []

    class Counted(fg.Elementwise):
        tag: str

        def fprop(self, a):
            calls.append(self.tag)
            return a * 2.0

    a, b = fg.Parameter([1.0], name="a"), fg.Parameter([10.0], name="b")
    left, right = Counted(a, tag="left"), Counted(b, tag="right")
    graph = fg.Graph(fg.sum(left + right))
    calls.clear()
    run = graph.fprop()
    assert calls == ["left", "right"]
    second = run.update(b=[20.0])
    assert calls == ["left", "right", "right"]
    assert float(run) == 22.0
    assert float(second) == 42.0
    assert second[b] == [20.0]
    np.testing.assert_array_equal(b.value, [10.0])
    assert second.bprop()[b] == [2.0]
    assert float(run.update()) == 22.0


def test_update_equals_a_new_run(net):
    new = np.ones((3, 3))
    updated = net.fprop(x=X).update({net["W"]: new})
    fresh = net.fprop(x=X, W=new)
    for box in net:
        assert np.array_equal(updated[box], fresh[box])
    assert np.array_equal(updated.bprop()["W"], fresh.bprop()["W"])


def test_values_are_dropped_when_no_later_box_reads_them(net):
    run = net.fprop(x=X, keep="outputs")
    assert float(run) == float(net.fprop(x=X))
    assert run._values.count(None) > len(net) // 2
    kept = net.fprop(x=X, keep=["tanh"])
    np.testing.assert_array_equal(kept["tanh"], net.fprop(x=X)["tanh"])


@pytest.mark.parametrize("batch", [0, 1, 2, 7])
def test_one_graph_serves_every_batch_size(batch):
    x = fg.Input("x", shape=("N", 3))
    W = fg.Parameter(np.ones((3, 2)), name="W")
    graph = fg.Graph(fg.sum(np.tanh(x @ W)))
    rows = np.linspace(-1, 1, 3 * batch).reshape(batch, 3)
    with fg.debug():
        grads = graph.fprop(x=rows).bprop()
    np.testing.assert_allclose(grads[W], rows.T @ (1 - np.tanh(rows @ np.ones((3, 2))) ** 2), atol=1e-15)


def test_float32_stays_float32():
    x = fg.Input("x", shape=("N", 3), dtype=np.float32)
    W = fg.Parameter(np.ones((3, 2), np.float32), name="W")
    h = np.tanh(2 * x @ W + 0.5) ** 2 / 3 - 1
    loss = fg.mean(np.where(h > 0, h, 0))
    graph = fg.Graph(loss)
    assert {box.dtype for box in graph} == {np.dtype(np.float32), np.dtype(bool)}
    run = graph.fprop(x=X.astype(np.float32))
    assert run[loss].dtype == np.float32
    assert all(g.dtype == np.float32 for g in run.bprop(keep="all").values())


def test_mixed_dtypes_give_each_child_a_gradient_of_its_own_dtype():
    a = fg.Parameter(np.ones(3, np.float32), name="a")
    b = fg.Parameter(np.ones(3), name="b")
    grads = fg.Graph(fg.sum(a * b)).fprop().bprop()
    assert grads[a].dtype == np.float32
    assert grads[b].dtype == np.float64


def test_integers_and_masks():
    x = fg.Input("x", shape=("N", 3))
    mask = fg.Input("mask", shape=("N",), dtype=bool)
    y = fg.Input("y", shape=("N",), dtype=int)
    loss = fg.sum(np.where(mask, np.take_along_axis(x, y[:, None], 1)[:, 0], 0.0))
    grads = fg.Graph(loss).fprop(x=X, mask=[True, False], y=[2, 0]).bprop(wrt=[x])
    np.testing.assert_array_equal(grads[x], [[0, 0, 1], [0, 0, 0]])


def test_a_python_list_of_integers_becomes_floats_where_floats_are_needed():
    x = fg.Input("x", shape=(2,))
    assert fg.Graph(x * 2).fprop(x=[1, 2]).outputs[0].tolist() == [2.0, 4.0]


def test_what_is_fed_is_copied_and_results_are_read_only(net):
    fed = X.copy()
    run = net.fprop(x=fed)
    before = run.bprop()["W"].copy()
    fed[...] = 99.0
    assert np.array_equal(run.bprop()["W"], before)
    assert not np.shares_memory(fed, run["x"])
    for array in (run["x"], run["tanh"], run.bprop()["W"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0
    x = fg.Input("x", shape=(2,))
    assert not np.shares_memory(fg.Graph(x).fprop(x=(given := np.ones(2)))[x], given)


def test_a_parameter_changed_between_fprop_and_bprop_changes_nothing():
    w = fg.Parameter([1.0, 2.0], name="w")
    run = fg.Graph(fg.sum(w * w)).fprop()
    w.value = [5.0, 5.0]
    np.testing.assert_array_equal(run.bprop()[w], [2.0, 4.0])
    np.testing.assert_array_equal(fg.Graph(fg.sum(w * w)).fprop().bprop()[w], [10.0, 10.0])
