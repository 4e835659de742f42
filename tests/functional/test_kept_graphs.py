"""What a derivative keeps between its calls, and the keys by which it finds it again."""

import dataclasses
import gc
import tracemalloc
import warnings
import weakref

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import RetraceWarning
from flowgraph.functional import calls, grad, hvp, jacobian
from flowgraph.functional.programs import MOST, MOST_WAYS
from flowgraph.functional.record import Sizes, setting_key
from flowgraph.shapes.size import Size
from tests.functional.test_graphs_found import X


def test_graphs_are_kept_up_to_a_bound():
    slope = grad(lambda x, k: np.sum(x**k))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(2 * MOST_WAYS):
            for _ in range(3):
                slope(X, k)
        assert len(slope._programs) == MOST_WAYS
        for size in range(MOST):
            for _ in range(3):
                slope(np.ones(size), 2)
    assert len(slope._programs) == MOST


def test_a_derivative_made_anew_in_a_loop_finds_its_graph():
    stores = set()
    for place, rate in enumerate([0.5, 2.0, 3.0, 4.0]):
        slope = grad(lambda x, rate=rate: np.sum(x**2) * rate)
        np.testing.assert_allclose(slope(X), 2 * X * rate)
        stores.add(id(slope._programs))
        assert len(slope._programs) == (place >= 1), "kept when there is a second call"
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
    assert "powers: the last 8 calls were each traced anew, as the argument 'i' (9, 10, 11)" in str(warned[0].message)
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


def test_a_call_that_cannot_be_noted_is_noted_once(monkeypatch):
    """A recording is asked of the first call of a graph, and not again where it gives none."""
    noted = []

    class Counted(calls.Recorder):
        def __init__(self, leaves):
            noted.append(leaves)
            super().__init__(leaves)

    monkeypatch.setattr(calls, "Recorder", Counted)
    indices = np.arange(2000) % 3  # too many to be compared in each call
    slope = grad(lambda x, i: np.sum(x[indices]) * i)
    for i in range(1, 12):
        assert np.sum(slope(np.ones(3), float(i))) == 2000 * i
    assert len(noted) <= 2


V = np.array([0.5, -1.0, 2.0])


@pytest.mark.parametrize(
    ("f", "needed"),
    [
        (lambda x, rate: np.sum(np.multiply(x, rate, None)), [1, 1, 1]),
        (lambda x, rate: np.dot(x, rate * V, None), V),
        (lambda x, rate: np.sum(np.dot(x, rate, None)), [1, 1, 1]),
        (lambda x, rate: np.dot(rate * V, x), V),
    ],
)
def test_calls_that_are_followed_take_positional_arguments(f, needed):
    slope = grad(f)
    for rate in (1.0, 2.0, 3.0, 2.0):
        np.testing.assert_array_equal(slope(V, rate), rate * np.array(needed))


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


@dataclasses.dataclass
class Pair:
    one: object
    other: object


MAKE = [
    lambda: 1, lambda: True, lambda: int("1" * 9), lambda: complex(1, 2), lambda: " ".join("ab"),
    lambda: 1.0, lambda: -0.0, lambda: 0.0, lambda: "a", lambda: None, lambda: ...,
    lambda: (1, 2.0), lambda: [1, 2.0], lambda: (1, 2), lambda: slice(1, None, 2), lambda: slice(1, 2),
    lambda: slice(None, 1, 2), lambda: np.arange(3), lambda: np.arange(3.0), lambda: np.arange(3).astype(np.int32),
    lambda: np.zeros((2, 0)), lambda: np.zeros((0, 2)), lambda: np.array([0.0]), lambda: np.array([-0.0]),
    lambda: np.float32(1), lambda: np.dtype("M8[s]"), lambda: np.dtype("M8[ms]"), lambda: np.dtype(float),
    lambda: np.dtype([("a", int)]), lambda: {"a": 1}, lambda: {"a": 2}, lambda: {"b": 1}, dict,
    lambda: Pair(1, [2.0]), lambda: Pair(1, [3.0]), lambda: Pair([2.0], 1), lambda: Size("N"), lambda: Size("M"),
    lambda: Size("N") * 2, lambda: Size("N") + 1, lambda: fg.relu(fg.Input("x", shape=(3,))),
    lambda: fg.relu(fg.Input("x", shape=(4,))), lambda: fg.Sum(fg.Input("x", shape=(3, 3)), axis=0),
    lambda: fg.Sum(fg.Input("x", shape=(3, 3)), axis=1), object,
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(MAKE)))
def test_a_key_tells_values_apart_and_nothing_else(k):
    key = setting_key(MAKE[k](), Sizes())
    hash(key)
    if MAKE[k] is not object:
        assert setting_key(MAKE[k](), Sizes()) == key
    for other in (*MAKE[:k], *MAKE[k + 1 :]):
        assert setting_key(other(), Sizes()) != key


def test_sizes_that_depend_on_values_are_numbered_as_they_come():
    """The names that a call invents are other ones in each call; those of a user stay."""
    first, second = Sizes(), Sizes()
    for one, other in ((("?7", 2), ("?9", 2)), (("?8", "?7"), ("?1", "?9")), (("N", "?8"), ("N", "?1"))):
        keys = [sizes.plain(tuple(Size(n) if isinstance(n, str) else n for n in shape)) for sizes, shape in
                ((first, one), (second, other))]  # fmt: skip
        assert keys[0] == keys[1]
    assert first.plain((Size("N"),)) != first.plain((Size("M"),))
    assert first.plain((Size("?7"),)) != first.plain((Size("?8"),))
    assert Sizes().plain((Size("?7"), Size("?7"))) != Sizes().plain((Size("?7"), Size("?8")))
    assert first.plain((3, 4)) == (3, 4)
