"""Calls in a row, while the world changes between them, equal calls of a function that was never called before."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowgraph.errors import UsageError
from flowgraph.functional import grad
from flowgraph.functional.memory import Memory
from flowgraph.functional.programs import Programs
from tests.functional import kept_numbers, numbers_and_draws, objects, worlds  # noqa: F401  they enter theirs
from tests.functional.features import FEATURES, UNKNOWN_TO_AUTOGRAD, world

POINTS = np.array([[0.3, -0.7, 1.2], [-0.4, 0.9, 0.5]])

quiet = st.tuples(st.just(None), st.integers(0, 1), st.integers(0, 1))
lively = st.tuples(st.integers(0, 9), st.integers(0, 1), st.integers(0, 40))
steps = st.lists(st.one_of(quiet, quiet, quiet, lively), min_size=4, max_size=20)

few = settings(max_examples=settings().max_examples // 3)


def unknown(f):
    """The gradient of a function that no call is remembered of, and no graph is kept of."""

    def call(*arguments):
        slope = grad(f, cache=False)
        slope._programs = Programs()
        return slope(*arguments)

    return call


def in_step(names, sequence, transform, other, np_of_other):
    """Two worlds of these features go through the same; the derivatives are the same after each step."""
    own, changes = world(names, np)
    peer, peers_changes = world(names, np_of_other)
    mine, theirs = transform(own), other(peer)
    for change, point, number in sequence:
        if change is not None:
            changes[change % len(changes)]()
        found = mine(POINTS[point], number)
        if change is not None:
            peers_changes[change % len(changes)]()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Output seems independent")
            needed = theirs(POINTS[point], number)
        np.testing.assert_allclose(found, needed, rtol=1e-12, atol=1e-12, err_msg=", ".join(names))


@pytest.mark.parametrize("name", FEATURES)
def test_each_way_to_read_the_world_is_seen(name):
    in_step([name], 3 * ([(None, 0, 1)] * 4 + [(0, 0, 1)]) + 3 * [(0, 1, 1), (None, 1, 1)], grad, unknown, np)


@few
@given(st.lists(st.sampled_from(sorted(FEATURES)), min_size=1, max_size=2, unique=True), steps)
def test_calls_in_a_row_equal_calls_of_a_function_that_was_never_called(names, sequence):
    in_step(names, sequence, grad, unknown, np)


@given(
    st.lists(st.sampled_from(sorted(FEATURES.keys() - UNKNOWN_TO_AUTOGRAD)), min_size=1, max_size=3, unique=True), steps
)
def test_calls_in_a_row_equal_those_of_autograd(names, sequence):
    autograd = pytest.importorskip("autograd", reason="autograd is not installed")
    anp = pytest.importorskip("autograd.numpy", reason="autograd is not installed")
    in_step(names, sequence, grad, autograd.grad, anp)


@few
@given(st.lists(st.sampled_from(sorted(FEATURES)), min_size=1, max_size=2, unique=True), steps)
def test_a_derivative_made_anew_in_each_call_finds_the_graphs_and_no_old_values(names, sequence):
    in_step(names, sequence, lambda f: lambda *arguments: grad(f)(*arguments), unknown, np)


@pytest.mark.parametrize("name", FEATURES)
def test_a_quiet_world_is_not_read_again_and_a_lively_one_is(name, monkeypatch):
    """The tests above would pass if every call were made; here those that need not be are counted."""
    found = []
    find = Memory.find
    monkeypatch.setattr(Memory, "find", lambda *arguments: found.append(find(*arguments)) or found[-1])
    f, _ = world([name], np)
    slope = grad(f)
    for _ in range(8):
        slope(np.array([-1.0, 0.5, 2.0]), 1)
    left_out = sum(one is not None for one in found)
    assert left_out == (0 if name in ALWAYS_CALLED else 5)


ALWAYS_CALLED = {
    "large_array_in_place", "a_count_of_its_own", "a_list_that_it_appends_to", "every_third_call", "legacy_generator",
    "generator_of_an_attribute", "bound_method_of_a_generator", "a_coin", "pythons_generator", "a_generator_function",
    "an_iterator_over_batches", "a_ufunc_of_python", "a_context_of_decimal_numbers",
}  # fmt: skip


def test_the_reproduction_of_a_generator_in_the_closure():
    autograd = pytest.importorskip("autograd", reason="autograd is not installed")
    anp = pytest.importorskip("autograd.numpy", reason="autograd is not installed")

    def slopes(np, grad):
        generator = np.random.RandomState(0)
        slope = grad(lambda mu: np.mean((mu + generator.randn(3)) ** 2))
        return [float(slope(1.0)) for _ in range(6)]

    found = slopes(np, grad)
    assert found == slopes(anp, autograd.grad)
    assert len(set(found)) == 6


@pytest.mark.parametrize("size", [3, 50_000])
def test_an_array_that_changes_while_the_function_runs_counts_with_each_of_its_values(size):
    outer = np.ones(size)

    def from_outside(x):
        outer[:] = 1.0
        first = np.sum(x * outer)
        outer[:] = 5.0
        return first + np.sum(x**2 * outer)

    def of_its_own(x):
        work = np.ones(size)
        first = np.sum(x * work)
        work[:] = 5.0
        return first + np.sum(x**2 * work)

    x = np.linspace(-1, 1, size)
    for f in (from_outside, of_its_own):
        slope = grad(f)
        for _ in range(3):
            np.testing.assert_allclose(slope(x), 1 + 10 * x, rtol=1e-12, atol=1e-12)


def test_a_large_array_that_the_function_writes_to_is_refused_once_it_is_not_copied():
    work = np.ones(50_000)

    def f(x, write):
        total = np.sum(x * work)
        if write:
            work[:] = work + 1.0
        return total

    slope = grad(f)
    for _ in range(3):
        assert slope(1.0, False) == 50_000
    with pytest.raises(UsageError, match=r"f: found an array of shape \(50000,\) that it reads and later changes"):
        slope(1.0, True)


def test_the_global_generator_and_drawing_at_module_level():
    def slopes(make):
        np.random.seed(3)  # noqa: NPY002
        slope = make(lambda x: np.sum(x * np.random.rand(3) * (np.random.rand(3) > 0.5)))  # noqa: NPY002
        return [slope(POINTS[0]).tolist() for _ in range(8)]

    found = slopes(grad)
    assert found == slopes(unknown)
    assert len({tuple(one) for one in found}) > 4


def test_iterators_and_generators_among_the_arguments():
    count, generator = itertools.count(), np.random.default_rng(0)
    slope = grad(lambda x, numbers: x * next(numbers))
    assert [slope(1.0, count) for _ in range(5)] == [0, 1, 2, 3, 4]
    slope = grad(lambda x, rng: x * rng.normal())
    assert len({float(slope(1.0, generator)) for _ in range(6)}) == 6
