"""The graph of a call is found by what the call built: the same numbers as from a graph made for it, and few graphs."""

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.functional import grad, hessian, value_and_grad
from flowgraph.functional.programs import Programs
from flowgraph.loops import containers
from tests.functional.test_jit import Layer, Pair
from tests.registry import unregister

X = np.array([[0.3, -0.7, 1.2, 0.1], [-0.4, 0.9, 0.5, -1.1], [1.4, 0.2, -0.6, 0.8]])


class Shifted(fg.Elementwise):
    """h = a + shift, with a declared setting"""

    shift: float = 0.0

    def fprop(self, a):
        return a + self.shift

    def bprop(self, grad, h, a):
        return (grad,)


@unregister
class Scaled(fg.Elementwise):
    """h = s a, with a number that nobody declared"""

    def __init__(self, a, s):
        self.__dict__["s"] = s
        super().__init__(a)

    def fprop(self, a):
        return a * self.s

    def bprop(self, grad, h, a):
        return (grad * self.s,)


OPERATIONS = [
    lambda x, k: x ** (k % 4),
    lambda x, k: x**1.0 if k % 2 else x**1,
    lambda x, k: np.sum(x, axis=k % 2, keepdims=True) * x,
    lambda x, k: np.roll(x, k % 3, axis=k % 2),
    lambda x, k: x[k % 2 :],
    lambda x, k: x[:, :: (-1) ** k],
    lambda x, k: np.where(x > 0.1 * k, x, 0.5 * k),
    lambda x, k: np.clip(x, -0.1 * k, 0.2 * k),
    lambda x, k: np.where(x > 0, np.log(np.abs(x) * k), k),
    lambda x, k: np.where(x > 0, x * [0.0, np.inf, 1.0][k % 3], 0.0),
    lambda x, k: np.transpose(x) if k % 2 else x,
    lambda x, k: np.cumsum(x, axis=k % 2),
    lambda x, k: fg.LeakyReLU(x, slope=0.1 * k),
    lambda x, k: np.concatenate([x, x * k]) if k % 2 else np.concatenate([x * k, x]),
    lambda x, k: np.einsum("ij,kj->ik" if k % 2 else "ij,kj->ki", x, x + k),
    lambda x, k: np.pad(x, k % 3),
    lambda x, k: x[np.arange(2) * (k % 2)],
    lambda x, k: x[:, np.arange(x.shape[1]) % 2 == k % 2],
    lambda x, k: x[x > 0.1 * k][None],
    lambda x, k: x * np.float32(k),
    lambda x, k: x * np.array(k),
    lambda x, k: x * np.arange(x.shape[-1]) * k,
    lambda x, k: np.tanh(x).astype(np.float32 if k % 2 else np.float64),
    lambda x, k: Shifted(x, shift=0.3 * k),
    lambda x, k: Scaled(x, 0.3 * k),
    lambda x, k: np.quantile(x, [0.3, 0.5][k % 2]) * x,
    lambda x, k: np.linalg.norm(x, ord=[1, 2, np.inf][k % 3], axis=0) * x,
    lambda x, k: np.interp(x, [0, 1, 2 + k], [0, k, 1.0]),
    lambda x, k: x * (k > 2),
    lambda x, k: fg.set_at(x, k % 2, 0.3 * k),
    lambda x, k: np.take(x, [0, k % 2], axis=0),
    lambda x, k: x * grad(lambda y: np.sum(y**k))(x),
    lambda x, k: fg.relu(x - 0.2 * k) + fg.softmax(x),
    lambda x, k: fg.Softplus(x * k),
    lambda x, k: np.split(x, 2, axis=1)[k % 2] if x.shape[1] % 2 == 0 else x,
    lambda x, k: np.stack([x, x * k, np.ones(x.shape)]).sum(axis=0),
    lambda x, k: sum(np.linalg.svd(x)[1]) * x * k,
    lambda x, k: np.dot(x, np.full((x.shape[1], 3), 0.3 * k)),
    lambda x, k: np.dot(x, np.full((x.shape[1], 600), 0.01 * k))[:, :4],
    lambda x, k: np.dot(0.5 * k, x) + np.inner(x, np.ones(x.shape[1]) * k)[:, None],
    lambda x, k: np.where(np.arange(x.shape[1]) < k, x, 0.3),
    lambda x, k: x.reshape(x.shape[0] * x.shape[1], 1) * np.shape(x)[0] * k,
    lambda x, k: [np.sin(x), np.cos(x)][k % 2] * 2.0,
    lambda x, k: np.sin(x) * x if k % 2 else x * np.sin(x) - np.sin(x) * 0.1,
    lambda x, k: by_its_rows(x[np.arange(x.shape[0]) < 1 + k]),
    lambda x, k: x * (fg.Constant(0.3 * k) + PARAMETERS[k % 2]),
    lambda x, k: (x + (0.5 if k > 2 else np.float32(0.5))) * (k if k % 2 else float(k)),
    lambda x, k: x * x[0, 0].astype(int) + np.sum(x > 0.1 * k) * x,
    lambda x, k: x * x[[1, True, 0][k % 3]].sum(),
    lambda x, k: np.arctan2(np.where(x > 9, x, [0.0, -0.0, 0][k % 3]), -np.abs(x)) * x,
    lambda x, k: x * np.where(x > 0, x, [1, True, 1.0, np.nan, np.float32(1)][k % 5]),
    lambda x, k: np.sum(x, **({"axis": 0} if k % 2 else {})) * x,
    lambda x, k: np.sum(*([x, 0] if k % 2 else [x])) * x,
    lambda x, k: np.sum(x, **{"axis": k % 2, "keepdims": True} if k > 2 else {"keepdims": True, "axis": k % 2}) * x,
    lambda x, k: x * np.full([1, x.shape[1]][k % 2], 0.5),
    lambda x, k: x * np.arange(x.shape[1]).astype([np.float64, np.float32, np.int64][k % 3]),
    lambda x, k: np.subtract(*[np.sin(x), np.cos(x)][:: (-1) ** k]),
    lambda x, k: getattr(np.add, ["reduce", "accumulate"][k % 2])(x) * x,
    lambda x, k: np.concatenate([x] * (1 + k % 3)).sum(axis=0) * x,
    lambda x, k: np.concatenate([np.sin(x), np.cos(x), x][:: (-1) ** k])[:2].sum() * x,
    lambda x, k: np.stack(tuple(x[i % len(x)] for i in range(1 + k)))[-1] * x,
    lambda x, k: (x.astype(int) * [1, 2, 2**70][k % 3]).sum() + x,
    lambda x, k: np.clip(x, *[(-0.5, None), (None, 0.5), (-0.5, 0.5)][k % 3]),
    lambda x, k: x[tuple([slice(None), None, ..., 0][k % 4 :][:2])].sum() * x,
    lambda x, k: by_its_rows(x[:1] * np.ones((1 + k % 3, 1))),
    lambda x, k: by_its_dtype(x.astype(np.float32) * np.ones(x.shape[1], [np.float32, np.float64][k % 2])),
    lambda x, k: by_its_dtype(x.astype(np.float32) * [0.5, np.float64(0.5), 1][k % 3]),
    lambda x, k: x[: 1 + k % 3].sum() * x,
    lambda x, k: x[:, :: (-1) ** k] * np.arange(x.shape[1]),
    lambda x, k: np.var(x, **{["ddof", "axis"][k % 2]: 1}) * x[:, :1],
    lambda x, k: x.astype([float, np.float32, np.dtype("f8")][k % 3]) * x,
]


