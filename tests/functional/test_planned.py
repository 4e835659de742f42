"""Derivatives that run as plans after a number of calls: the same numbers, errors and containers as before."""

import gc
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.functional import compiled as compiled_graphs
from flowgraph.functional import grad, grad_and_aux, jvp, programs, value_and_grad, vjp
from flowgraph.functional.programs import Programs
from flowgraph.loops import containers
from tests.functional.test_jit import Layer, Pair
from tests.registry import unregister

X = np.linspace(0.1, 1.0, 6).reshape(2, 3)


@pytest.fixture(autouse=True)
def _compiled_at_once(monkeypatch):
    monkeypatch.setattr(programs, "RUNS", 2)
    monkeypatch.setattr(programs, "FEWEST", 2)
    monkeypatch.setattr(Programs, "is_new", lambda self, kind: False)  # derived in the first call


def runs_of(derived):
    """What runs the graphs of a derivative."""
    return [kept.program.runs for kept in derived._programs._kept.values()]


def compiled(derived):
    """How many graphs of a derivative run as plans."""
    return sum(one.plan is not None for one in runs_of(derived))


@pytest.mark.parametrize(
    "params",
    [
        X, np.float64(2.0), np.array(3.0), 2.5, {"w": X, "b": 1.5}, [X, (X, 2.0)], Pair(X, 0.5), Layer(X, np.ones(3)),
        {"layers": [Layer(X, 1.0), Pair(2.0, X)], 3: X.astype(np.float32)}, X[:, ::-1], np.zeros((0, 3)),
        X.astype(X.dtype.newbyteorder()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("make", [grad, value_and_grad])
def test_results_come_in_the_same_containers(params, make):
    def f(p):
        return sum(np.sum(np.tanh(one) * one) for one in containers.arrays_of(p)) + 0.0

    derived = make(f)
    first = derived(params)
    leaves: list[Any] = []
    structure = containers.flatten(first, leaves)
    for _ in range(4):
        again: list[Any] = []
        assert containers.flatten(derived(params), again) == structure
        for one, other in zip(leaves, again, strict=True):
            assert (type(one), one.dtype) == (type(other), other.dtype)
            np.testing.assert_allclose(other, one, rtol=1e-6)
    assert next(reversed(derived._programs.kinds.values())).latest.runs.plan


def test_products_and_what_is_passed_on_run_as_plans():
    def f(x):
        return {"a": np.sin(x), "b": np.sum(x**2)}

    for _ in range(4):
        forward = jvp(f)(X, np.ones_like(X))
        np.testing.assert_allclose(forward["a"], np.cos(X))
        np.testing.assert_allclose(forward["b"], 2 * X.sum())
        np.testing.assert_allclose(vjp(f)(X, {"a": X, "b": 2.0}), X * np.cos(X) + 4 * X)
        slope, aux = grad_and_aux(lambda x: (np.sum(x**2), {"x": x, "largest": np.max(x), "n": 3}))(X)
        np.testing.assert_allclose(slope, 2 * X)
        assert aux["x"] is not X
        np.testing.assert_array_equal(aux["x"], X)
        assert (aux["largest"], aux["n"]) == (1.0, 3)
    assert compiled(jvp(f)) == 2


def test_numbers_from_outside_may_change_at_any_call():
    power, rate, shift = 2, 3.0, np.zeros(3)
    slope = grad(lambda x: rate * np.sum((x + shift) ** power))
    for power, rate, shift in [
        *[(2, 3.0, np.zeros(3))] * 5, *[(2, 4.0, np.zeros(3))] * 5, (2, 3.0, np.zeros(3)), *[(3, 3.0, np.ones(3))] * 5,
        (2, -0.0, np.ones(3)), (2, 0.0, np.ones(3)), *[(2, np.nan, np.ones(3))] * 3, (2, 1.0, np.full(3, np.inf)),
    ]:  # fmt: skip
        for _ in range(2):
            np.testing.assert_array_equal(
                np.signbit(slope(X)), np.signbit(rate * power * (X + shift) ** (power - 1)), strict=True
            )
            np.testing.assert_allclose(slope(X), rate * power * (X + shift) ** (power - 1))
    assert compiled(slope) >= 1


def test_a_number_that_has_changed_once_is_an_input_of_the_next_plan():
    rate = 1.0
    slope = grad(lambda x: rate * np.sum(x**2))
    for rate in [1.0] * 5 + [float(k) for k in range(12)]:
        np.testing.assert_allclose(slope(X), 2 * rate * X)
    plans = {id(one.plan) for one in runs_of(slope)}
    for rate in [20.0, 30.0, 40.0]:
        np.testing.assert_allclose(slope(X), 2 * rate * X)
    assert plans == {id(one.plan) for one in runs_of(slope)}, "compiled again for a number that is an input"


def test_parameters_and_draws_are_read_in_each_call():
    w = fg.Parameter(X, name="w")
    slope = value_and_grad(lambda x: np.sum(w * x**2 * fg.Random(lambda g, s: g.normal(size=s), shape=(3,))), seed=3)
    first = slope(X)
    for factor in [1.0, 1.0, 1.0, 2.0, -1.0]:
        w.value = factor * X
        value, gradient = slope(X)
        np.testing.assert_allclose(value, factor * first[0])
        np.testing.assert_allclose(gradient, factor * first[1])
    free = grad(lambda x: np.sum(x * fg.Random(lambda g, s: g.normal(size=s), shape=(3,))))
    assert len({free(X)[0, 0] for _ in range(8)}) == 8
    assert compiled(slope) == compiled(free) == 1


def test_results_are_the_callers_own():
    derived = value_and_grad(lambda p: np.sum(p["a"] * p["b"]) + 0 * np.sum(p["c"]))
    params = {"a": X, "b": X + 1, "c": X + 2}
    kept = [derived(params) for _ in range(6)]
    assert compiled(derived) == 1
    last = kept[-1][1]
    last["a"][...] = last["c"][...] = 7.0
    derived({"a": 5 * X, "b": X, "c": X})
    np.testing.assert_array_equal(kept[-2][1]["a"], X + 1)
    np.testing.assert_array_equal(derived(params)[1]["c"], 0 * X)
    np.testing.assert_array_equal([params["a"], params["b"]], [X, X + 1])


def test_threads_do_not_share_buffers():
    x = np.linspace(-1, 1, 20_000)
    slope = grad(lambda x, k: np.sum(np.tanh(x * k) ** 2))
    for _ in range(4):
        slope(x, 1.0)
    assert compiled(slope) == 1
    needed = {k: slope(x, float(k)) for k in range(6)}
    wrong = []

    def work(k):
        for _ in range(40):
            if not np.array_equal(slope(x, float(k)), needed[k]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
    assert all(len(one.plan.idle) <= compiled_graphs.MOST_IDLE for one in runs_of(slope))


def test_a_derivative_may_be_called_while_it_runs():
    depth = []

    class Nested(fg.Elementwise):
        """A box whose fprop calls the derivative that it is in."""

        def fprop(self, a):
            if len(depth) < 3:
                depth.append(1)
                slope(np.asarray(a) + 1)
                depth.pop()
            return np.asarray(a) * 2

        def bprop(self, grad, h, a):
            return (grad * 2,)

    slope = grad(lambda x: np.sum(Nested(np.sin(x)) ** 2))
    for _ in range(5):
        np.testing.assert_allclose(slope(X), 8 * np.sin(X) * np.cos(X))
    assert compiled(slope) == 0, "a graph that calls back is not kept"
    unregister(Nested)


def test_errors_of_numpy_are_those_that_were_asked_for():
    slope = grad(lambda x: np.sum(np.log(x)))
    for _ in range(5):
        slope(X)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        slope(X - X[0, 0])
    with np.errstate(divide="ignore"):
        assert np.isinf(slope(X - X[0, 0])[0, 0])
    squares = grad(lambda x: np.sum(x**2 * 1e-200))
    with np.errstate(all="raise"):
        for _ in range(5):
            np.testing.assert_array_equal(squares(X * 1e-150), X * 0)
    assert compiled(slope) == compiled(squares) == 1


def test_a_graph_that_no_plan_can_be_made_of_runs_box_by_box(monkeypatch):
    def refuse(*args):
        raise RuntimeError

    monkeypatch.setattr(programs, "Compiled", refuse)
    slope = grad(lambda x: np.sum(x**3))
    for _ in range(5):
        np.testing.assert_allclose(slope(X), 3 * X**2)
    assert compiled(slope) == 0


def test_debug_mode_runs_box_by_box():
    slope = grad(lambda x: np.sum(x**3))
    with fg.debug():
        for _ in range(5):
            slope(X)
        assert compiled(slope) == 0
    for _ in range(3):
        slope(X)
    assert compiled(slope) == 1


@pytest.mark.sampled(one_in=10)
def test_plans_are_kept_up_to_a_number_and_to_bytes():
    slope = grad(lambda x, k: np.sum(np.tanh(x) ** k))
    for size in range(programs.MOST_PLANS + 9):
        for _ in range(4):
            slope(np.ones(size + 1), 3)
    assert compiled(slope) == len(slope._programs.room) == programs.MOST_PLANS
    large = grad(lambda x: np.sum(np.tanh(np.sin(x) * x) ** 3))
    tracemalloc.start()
    try:
        for size in range(12):
            for _ in range(4):
                large(np.ones(500_000 + size))
        assert sum(one.bytes for one in runs_of(large)) <= programs.MOST_BYTES
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < programs.MOST_BYTES + (8 << 20)
    finally:
        tracemalloc.stop()
    assert 0 < compiled(large) < 12
    for _ in range(4):
        np.testing.assert_allclose(large(np.ones(3_000_000))[0], large(np.ones(3))[0])


def test_the_number_of_runs_follows_from_the_graph(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(Programs, "is_new", lambda self, kind: False)

    def runs(size, length):
        def f(x):
            for _ in range(length):
                x = np.sin(x)
            return np.sum(x)

        slope = grad(f)
        slope(np.ones(size))
        return runs_of(slope)[-1]._left + 1

    assert runs(3, 4) == runs(2, 40) == programs.RUNS - 1
    assert programs.FEWEST < runs(20_000, 4) < programs.RUNS // 2
    assert runs(1_000_000, 4) == programs.FEWEST
    assert runs(4, programs.LARGEST) > 10**9
