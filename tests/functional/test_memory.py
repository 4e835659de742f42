"""When a function is called again: never for what it does not read, after a pause where it keeps changing."""

import gc
import tracemalloc

import numpy as np
import pytest

from flowgraph.functional import grad, hvp, jacobian
from flowgraph.functional import memory as remembered
from flowgraph.functional.calls import Derived

X = np.array([0.5, -1.0, 2.0])


@pytest.fixture
def calls(monkeypatch):
    """Grows by one with each call of a function."""
    made, called = [], Derived._called
    monkeypatch.setattr(Derived, "_called", lambda *args: made.append(args) or called(*args))
    return made


class Model:
    def __init__(self):
        self.rate = 2.0
        self.steps = 0


def test_what_is_not_read_may_change(calls):
    model = Model()
    slope = grad(lambda x: np.sum(np.linalg.norm(x) * model.rate))
    for k in range(12):
        model.steps = [k]
        slope(X)
    assert len(calls) == 3


@pytest.mark.parametrize("changes", [4, 20, 60])
def test_what_has_changed_in_each_call_is_remembered_once_it_stays(calls, changes):
    """After several calls in vain it is looked at now and then; the pauses double, but end."""
    model = Model()
    slope = grad(lambda x: np.sum(x * model.rate))
    for k in range(changes):
        model.rate = 1.0 + k
        assert slope(X)[0] == 1.0 + k
    assert len(calls) == changes
    for _ in range(2 * changes + 20):
        assert slope(X)[0] == changes
    assert len(calls) <= 2 * changes + 20
    calls.clear()
    slope(X)
    assert calls == []


def test_between_pauses_what_changes_is_looked_at_seldom(monkeypatch):
    looks, made = [], remembered.Outside
    monkeypatch.setattr(remembered, "Outside", lambda *roots: looks.append(roots) or made(*roots))
    model = Model()
    slope = grad(lambda x: np.sum(x * model.rate))
    for k in range(400):
        model.rate = 1.0 + k
        slope(X)
    assert 6 < len(looks) < 60


def test_what_is_kept_is_bounded_and_counted(monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 10)
    monkeypatch.setattr(remembered, "MOST_BYTES", 6000)
    slope = jacobian(lambda x: x * np.arange(float(x.shape[0])) + np.ones(x.shape[0]))
    for n in (*range(1, 40), 2, 300, 3, 200):
        for _ in range(4):
            slope(np.ones(n))
        kept = slope._memory._bindings
        sizes = [one.bytes for bindings in kept.values() for one in bindings]
        assert slope._memory._bytes == sum(sizes) <= 6000
        assert len(kept) <= 10
        assert n > 200 or len(kept)


class Alike(Model):
    """All of them are equal."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


def test_an_argument_that_is_another_object_is_looked_at(calls):
    slope = grad(lambda x, model: np.sum(x * model.rate))
    one, other = Alike(), Alike()
    other.rate = 5.0
    for model in (one, other):
        assert [slope(X, model)[0] for _ in range(5)] == [model.rate] * 5
    assert len(calls) <= 6
    calls.clear()
    slope(X, other)
    assert calls == []


def test_names_that_are_not_bound_yet():
    def made():
        def f(x):
            try:
                return x * one
            except NameError:
                pass
            try:
                return x * 3.0 * other
            except NameError:
                return x * 7.0

        def bind(first, second):
            nonlocal one, other
            one = other = 0.0
            if first is None:
                del one
            else:
                one = first
            if second is None:
                del other
            else:
                other = second

        if False:
            one = other = 0.0
        return f, bind

    f, bind = made()
    slope, two = grad(f), 2.0
    for first, second, needed in (
        (None, None, 7.0), (two, None, 2.0), (None, two, 6.0), (two, None, 2.0), (None, None, 7.0),
    ):  # fmt: skip
        bind(first, second)
        assert [float(slope(1.0)) for _ in range(5)] == [needed] * 5


@pytest.mark.parametrize(
    ("f", "needed"),
    [
        (lambda x, rate: np.sum(np.multiply(x, rate, None)), [1, 1, 1]),
        (lambda x, rate: np.dot(x, rate * X, None), X),
        (lambda x, rate: np.sum(np.dot(x, rate, None)), [1, 1, 1]),
        (lambda x, rate: np.dot(rate * X, x), X),
    ],
)
def test_calls_that_are_followed_take_positional_arguments(f, needed):
    slope = grad(f)
    for rate in (1.0, 2.0, 3.0, 2.0):
        np.testing.assert_array_equal(slope(X, rate), rate * np.array(needed))


def of_a_global(x):
    return np.sum(x * TABLE[0])


def of_a_keyword(x, *, table):
    return np.sum(np.sin(x) * table)


def of_a_sum(x, table):
    return np.sum((x + table) * table)


TABLE = [np.zeros(1)]
MEGABYTES = 4


@pytest.mark.parametrize("f", [of_a_global, of_a_keyword, of_a_sum, np.sum])
@pytest.mark.parametrize("make", [grad, jacobian, hvp])
def test_arrays_of_a_call_are_let_go(f, make):
    """What is kept of a call is how it went; an array that it read is as large as the user made it."""
    size = MEGABYTES << 17
    x = np.ones(size) if make is not jacobian else 1.0
    derived = make(f)

    def call(k):
        table = np.full(size, 1.0 + k)
        TABLE[0] = table
        given = {of_a_keyword: ((x,), {"table": table}), of_a_sum: ((x, table), {})}.get(f, ((x,), {}))
        derived(*given[0], *([x] if make is hvp else []), **given[1])
        TABLE[0] = np.zeros(1)

    tracemalloc.start()
    try:
        for k in range(5):
            call(k)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < MEGABYTES << 19
    finally:
        tracemalloc.stop()