def by_its_rows(x):
    return x * x.shape[0]


def by_its_dtype(x):
    return x * x.dtype.itemsize


PARAMETERS = [fg.Parameter(0.7, name="a"), fg.Parameter(-1.2, name="b")]


def unknown(transform, f):
    """The derivative of a function of which no graph is kept."""
    made = transform(f)
    made._programs = Programs()
    return made


operations = st.lists(st.sampled_from(range(len(OPERATIONS))), min_size=1, max_size=3)


def composed(places):
    def f(x, k):
        for place in places:
            x = OPERATIONS[place](x, k)
        return np.sum(np.sin(x))

    return f


@settings(max_examples=settings().max_examples // 2)
@given(
    operations, st.lists(st.integers(0, 4), min_size=4, max_size=10), st.sampled_from([grad, value_and_grad, hessian])
)
def test_a_graph_that_is_found_gives_the_bits_of_one_that_is_made(places, numbers, transform):
    found = transform(composed(places))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in numbers:
            made = unknown(transform, composed(places))
            for one, other in zip(*(_parts(_outcome(call, X, k)) for call in (found, made)), strict=True):
                np.testing.assert_array_equal(one, other)
                assert type(one) is type(other)
                assert getattr(one, "dtype", None) == getattr(other, "dtype", None)


def _outcome(call, *arguments):
    try:
        return call(*arguments)
    except (fg.FlowgraphError, TypeError, ValueError) as error:
        return type(error).__name__


def _parts(value):
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("place", range(len(OPERATIONS)))
def test_a_call_that_follows_any_other_is_the_same_as_if_it_came_first(place):
    """Each number after each other, when the calls of all five are such that the next may follow them."""
    f = composed([place])
    found = value_and_grad(f)
    needed = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(5):
            needed.append(_outcome(unknown(value_and_grad, f), X, k))
        for k in [k for k in range(5) for _ in range(5)] + [k for a in range(5) for b in range(a) for k in (a, b)]:
            for one, other in zip(_parts(_outcome(found, X, k)), _parts(needed[k]), strict=True):
                np.testing.assert_array_equal(one, other)
                assert getattr(one, "dtype", None) == getattr(other, "dtype", None)


leaves_of = st.recursive(
    st.sampled_from([X[0], 2.0, 3, "a", None, True]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["u", "v", 1]), inner, max_size=3),
        st.tuples(inner, inner).map(lambda two: Pair(*two)),
        st.tuples(inner, inner).map(lambda two: Layer(*two)),
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(leaves_of, leaves_of), min_size=1, max_size=2), st.sampled_from([0, (0,), (1, 0)]))
def test_the_function_gets_the_arguments_that_were_given_with_boxes_for_the_arrays(given, argnums):
    """In each call, however its arguments are put together, and whatever in them is no array."""
    arrived = []

    def f(x, y, part, *, named):
        arrived.append((part, named))
        leaves = [one for one in containers.arrays_of((part, named)) if one.shape]
        return np.sum(x * 2 + y * 3) + sum([np.sum(x * one) for one in leaves])

    slope = grad(f, argnums)
    for part, named in [one for one in given for _ in range(4)]:
        needed = 2 + sum([one for one in containers.arrays_of((part, named)) if np.shape(one)])
        found = slope(X[0], X[1], part, named=named)
        np.testing.assert_allclose(found if argnums == 0 else found[-1], needed + 0 * X[0], rtol=1e-12)
        assert _shown(arrived[-1]) == _shown((part, named))


