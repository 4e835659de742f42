"""What a user wrote is called in each call: the function, what it calls, `custom_vjp` and boxes of one's own."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph import functional
from flowgraph.box import numpy_dispatch
from flowgraph.errors import UsageError
from flowgraph.functional import custom_vjp, grad, jacobian
from tests.registry import unregister

SMALL = np.ones(3)
RATE = {"value": 1.0}
"""What the functions below read; no derivative may remember it."""
CALLS = {"f": 0, "inner": 0, "bprop": 0}


def rate(name):
    CALLS[name] += 1
    return RATE["value"]


def inner(x):
    return x * rate("inner")


@custom_vjp(shape=lambda x: x.shape)
def cubed(x):
    return rate("inner") * x**3


@cubed.bprop
def backward(grad, h, x):
    return (3 * rate("bprop") * grad * x**2,)


@unregister
class Cubed(fg.Elementwise):
    """h = rate a^3, of a rate from outside."""

    def fprop(self, a):
        return rate("inner") * a**3

    def bprop(self, grad, h, a):
        return (3 * rate("bprop") * grad * a**2,)


def piece(x):
    return x**3 * rate("inner")


class Table:
    """An array to NumPy, of a value that changes."""

    def __array__(self, dtype=None, copy=None):
        return np.array(rate("inner"), dtype)


TABLE = Table()


BODIES = {
    "plain": lambda x: x**3 * rate("f"),
    "calls another": lambda x: inner(x**3 * rate("f") / RATE["value"]),
    "custom_vjp": lambda x: cubed(x) * (rate("f") / RATE["value"]),
    "a box": lambda x: Cubed(x) * (rate("f") / RATE["value"]),
    "a box in a loop": lambda x: fg.scan(lambda h, _: (Cubed(h), None), x, length=1)[0] * (rate("f") / RATE["value"]),
    "custom_vjp over rows": lambda x: functional.vmap(cubed)(x) * (rate("f") / RATE["value"]),
    "a box over rows, in a loop": lambda x: (
        fg.scan(lambda h, _: (functional.vmap(Cubed)(h), None), x, length=1)[0] * (rate("f") / RATE["value"])
    ),
    "a loop over rows": lambda x: (
        functional.vmap(lambda z: fg.scan(lambda h, _: (cubed(h), None), z, length=1)[0])(x)
        * (rate("f") / RATE["value"])
    ),
    "rows of a checkpoint": lambda x: functional.vmap(fg.checkpoint(cubed))(x) * (rate("f") / RATE["value"]),
    "a function in np.piecewise": lambda x: np.piecewise(x, [x > 0], [piece, piece]) * (rate("f") / RATE["value"]),
    "an object that is an array": lambda x: np.multiply(x**3, TABLE) * (rate("f") / RATE["value"]),
    "a checkpoint": lambda x: functional.checkpoint(lambda y: y**3 * rate("inner"))(x) * (rate("f") / RATE["value"]),
}
CUBES = {
    "grad": lambda x: 3 * x**2,
    "value_and_grad": lambda x: (np.sum(x**3), 3 * x**2),
    "elementwise_grad": lambda x: 3 * x**2,
    "vjp": lambda x: 3 * x**2,
    "jvp": lambda x: 3 * x**2,
    "jacobian": lambda x: np.diag(3 * x**2),
    "hvp": lambda x: 6 * x,
    "hessian": lambda x: np.diag(6 * x),
}
POINTS = [np.array([0.5, -1.0, 2.0]), np.array([1.5, 0.25, -2.0]), np.array([2.0, 1.0])]


@pytest.mark.sampled(one_in=12)
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("transform", CUBES)
@settings(max_examples=5)
@given(st.lists(st.tuples(st.sampled_from([1.0, 1.0, 2.0, -3.0]), st.integers(0, 2)), min_size=6, max_size=12))
def test_each_call_reads_the_world_anew(transform, name, calls):
    """Whatever came before: the same, other values, other shapes."""
    scalar = transform in ("grad", "value_and_grad", "hvp", "hessian")
    f = (lambda x: np.sum(BODIES[name](x))) if scalar else BODIES[name]
    derived = getattr(functional, transform)(f)
    for value, place in calls:
        RATE["value"] = value
        x = POINTS[place]
        before = dict(CALLS)
        found = derived(x, *[np.ones_like(x)] * (transform in ("vjp", "jvp", "hvp")))
        assert CALLS["f"] == before["f"] + 1
        if name != "plain" and transform != "jvp":  # which needs no value of a function that has a bprop
            assert CALLS["inner"] > before["inner"]
        if name in ("custom_vjp", "a box", "a box in a loop"):
            assert CALLS["bprop"] > before["bprop"]
        needed = CUBES[transform](x)
        for one, other in zip(*(a if type(a) is tuple else (a,) for a in (found, needed)), strict=True):
            np.testing.assert_allclose(one, value * other, rtol=1e-12)


def test_a_function_of_numpy_that_asks_for_values_is_followed_by_none(monkeypatch):
    """What it builds follows from a number, which its arguments do not tell."""

    def by_the_sign(x):
        return x * 2.0 if np.sum(x) > 0 else x * 3.0

    monkeypatch.setitem(numpy_dispatch._builders, np.tril, by_the_sign)
    slope = grad(lambda x: np.sum(np.tril(x)))
    for sign in (1, 1, 1, 1, -1, 1, -1, -1, -1, -1, 1):
        np.testing.assert_array_equal(slope(sign * SMALL), np.full(3, 2.0 if sign > 0 else 3.0))


def written_later(big, x, how):
    """2 x big at the numbers that were there when it was read."""
    view = big[...]
    product = x * big
    {"itself": big, "a view": view, "its memory": big.view(np.uint8).view(float)}[how][1:] += 5.0
    return product


@pytest.mark.parametrize("size", [3, 50_000])
@pytest.mark.parametrize("how", ["itself", "a view", "its memory"])
def test_a_captured_array_has_the_value_that_it_had_when_it_was_read(size, how):
    big = np.arange(float(size))
    derived = functional.value_and_grad(lambda x: np.sum(written_later(big, x, how)))
    for _ in range(6):
        now = big.sum()
        assert derived(2.0) == (2 * now, now)


def test_an_iterator_among_the_arguments_goes_on():
    slope = grad(lambda x, numbers: x * next(numbers))
    count = iter(range(9))
    assert [slope(1.0, count) for _ in range(5)] == [0, 1, 2, 3, 4]


def total(x):
    return np.sum(x**2)


def test_a_derivative_can_be_pickled_and_copied_without_its_graphs():
    slope = grad(total, seed=3)
    for _ in range(4):
        slope(SMALL)
    for other in (
        pickle.loads(pickle.dumps(slope)),
        copy.deepcopy(slope),
        copy.deepcopy({"slope": [slope]})["slope"][0],
    ):
        np.testing.assert_array_equal(other(SMALL), 2 * SMALL)
        assert other._seed == 3


def test_arguments_and_results_that_cannot_be_hashed():
    slope = jacobian(lambda x, chosen: {"a": x * len(chosen), "of": {1, 2}})
    for chosen in ({1}, {1, 2}, {1}, {1, 2, 3}):
        np.testing.assert_array_equal(slope(SMALL, chosen)["a"], len(chosen) * np.eye(3))


@pytest.mark.parametrize("first", [fg.Parameter(2.0), fg.Constant(2.0), np.tanh(fg.Constant(3.0))], ids=repr)
@pytest.mark.parametrize("deep", [False, True])
def test_a_box_from_outside_that_has_no_value_any_more_is_refused(first, deep):
    """However the calls before it went."""
    box = first

    def f(x):
        return np.sin(x) * box + np.cos(x)

    slope = grad(f)
    assert len({float(slope(1.0)) for _ in range(4)}) == 1
    box = np.tanh(fg.Input("y")) if deep else fg.Input("y")
    for _ in range(3):
        with pytest.raises(UsageError, match=r"Input 'y', built at .* found an input from outside of the function"):
            slope(1.0)


def test_what_derivatives_are_made_of_is_no_box_for_users():
    inner = {name: cls for name, cls in fg.registry.items() if cls.__module__.startswith("flowgraph.functional")}
    assert [name for name, cls in inner.items() if cls.public] == []
