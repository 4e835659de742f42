"""Products added to what a buffer holds: the routine of BLAS, and what stands in for it."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan import blas
from flowgraph.plan.passes import products
from tests.plan.agreement import assert_agree
from tests.plan.test_plan import batch, network, steps_by_hand

LAYOUTS = {
    "rows": lambda a: a,
    "columns": np.asfortranarray,
    "transposed": lambda a: a.T.copy().T,
    "gaps": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
def test_sums_of_products_in_every_layout(dtype, left, right):
    rng = np.random.default_rng(0)
    for rows, between, columns in ((3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1), (3, 0, 2)):
        a = LAYOUTS[left](rng.normal(size=(rows, between)).astype(dtype))
        b = LAYOUTS[right](rng.normal(size=(between, columns)).astype(dtype))
        out = rng.normal(size=(rows, columns)).astype(dtype)
        expected = out + a @ b
        blas.accumulator(out)(a, b)
        assert_agree(out, expected, "", 10)


def test_the_routine_is_found_and_right_on_this_machine():
    if "openblas" not in np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]:
        pytest.skip("NumPy of this machine is built on another BLAS than OpenBLAS")
    assert blas.routine(np.dtype(np.float32)) is not None
    assert blas.routine(np.dtype(np.float64)) is not None
    assert blas.routine(np.dtype(np.float16)) is None


def test_a_routine_that_multiplies_wrongly_is_not_believed(monkeypatch):
    monkeypatch.setattr(blas, "_is_right", lambda gemm, dtype: False)
    blas.routine.cache_clear()
    try:
        assert blas.routine(np.dtype(np.float64)) is None
        out = np.ones((2, 2))
        blas.accumulator(out)(np.eye(2), np.eye(2))
        np.testing.assert_array_equal(out, np.ones((2, 2)) + np.eye(2))
    finally:
        blas.routine.cache_clear()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_that_accumulates(monkeypatch, dtype):
    monkeypatch.setattr(products, "LARGE", 1)
    mlp, loss, _, updates = network(dtype)
    feeds = batch(20, dtype)
    start = [p.value for p in mlp.parameters]
    steps_by_hand(mlp, loss, feeds, 3, 0.1)
    end = [p.value for p in mlp.parameters]
    for p, value in zip(mlp.parameters, start, strict=True):
        p.value = value
    step = fg.compile([loss], updates=updates)
    for _ in range(3):
        step(**feeds, rate=0.1)
    assert "add_product_spare_W1(" in step.source
    for p, value in zip(mlp.parameters, end, strict=True):
        assert_agree(p.value, value, p.name, 1.0)


def test_a_product_that_is_read_twice_is_made_once(monkeypatch):
    monkeypatch.setattr(products, "LARGE", 1)
    x, w = fg.Input("x", shape=(3, 3)), fg.Parameter(np.eye(3), name="w")
    product = x @ w
    plan = fg.compile([product + x, product * 2]).prepare(x=np.ones((3, 3)))
    assert plan.source.count(".dot(") == 1
    assert "add_product" not in plan.source


PRODUCTS_OF_ITSELF = {
    "x @ x + x": lambda x, y: x @ x + x,
    "y + x @ y": lambda x, y: y + x @ y,
    "x.T @ x + x": lambda x, y: x.T @ x + x,
    "x @ x.T + x.T": lambda x, y: x @ x.T + x.T,
    "x[::-1] @ y + x": lambda x, y: x[::-1] @ y + x,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PRODUCTS_OF_ITSELF)
@pytest.mark.parametrize("size", [3, 401])  # in blocks, a large product reads rows that others have been added to
def test_a_factor_is_not_written_over_by_the_sum(name, size, dtype, monkeypatch):
    monkeypatch.setattr(products, "LARGE", 1)
    a = fg.Input("a", shape=(size,), dtype=dtype)
    value = PRODUCTS_OF_ITSELF[name](np.add(a[:, None], a), np.multiply(a[:, None], a))
    given = np.random.default_rng(0).normal(size=size).astype(dtype)
    assert_agree(fg.compile(value)(a=given), fg.Graph(value).fprop(a=given).outputs[0], name, scale=size)