def _shown(value):
    """Containers and what is no array in them, with a mark for each array."""
    leaves = []
    structure = containers.flatten(value, leaves)
    return structure, len(leaves)


def test_derivatives_of_one_function_by_other_arguments_are_told_apart():
    def f(x, y):
        return np.sum(x**2 * y)

    kinds = {0: lambda x, y: 2 * x * y, 1: lambda x, y: x**2}
    places = [0, 1, (0,), (1, 0), [0, 1]]
    slopes = [grad(f, one) for one in places]
    changed = [0]
    slopes.append(grad(f, changed))
    changed[0] = 1
    for _ in range(5):
        for place, slope in zip([*places, [0]], slopes, strict=True):
            found = slope(X, X + 1)
            listed = [place] if isinstance(place, int) else place
            for one, by in zip([found] if isinstance(place, int) else found, listed, strict=True):
                np.testing.assert_allclose(one, kinds[by](X, X + 1))


def test_arguments_that_the_result_does_not_read_are_no_others():
    """Their shapes, their number, and what the function computes of them on the way."""

    def f(x, *others):
        count = sum([np.sin(one).shape[0] for one in others])
        return np.sum(np.cos(x) * count)

    slope = grad(f)
    for sizes in [(2,), (3,), (2, 1), (), (2,), (3, 3), (3,), ()] * 5:
        np.testing.assert_array_equal(slope(X, *map(np.ones, sizes)), -np.sin(X) * sum(sizes))


def test_which_boxes_are_returned_and_in_what_is_seen():
    """Of two calls that build the same."""

    def chosen(x, k):
        return [np.sum(np.sin(x)), np.sum(x**2)][k]

    def contained(x, k):
        h = x * 2
        return np.sum(x**2), [[h], {"a": h}, (h,)][k]

    slope, passing = grad(chosen), fg.functional.grad_and_aux(contained)
    for k in [0] * 5 + [1] * 5 + [0, 1, 2, 2, 2, 2, 1, 0, 2, 0, 1]:
        np.testing.assert_allclose(slope(X, k % 2), [np.cos(X), 2 * X][k % 2])
        assert _shown(passing(X, k)[1]) == _shown(contained(X, k)[1])


def test_what_is_passed_on_is_that_of_the_call():
    """Containers, numbers and arrays that a function returns beside what is differentiated."""

    def f(x, k):
        table = np.arange(3.0) * k
        passed = [{"a": x * k, "n": k, "table": table}, [x[0], (table, "s")], x * table[k % 3], None, table][k % 5]
        return np.sum(x**2 * k), passed

    slope = fg.functional.grad_and_aux(f)
    for k in [1, 1, 1, 1, 6, 6, 6, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 1, 2, 3, 4, 5]:
        found, passed = slope(X, k)
        _, needed = f(X, k)
        np.testing.assert_allclose(found, 2 * X * k)
        assert _shown(passed) == _shown(needed)
        for one, other in zip(*(containers.arrays_of(part) for part in (passed, needed)), strict=True):
            np.testing.assert_allclose(one, other)


