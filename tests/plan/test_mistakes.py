"""What a plan refuses, and names that a plan has to keep apart."""

import numpy as np
import pytest

import flowgraph as fg
from tests.plan.agreement import assert_agree
from tests.plan.test_plan import batch, network


@pytest.mark.parametrize("backend", ["numpy", "numba", "jax"])
@pytest.mark.parametrize("count", [1, 8])
def test_a_label_outside_the_classes_is_refused_and_nothing_changes(count, backend, interpreted):
    mlp, loss, _, updates = network()
    step = fg.compile([loss], updates=updates, backend=backend)
    before = [p.value for p in mlp.parameters]
    for wrong in (3, -1):
        feeds = batch(count)
        feeds["y"][-1] = wrong
        named = rf"SoftmaxCrossEntropy.*label {wrong} at index {count - 1}, needs 0 to 2"
        with pytest.raises(fg.FlowgraphError, match=named):
            step(**feeds, rate=0.1)
    for p, value in zip(mlp.parameters, before, strict=True):
        np.testing.assert_array_equal(p.value, value)
    assert isinstance(step(**batch(count), rate=0.1)[0], np.float64)
    assert not any(np.array_equal(p.value, value) for p, value in zip(mlp.parameters, before, strict=True))


def test_mistakes_of_calls():
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",))
    plan = fg.compile(fg.sum(x) + fg.sum(y))
    with pytest.raises(fg.FlowgraphError, match="needs the input 'y'; it is called with x, y"):
        plan(x=np.ones((3, 2)))
    with pytest.raises(fg.FlowgraphError, match="found 'z', which is none of its inputs x, y"):
        plan(x=np.ones((3, 2)), y=np.ones(3), z=1)
    with pytest.raises(fg.FlowgraphError, match="found 3 arrays, needs 2: x, y"):
        plan(np.ones((3, 2)), np.ones(3), np.ones(3))
    with pytest.raises(fg.FlowgraphError, match="found the input 'x' by position and by name, needs it once"):
        plan(np.ones((3, 2)), x=np.ones((3, 2)))
    with pytest.raises(fg.ShapeError, match=r"y: found the shape \(4,\), needs \(N,\), and N = 3 in 'x'"):
        plan(x=np.ones((3, 2)), y=np.ones(4))
    with pytest.raises(fg.ShapeError, match=r"x: found the shape \(3,\), needs \(N, 2\)"):
        plan(x=np.ones(3), y=np.ones(3))
    with pytest.raises(fg.FlowgraphError, match="found dtype complex128, needs float64"):
        plan(x=np.ones((3, 2)) * 1j, y=np.ones(3))
    with pytest.raises(fg.FlowgraphError, match="have sizes with names; run it once, or compile it for arrays"):
        _ = plan.source
    assert "def step(x, y):" in plan.prepare(x=np.ones((3, 2)), y=np.ones(3)).source


def test_mistakes_of_compile():
    x, w = fg.Input("x", shape=(2,)), fg.Parameter([1.0, 2.0], name="w")
    with pytest.raises(fg.FlowgraphError, match="found no output and no update"):
        fg.compile([])
    with pytest.raises(fg.FlowgraphError, match="found int as an output, needs boxes"):
        fg.compile([3])
    with pytest.raises(fg.FlowgraphError, match="among updates, needs parameters"):
        fg.compile([x], updates={x: x})
    with pytest.raises(fg.FlowgraphError, match=r"found a new value of shape \(\) for Parameter 'w', needs \(2,\)"):
        fg.compile([], updates={w: fg.sum(w)})
    with pytest.raises(fg.FlowgraphError, match="found a new value of dtype float32 for Parameter 'w', needs float64"):
        fg.compile([], updates={w: w.astype(np.float32)})
    with pytest.raises(fg.FlowgraphError, match="inputs= leaves out 'x', which the outputs read"):
        fg.compile(x, inputs=[])
    with pytest.raises(fg.FlowgraphError, match="found without='scale', needs some of common, constants"):
        fg.compile(x, without=["scale"])


def test_names_that_would_clash_with_those_of_a_plan():
    names = [
        "m1",
        "add",
        "t1",
        "rows",
        "check_labels",
        "one",
        "step",
        "class",
        "a b",
        "ones",
        "spare_w",
        "new_w",
        "x_T",
        "I₀",
        "I0",
        "x²",
        "if",
    ]
    inputs = [fg.Input(name, shape=(3, 3)) for name in names]
    w = fg.Parameter(np.ones((3, 3)), name="w")
    total = inputs[0]
    for one in inputs[1:]:
        total = np.tanh(total) @ one.T + one
    values = {name: np.random.default_rng(i).normal(size=(3, 3)) for i, name in enumerate(names)}
    plan = fg.compile([total], updates={w: w + total})
    expected = fg.Graph(total).fprop(values)[total]
    assert_agree(plan(values)[0], expected, plan.source, 10)
    assert_agree(w.value, 1 + expected, plan.source, 10)
