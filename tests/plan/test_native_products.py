"""Matrix products of native plans: by NumPy's own BLAS, and added to new values in their memory."""

import importlib.util

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan.numba import blocks
from tests.plan.agreement import assert_agree
from tests.plan.native_in_python import is_native

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_all_transposes(dtype):
    a, b, c, d = (
        fg.Input(name, shape=shape, dtype=dtype)
        for name, shape in (("a", (30, 40)), ("b", (40, 20)), ("c", (40, 30)), ("d", (20, 40)))
    )
    boxes = [left @ right for left in (a, c.T) for right in (b, d.T)]
    plan = fg.compile(boxes, backend="numba")
    rng = np.random.default_rng(0)
    values = {box: rng.normal(size=box.shape).astype(dtype) for box in (a, b, c, d)}
    for one, other in zip(plan(values), fg.Graph(*boxes).fprop(values).outputs, strict=True):
        assert_agree(one, other, plan.source)
    assert is_native(plan)
    assert plan.source.count("    product(addresses") == 4, plan.source


def update(kept=False, shared=False):
    """A weight with decay whose change is a large product; its value may be kept, or its decay read twice."""
    x, g = fg.Input("x", shape=(25, 40)), fg.Input("g", shape=(25, 30))
    w = fg.Parameter(np.random.default_rng(1).normal(size=(40, 30)), name="w")
    decayed = 0.5 * w
    new = decayed + x.T @ g
    outputs = [fg.sum(w * w)] + [new] * kept + [np.max(decayed)] * shared
    return outputs, w, new


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_a_product_is_added_to_a_new_value_that_nobody_else_reads(interpreted, kept, shared):
    outputs, w, new = update(kept, shared)
    graph = fg.Graph(*outputs, new)
    step = fg.compile(outputs, updates={w: new}, backend="numba")
    rng = np.random.default_rng(2)
    for _ in range(3):
        feeds = {"x": rng.normal(size=(25, 40)), "g": rng.normal(size=(25, 30))}
        run = graph.fprop(feeds)
        found = step(feeds)
        for one, box in zip(found, outputs, strict=True):
            assert_agree(one, run[box], step.source, 10)
        assert_agree(w.value, run[new], step.source, 10)
    assert is_native(step)
    assert ("add_product(" in step.source) == (not kept and not shared), step.source


def test_a_small_product_is_a_loop(interpreted):
    _, w, new = update()
    step = fg.compile([fg.sum(w)], updates={w: new}, backend="numba")
    step(x=np.ones((25, 40)), g=np.ones((25, 30)))
    assert "add_product(" in step.source
    x, g = fg.Input("x", shape=(2, 4)), fg.Input("g", shape=(2, 3))
    w = fg.Parameter(np.ones((4, 3)), name="w")
    step = fg.compile([fg.sum(w)], updates={w: 0.5 * w + x.T @ g}, backend="numba")
    step(x=np.ones((2, 4)), g=np.ones((2, 3)))
    assert "product(addresses" not in step.source
    np.testing.assert_array_equal(w.value, 2.5)


def test_without_a_blas_of_its_own_numpy_multiplies_and_numba_compiles_the_rest(monkeypatch, interpreted):
    monkeypatch.setattr(blocks, "routine", lambda dtype: None)
    _, w, new = update()
    wanted = np.tanh(w * 2) + 1
    expected = fg.Graph(new, wanted).fprop(x=np.ones((25, 40)), g=np.ones((25, 30)))
    step = fg.compile([wanted], updates={w: new}, backend="numba")
    assert_agree(step(x=np.ones((25, 40)), g=np.ones((25, 30)))[0], expected[wanted], step.source)
    assert "is a large product, for which no BLAS was found" in repr(step)
    assert_agree(w.value, expected[new], step.source, 25)


def stacks(dtype):
    """Products of stacks of matrices, and the loops that stay where BLAS does not take them as they lie."""
    shapes = {"a": (3, 2, 20, 16), "b": (3, 2, 16, 12), "heads": (3, 20, 2, 16), "w": (16, 12), "v": (12, 16)}
    a, b, heads, w, v = (fg.Input(name, shape=shape, dtype=dtype) for name, shape in shapes.items())
    turned = heads.transpose(0, 2, 1, 3)
    yield "stacks", a @ b, True
    yield "turned", turned @ a.transpose(0, 1, 3, 2), True
    yield "one for all", a @ w, True
    yield "its transpose", a @ v.T, True
    yield "a stack of one", a @ b[:1, :1], True
    yield "fewer axes", a @ b[0], True
    yield "sections", a[:, :, 4:] @ b[:, :, :, 2:], True
    yield "every second column", a @ b[..., ::2], False
    yield "backwards", a[:, :, ::-1] @ b, False
    yield "repeated rows", np.broadcast_to(a[:, :, :1], a.shape) @ b, None
    yield "small", a[:, :, :2, :2] @ b[:, :, :2, :2], False
    yield "a vector", a @ w[:, 0], None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("run_by", ["Python", "Numba"])
def test_products_of_stacks(request, run_by, dtype):
    if run_by == "Python":
        request.getfixturevalue("interpreted")
    rng = np.random.default_rng(0)
    listed = list(stacks(dtype))
    if run_by == "Numba":
        boxes = [box for _, box, _ in listed]
        plans = [(fg.compile(boxes, backend="numba"), boxes, None)]
    else:
        plans = [(fg.compile([box], backend="numba"), [box], by_blas) for _, box, by_blas in listed]
    for plan, boxes, by_blas in plans:
        feeds = {box.name: rng.normal(size=box.shape).astype(dtype) for box in fg.Graph(*boxes).inputs}
        for one, other in zip(plan(feeds), fg.Graph(*boxes).fprop(feeds).outputs, strict=True):
            assert_agree(one, other, plan.source, 10)
        assert is_native(plan)
        if by_blas is not None:
            assert (" product(" in plan.source) == by_blas, plan.source
