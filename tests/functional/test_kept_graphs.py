"""How many graphs and arrays a derivative keeps between its calls, and for how long."""

import gc
import types
import warnings
import weakref

import numpy as np
import pytest

from flowgraph.errors import RetraceWarning
from flowgraph.functional import calls, grad
from flowgraph.functional.arguments import unread_in
from flowgraph.functional.programs import MOST, MOST_WAYS, Programs
from tests.functional.test_graphs_found import X


def test_arrays_of_remembered_calls_are_kept_up_to_a_bound():
    def f(x, k):
        return np.sum(x[0, 0] * np.full(300_000, float(k)))

    slope = grad(f)
    for k in [k for k in range(40) for _ in range(3)]:
        slope(X, k)
    memory = slope._memory
    assert 0 < memory._bytes <= 1 << 24


def test_graphs_are_kept_up_to_a_bound():
    slope = grad(lambda x, k: np.sum(x**k))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(2 * MOST_WAYS):
            slope(X, k)
        assert len(slope._programs) == MOST_WAYS
        for size in range(MOST):
            slope(np.ones(size), 2)
            slope(np.ones(size), 3)
    assert len(slope._programs) == MOST


def test_a_derivative_made_anew_in_a_loop_finds_its_graph():
    rates = [0.5, 2.0, 3.0]
    stores = set()
    for rate in rates:
        slope = grad(lambda x, rate=rate: np.sum(x**2) * rate)
        np.testing.assert_allclose(slope(X), 2 * X * rate)
        stores.add(id(slope._programs))
        assert len(slope._programs) == 1
    assert len(stores) == 1


def test_graphs_go_with_the_code_that_they_are_of():
    space = {"np": np}
    exec("def f(x):\n    return np.sum(x**2)", space)
    slope = grad(space.pop("f"))
    slope(X)
    programs = weakref.ref(slope._programs)
    del slope
    gc.collect()
    assert programs() is None


def test_a_warning_names_the_argument_whose_every_value_needs_a_new_graph():
    def powers(x, i, scale):
        return np.sum(x**i) * scale

    slope = grad(powers)
    with pytest.warns(RetraceWarning) as warned:
        _ = [slope(X, i, 2) for i in range(3, 20)]
    assert len(warned) == 1
    assert "grad of" in str(warned[0].message)
    assert "powers: the last 8 calls were each traced anew, as the argument 'i' (8, 9, 10)" in str(warned[0].message)
    assert warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            for i in range(3, 10):
                slope(X, i, 3)


def test_memory_is_flat_over_calls_with_numbers_that_never_come_again():
    def tracked():
        gc.collect()
        return len(gc.get_objects())

    slope = grad(lambda x, k: np.sum(np.tanh(x) ** 2) * k)
    for k in range(300):
        slope(X, k)
    before = tracked()
    for k in range(300, 1300):
        slope(X, k)
    assert tracked() - before < 200


@pytest.mark.parametrize("cache", [True, False])
def test_without_a_cache_the_function_is_called_each_time(cache):
    library = types.ModuleType("numpy.settings")  # of NumPy's own modules nothing is watched
    library.rate = 1.0
    slope = grad(lambda x: np.sum(x) * library.rate, cache=cache)
    for _ in range(4):
        slope(X)
    library.rate = 2.0
    assert slope(X)[0, 0] == (1.0 if cache else 2.0)


def test_an_argument_that_the_code_never_looks_at_makes_no_difference():
    def f(x, i, text="", *rest):
        return np.sum(x**2)

    def kept_for_later(x, i):
        def inner():
            return i

        return np.sum(x) * inner()

    def deleted(x, i):
        del i
        return np.sum(x)

    def by_text(x, i):
        return np.sum(x) * locals()["i"]

    class Model:
        def objective(self, x, i):
            return np.sum(x)

    assert Programs(unread_in(f.__code__)).unread(f) == {1, 2}
    assert Programs(unread_in(Model.objective.__code__)).unread(Model().objective) == {1}
    for other in (kept_for_later, deleted, by_text):
        assert not unread_in(other.__code__)
    slope, needed = grad(f), 2 * X
    for i in range(20):
        np.testing.assert_array_equal(slope(X, i, str(i)), needed)
    assert sum(map(len, slope._memory._bindings.values())) == 1
    for other in (kept_for_later, by_text):
        assert [grad(other)(X, i)[0, 0] for i in (1, 2, 3, 3)] == [1, 2, 3, 3]


def test_a_call_that_cannot_be_noted_is_noted_once(monkeypatch):
    """A script is asked of the first call of a graph, and not again where it gives none."""
    noted = []

    class Counted(calls.Writer):
        def __init__(self, leaves):
            noted.append(leaves)
            super().__init__(leaves)

    monkeypatch.setattr(calls, "Writer", Counted)
    indices = np.arange(2000) % 3  # too many to be compared in each call
    slope = grad(lambda x, i: np.sum(x[indices]) * i)
    for i in range(1, 12):
        assert np.sum(slope(np.ones(3), float(i))) == 2000 * i
    assert len(noted) <= 2