def test_a_call_that_goes_as_the_one_before_builds_no_box_by_numpy(monkeypatch):
    weights, count = np.full((4, 600), 0.1), [0]

    def f(x, k):
        h = np.tanh(np.dot(x, weights * k) + 0.1 * k) @ np.ones((600, 2))
        low, high = np.split(h - np.max(h, axis=1, keepdims=True), 2, axis=1)
        return np.sum(np.concatenate([low, high * k]) ** 2) / (1 + k)

    slope, init = grad(f), fg.Box.__init__

    def counted(*arguments, **settings):
        count[0] += 1
        return init(*arguments, **settings)

    monkeypatch.setattr(fg.Box, "__init__", counted)
    for k in range(8):
        before = count[0]
        found = slope(X, k)
        assert (count[0] > before) == (k < 2), "in numbers, noted, then followed"
        np.testing.assert_array_equal(found, unknown(grad, f)(X, k))


def test_a_call_that_goes_another_way_from_some_step_on_is_built_from_there():
    def f(x, k, way):
        h = np.tanh(x * k)
        if way == "a":
            return np.sum(h * 2.0)
        return np.sum(fg.relu(h) * k) if way == "b" else np.sum(np.exp(h))

    slope = grad(f)
    for k, way in enumerate("aababcacbbca" * 2):
        np.testing.assert_array_equal(slope(X, k, way), unknown(grad, f)(X, k, way))
    assert len(slope._programs) == 3


def test_a_number_that_is_only_computed_with_needs_one_graph():
    slope = grad(lambda x, t: np.sum((x - 1 / (1 + t)) ** 2) * 0.9**t)
    for t in range(50):
        np.testing.assert_allclose(slope(X, t), 2 * (X - 1 / (1 + t)) * 0.9**t)
    assert len(slope._programs) == 1


def test_the_batch_that_a_number_chooses_needs_one_graph_and_is_not_kept():
    batches = [np.full((3, 4), float(k)) for k in range(30)]
    drawn = []

    def f(x, k):
        copy = batches[k] * 1.0
        drawn.append(weakref.ref(copy))
        return np.sum(x * copy)

    slope = grad(f)
    for k in range(30):
        np.testing.assert_array_equal(slope(X, k), batches[k])
    assert len(slope._programs) == 1
    gc.collect()
    assert sum(one() is not None for one in drawn) == 0


def test_two_threads_may_call_one_derivative():
    rates = {}

    def f(x, k):
        total = np.sum(x**2) * k if x[0, 0] > 0 else np.sum(x) * k
        return total * rates.get("rate", 1.0)

    slope = grad(f)
    wrong = []

    def work(sign):
        for k in range(1, 150):
            x = sign * np.abs(X) if k % 3 else X[:2]
            needed = (2 * x if x[0, 0] > 0 else np.ones_like(x)) * (k % 7)
            if not np.allclose(slope(x, k % 7), needed):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(sign,)) for sign in (1.0, -1.0, 1.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_box_that_a_function_keeps_from_another_call_is_refused():
    kept = [1.0]

    def f(x):
        h = np.tanh(x) * kept[-1]
        kept.append(h)
        return np.sum(h)

    slope = grad(f)
    slope(X)
    with pytest.raises(fg.FlowgraphError, match="Input 'x': found a box that the function has kept from another call"):
        slope(X)


def test_a_constant_or_a_table_that_a_function_keeps_may_be_used_again():
    kept = {}

    def f(x):
        if "table" not in kept:
            kept["table"] = fg.Constant(np.arange(4.0))
            kept["powers"] = kept["table"] ** 2
        return np.sum(x * kept["table"] + kept["powers"])

    slope = grad(f)
    for _ in range(5):
        np.testing.assert_array_equal(slope(X), np.tile(np.arange(4.0), (3, 1)))


def test_parameters_are_read_in_each_call_and_found_under_one_graph():
    w = fg.Parameter(2.0, name="w")
    slope = grad(lambda x, k: np.sum(x) * w * k)
    for value in (2.0, 3.0, 5.0):
        w.value = value
        for _ in range(4):
            assert slope(X, 1)[0, 0] == value
    other = [fg.Parameter(float(k), name="v") for k in range(5)]
    slope = grad(lambda x, k: np.sum(x) * other[k])
    assert [slope(X, k)[0, 0] for k in range(5)] == [0, 1, 2, 3, 4]
    assert len(slope._programs) == 1
