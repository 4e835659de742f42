"""`jit`: a pure function is called once for each kind of arguments, and gives what it gives without."""

import copy
import dataclasses
import multiprocessing
import pickle
import random
import threading
import warnings
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph import functional
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.functional import grad, hessian, hvp, jacobian, jit, jvp, value_and_grad, vjp, vmap
from flowgraph.loops import containers
from tests.registry import unregister

X, V = np.array([0.55, -1.0, 2.0]), np.array([1.0, 2.0, -1.0])
CALLS: Counter = Counter()


def counted(f):
    """The function, which counts its calls."""

    def call(*args, **keywords):
        CALLS[call] += 1
        return f(*args, **keywords)

    return call


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass
class Layer:
    weight: Any
    bias: Any


OPERATIONS = [
    np.sin, np.tanh, lambda x: x * x, lambda x: x[..., ::-1] * 2.0, lambda x: x - np.mean(x), lambda x: np.exp(-x),
    lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.cumsum(x), lambda x: np.concatenate([x, x])[: x.shape[0]],
    lambda x: fg.scan(lambda h, e: (np.tanh(h + e), h), x[0], x)[1], lambda x: x / (1 + np.sum(x**2)),
    lambda x: functional.checkpoint(lambda h: np.tanh(h) * h)(x), jit(lambda x: 2.0 * np.cos(x)),
    lambda x: fg.relu(x) + np.sort(x),
    lambda x: fg.while_loop(lambda h: np.sum(h**2) > 1.0, lambda h: h * 0.5, x, max_steps=9),
]  # fmt: skip
"""Functions from arrays of one axis to such, pure."""

TRANSFORMS = {
    "value": lambda f: f,
    "grad": lambda f: grad(lambda *a: np.sum(f(*a))),
    "value_and_grad": lambda f: value_and_grad(lambda *a: np.sum(f(*a) ** 2)),
    "jacobian": jacobian,
    "hessian": lambda f: hessian(lambda *a: np.sum(f(*a) ** 2)),
    "vjp": lambda f: lambda x: vjp(f)(x, V[: x.shape[0]]),
    "jvp": lambda f: lambda x: jvp(f)(x, V[: x.shape[0]]),
    "hvp": lambda f: lambda x: hvp(lambda *a: np.sum(f(*a) ** 2))(x, V[: x.shape[0]]),
    "vmap": lambda f: lambda x: vmap(f)(np.stack([x, 2 * x])),
    "checkpoint": lambda f: grad(lambda x: np.sum(functional.checkpoint(f)(x))),
    "scan": lambda f: lambda x: fg.scan(lambda h, e: (f(h) + e, None), x, np.stack([x, x]))[0],
}
FIRST_ORDER = {"value", "grad", "value_and_grad", "jacobian", "vjp", "jvp", "vmap", "checkpoint"}


def composed(places):
    def f(x):
        for place in places:
            x = OPERATIONS[place](x)
        return x

    return f


def assert_same(found, needed):
    for one, other in zip(*(a if isinstance(a, tuple) else (a,) for a in (found, needed)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
        assert (type(one), one.dtype, one.shape) == (type(other), other.dtype, other.shape)


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("name", TRANSFORMS)
@settings(max_examples=settings().max_examples // 10)
@given(
    st.lists(st.sampled_from(range(len(OPERATIONS))), min_size=1, max_size=3),
    st.lists(st.tuples(st.floats(0.1, 2.0), st.integers(2, 3)), min_size=2, max_size=4),
)
def test_it_nests_either_way_and_changes_no_number(name, places, points):
    """jit(transform(f)), transform(jit(f)) and both give what transform(f) gives; f is called once for each size."""
    if name not in FIRST_ORDER and 14 in places:
        return  # a while loop of unknown length is differentiated once
    transform = TRANSFORMS[name]
    plain = transform(composed(places))
    inside, outside = counted(composed(places)), counted(composed(places))
    ways = {inside: transform(jit(inside)), outside: jit(transform(outside))}
    ways_of_both = jit(transform(jit(composed(places))))
    for scale, size in points:
        x = scale * X[:size]
        needed = plain(x)
        for way in (*ways.values(), ways_of_both):
            assert_same(way(x), needed)
    sizes = len({size for _, size in points})
    for f in ways:
        assert CALLS[f] == sizes


TREES = [
    {"x": X, "n": 2}, [X, (X, 2.5)], Pair(X, True), Layer(X, {"b": [X, None]}), (X.astype(np.float32), "name"),
    {"deep": [Layer(np.ones((2, 2)), Pair(1, 2.0))], 3: X[::-1]}, X, 2.0, 3, np.float32(1.5), True, 1 + 2j,
    X.astype(X.dtype.newbyteorder()), np.zeros((0, 3)), [1, 2, 3], np.array(2.0),
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: type(tree).__name__)
def test_containers_go_in_and_come_out(tree):
    """Every leaf is doubled, and is an array then; numbers and booleans count as arrays of no axes."""

    def doubled(tree):
        return containers.map_leaves(lambda leaf: leaf * 2, tree)

    f = jit(counted(doubled))
    first, again = f(tree), f(tree)
    leaves: list = []
    structure = containers.flatten(first, leaves)
    assert containers.flatten(again, []) == structure
    for one, other in zip(leaves, containers.arrays_of(again), strict=True):
        np.testing.assert_array_equal(one, other)
    needed = containers.arrays_of(doubled(tree))
    for one, other in zip([leaf for leaf in leaves if np.result_type(leaf).kind in "fc"], needed, strict=False):
        np.testing.assert_array_equal(one, other)


def test_it_is_called_once_for_each_kind_of_arguments():
    f = counted(lambda x, n=1: x * n)
    jitted = jit(f)
    for arguments in [(X,), (2 * X,), (X, 2), (X, 3), (X, 2.0), (X, 2.5), (X[:2],), (X.astype(np.float32),)]:
        for _ in range(2):
            np.testing.assert_array_equal(jitted(*arguments), f(*arguments))
    assert CALLS[f] - 16 == 5, "of one array of two dtypes and two sizes, of one with an int and with a float"
    assert len(jitted.plans) == 5
    jitted.clear()
    jitted(X)
    assert CALLS[f] - 16 == 6
    rate = [2.0]
    scaled = jit(lambda x: np.sum(x * rate[0]))
    slope = grad(scaled)
    slope(X)
    rate[0] = 5.0
    assert slope(X)[0] == 2.0
    scaled.clear()
    assert slope(X)[0] == 5.0


BINARY = [
    lambda x, s: x * s, lambda x, s: s - x, lambda x, s: x / (1 + s), lambda x, s: np.where(x > 0, x, s),
    lambda x, s: np.maximum(x, s), lambda x, s: x ** (s * 2), lambda x, s: (s * 3 - s) * x,
    lambda x, s: np.clip(x, -s, s),
    lambda x, s: x - s * np.mean(x), lambda x, s: -s + x, lambda x, s: s**2 * x + s,
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(BINARY)))
@pytest.mark.parametrize("number", [0.5, 2, True, np.float32(0.5), np.float64(0.5), np.int64(2), 1e-3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_a_number_of_python_widens_no_floats(place, number, dtype):
    """The dtype is that of NumPy, for numbers of Python and for NumPy's own."""
    if number is True and place in (1, 9, 7):
        return  # NumPy has no negative of a boolean
    f, x = BINARY[place], np.array([1, 2, 3], dtype)
    jitted, needed = jit(f), f(x, number)
    for _ in range(2):
        found = jitted(x, number)
        assert found.dtype == needed.dtype
        np.testing.assert_allclose(found, needed, rtol=1e-3 if dtype is np.float16 else 1e-6)
    if dtype is np.float32:
        value, slope = value_and_grad(jit(lambda x, s: np.sum(f(x, s))))(x, number)
        assert (value.dtype, slope.dtype) == (np.sum(needed).dtype, dtype)


@given(st.permutations(["b", "a", "c"]), st.integers(0, 2))
def test_keywords_come_in_any_order(names, count):
    f = counted(lambda a, b, c: a - 2.0 * b + c**2)
    jitted = jit(f)
    values = {"a": 1.0, "b": 2.0, "c": 3.0}
    given_by_place = ["a", "b", "c"][:count]
    rest = {name: values[name] for name in names if name not in given_by_place}
    for _ in range(2):
        assert jitted(*[values[name] for name in given_by_place], **rest) == 6.0
        assert jitted(*[values[name] for name in given_by_place], **dict(reversed(rest.items()))) == 6.0
    assert CALLS[f] == 1 + (len(rest) > 1)


@given(st.permutations(["u", "v", "w"]), st.permutations(["u", "v", "w"]))
def test_a_dict_is_seen_in_its_order(first, second):
    values = {name: float(place + 2) for place, name in enumerate("uvw")}

    def f(p, **keywords):
        return [one * 2 for one in p.values()], {name: one + 1 for name, one in keywords.items()}

    jitted = jit(f)
    for order in (first, second, first, second):
        p = {name: values[name] for name in order}
        found, needed = jitted(p, **p), f(p, **p)
        assert (found[0], list(found[1].items())) == (needed[0], list(needed[1].items()))


def test_static_arguments_are_part_of_the_kind():
    def power(x, n, *, kind="plain", table=()):
        out = x
        for _ in range(n - 1):
            out = out * x
        return out + sum(table) if kind == "plain" else -out

    for settings_ in (
        {"static_argnums": (1,), "static_argnames": ("kind", "table")},
        {"static_argnames": ["n", "kind", "table"]},
    ):
        jitted = jit(power, **settings_)
        for n in (1, 2, 3, 2):
            np.testing.assert_array_equal(jitted(X, n), X**n)
            np.testing.assert_array_equal(jitted(X, n=n, kind="other"), -(X**n))
            np.testing.assert_array_equal(jitted(X, n, table=(1.0, 2.0)), X**n + 3)
    assert jit(lambda x, n: x * len(n), static_argnums=-1)(1.0, "abc") == 3.0
    zeros = jit(lambda x, s: np.copysign(x, s), static_argnums=1)
    assert [zeros(1.0, s) for s in (0.0, -0.0, 0, 0.0)] == [1.0, -1.0, 1.0, 1.0]
    assert [jit(lambda x, s: x * (2 if s is True else 3), static_argnums=1)(1.0, s) for s in (True, 1)] == [2, 3]
    derived = grad(jit(lambda x, n, s: np.sum(x**n) * s, static_argnums=(1, 2)))
    np.testing.assert_allclose(derived(X, 2, 3.0), 6 * X)
    np.testing.assert_allclose(jit(grad(lambda x, s: np.sum(x) * (s if s > 0 else 1.0)), static_argnums=1)(X, 4.0), 4)


def test_what_it_captures_is_fixed_but_for_parameters():
    rate, table, w = 2.0, np.ones(3), fg.Parameter(X, name="w")
    f = jit(lambda x: np.sum(x * table * w) * rate)
    slope = grad(f)
    first = f(X), slope(X)
    rate, table[:] = 5.0, 7.0
    assert f(X) == first[0]
    np.testing.assert_array_equal(slope(X), first[1])
    for k in range(3):
        w.value = k * X
        assert f(X) == pytest.approx(2.0 * k * np.sum(X**2))
        np.testing.assert_allclose(slope(X), 2.0 * k * X)
        np.testing.assert_allclose(jit(lambda x: f(x) + 1.0)(X), f(X) + 1)
    outer = jit(lambda x: x + f(X))
    assert [(setattr(w, "value", k * X), outer(1.0))[1] for k in (1, 2)] == [f(X) / 2 + 1, f(X) + 1]


def test_draws_are_made_in_each_call_and_repeated_by_a_seed():
    def f(x):
        return fg.dropout(x, 0.5) * fg.Random(lambda g, s: g.normal(size=s), shape=(30,))

    x = np.ones(30)
    free, seeded = jit(f), jit(f, seed=3)
    assert len({free(x).tobytes() for _ in range(5)}) == 5
    np.testing.assert_array_equal(seeded(x), seeded(x))
    np.testing.assert_array_equal(seeded(x), jit(f, seed=3)(x))
    assert not np.array_equal(seeded(x), jit(f, seed=4)(x))
    loss = lambda x: np.sum(f(x))  # noqa: E731
    needed = grad(loss, seed=7)(x)
    np.testing.assert_array_equal(jit(grad(loss, seed=7))(x), needed)
    np.testing.assert_array_equal(grad(jit(loss), seed=7)(x), needed)
    twice = jit(lambda x: (free(x), free(x)))
    assert not np.array_equal(*twice(x)), "each call of a function draws for itself"
    again = jit(lambda x: f(x) - f(x))(x)
    assert np.any(again != 0)


class Picky(fg.Elementwise):
    """A box that refuses negative numbers."""

    def fprop(self, a):
        if np.any(np.asarray(a) < 0):
            raise ValueError("needs numbers that are not negative")
        return np.asarray(a) * 1.0

    def bprop(self, grad, h, a):
        return (grad,)


unregister(Picky)


def test_errors_are_those_of_the_boxes_at_the_line_of_the_user():
    slope = jit(grad(lambda x: np.sum(Picky(x) ** 2)))
    for _ in range(2):
        np.testing.assert_allclose(slope(abs(X)), 2 * abs(X))
        with pytest.raises(ValueError, match="not negative") as error:
            slope(X)
        assert any(
            "in fprop of Picky" in note and __file__.rpartition("/")[2] in note for note in error.value.__notes__
        )
    with pytest.raises(ShapeError, match=r"(?s)MatMul.*built at test_jit.py"):
        jit(lambda a, b: a @ b)(np.ones((2, 3)), np.ones((2, 3)))
    log = jit(np.log)
    log(1.0)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        log(0.0)
    with np.errstate(divide="ignore"):
        assert log(0.0) == -np.inf
    assert np.isnan(jit(lambda x: x * 2)(np.nan))


class Drawing:
    def __init__(self, generator):
        self.parts = {"deep": [generator]}

    def __call__(self, x):
        return x * self.parts["deep"][0].normal()


def of_a_global(x):
    return x * SPACE["generator"].normal()


SPACE = {"generator": None}

DRAWS = {
    "numpy's RandomState": lambda: lambda x: x * np.random.rand(),  # noqa: NPY002
    "numpy's Generator": lambda: (lambda rng: lambda x: x * rng.normal())(np.random.default_rng(0)),
    "numpy's Generator, deep": lambda: Drawing(np.random.default_rng(3)),
    "numpy's Generator, bound": lambda: (lambda draw: lambda x: x * draw())(np.random.default_rng(1).normal),
    "numpy's Generator, global": lambda: SPACE.update(generator=np.random.default_rng(2)) or of_a_global,
    "numpy's RandomState, own": lambda: (lambda rng: lambda x: x * rng.rand())(np.random.RandomState(0)),
    "random's Random": lambda: lambda x: x * random.random(),
    "random's Random, own": lambda: (lambda rng: lambda x: x * rng.gauss(0, 1))(random.Random(0)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_generators_are_refused_by_name(name):
    with pytest.raises(UsageError, match=rf"numbers drawn from {name.partition(',')[0]}.*fg.Random.*seed="):
        jit(DRAWS[name]())(1.0)


W = fg.Parameter(2.0, name="w")


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: jit(3), UsageError, "jit: found a int, needs a function"),
        (lambda: jit(staticmethod(np.sin)), UsageError, "let @staticmethod stand above"),
        (lambda: jit(np.sin, backend="torch"), UsageError, "found backend='torch'"),
        (lambda: jit(np.sin, backend="javascript"), UsageError, "found backend='javascript'"),
        (lambda: jit(lambda x: None)(1.0), UsageError, "returned None, needs arrays and numbers"),
        (lambda: jit(lambda x: "text")(1.0), UsageError, "returned a str, needs arrays and numbers"),
        (lambda: jit(lambda x, n: x, static_argnums=1)(1.0, [1]), UsageError, "a list as the static argument 'n'"),
        (lambda: jit(lambda x, n: x, static_argnames="n")(1.0, n={}), UsageError, "a dict as the static argument 'n'"),
        (lambda: jit(lambda x, n: x)(1.0, {"f": np.sin}), UsageError, "found a ufunc as n['f'], needs arrays"),
        (lambda: jit(lambda x, n: x)(1.0, object()), UsageError, "name the argument in static_argnums"),
        (lambda: jit(lambda x: x, static_argnums=3), UsageError, "static_argnums=3, but it takes 1 positional"),
        (lambda: jit(lambda x: x, static_argnames="n"), UsageError, "but it has no argument 'n'"),
        (lambda: jit(lambda x: x, static_argnums="x"), UsageError, "needs places and names"),
        (lambda: jit(lambda x: x if x > 0 else -x)(1.0), UsageError, "np.where"),
        (lambda: jit(lambda x, n: sum(x for _ in range(n)))(1.0, 3), UsageError, "static_argnums or static_argnames"),
        (lambda: jit(lambda x: [1.0, 2.0][x] * x)(1), UsageError, "fg.scan or fg.while_loop"),
        (lambda: jit(lambda x: float(x))(1.0), UsageError, "under jit, which is called once for all values"),
        (lambda: jit(lambda x: np.asarray(x))(1), UsageError, "under jit, which is called once for all values"),
        (lambda: jit(lambda x: x * W.value)(1.0), UsageError, "compute with the parameter itself"),
        (lambda: jit(lambda x: x * float(fg.Graph(W * 1).fprop()))(1.0), UsageError, "compute with the parameter"),
        (lambda: jit(grad(lambda x: x**2))(3), DtypeError, "found dtype int64 at x, which is differentiated"),
        (lambda: jit(grad(lambda x: x * X))(1.0), UsageError, "only a scalar has a gradient"),
        (lambda: jit(np.sin).source, UsageError, "has not been called yet"),
        (lambda: jit(lambda x: x * fg.Input("y"))(1.0), UsageError, "found an input from outside of the function"),
        (lambda: jit(np.sin, cache=False), TypeError, "cache"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_clear_error(call, kind, text):
    with pytest.raises(kind) as error:
        call()
    assert text in str(error.value)


def test_methods_have_kinds_of_their_own_that_go_with_the_instance():
    class Model:
        def __init__(self, rate):
            self.rate = rate

        @jit
        def scaled(self, x):
            CALLS["scaled"] += 1
            return x * self.rate

        @jit(static_argnames="n")
        def power(self, x, n):
            return self.rate * sum(x for _ in range(n))

    class Slotted:
        __slots__ = ("rate",)

        @jit
        def scaled(self, x):
            return x * self.rate

    one, other = Model(2.0), Model(5.0)
    for _ in range(3):
        assert (one.scaled(1.0), other.scaled(1.0)) == (2.0, 5.0)
    assert CALLS["scaled"] == 2
    assert (one.power(2.0, 3), other.power(2.0, n=2), grad(one.power)(1.0, 4)) == (12.0, 20.0, 8.0)
    assert Model.scaled is Model.__dict__["scaled"]
    slotted = Slotted()
    slotted.rate = 3.0
    assert slotted.scaled(2.0) == 6.0
    kinds = Model.__dict__["scaled"]._of_instances
    assert len(kinds) == 2
    del one
    assert len(kinds) == 1
    copied = copy.deepcopy(other)
    copied.rate = 7.0
    assert copied.scaled(1.0) == 7.0


def test_what_runs_is_told():
    f = jit(lambda x: np.sum(np.tanh(x) ** 2))
    assert repr(f) == "<jit of <lambda>: not called yet>"
    f(X)
    assert repr(f) == "<jit of <lambda>: 1 plan, the last: 4 boxes by numpy for x (3,) float64>"
    assert "tanh(x" in f.source
    assert isinstance(f.graph, fg.Graph)
    assert [plan.source for plan in f.plans] == [f.source]
    part = jit(lambda x: jit(lambda y: y * x))
    assert part.__name__ == "<lambda>"
    h = fg.Input("h", shape=(2,))
    assert isinstance(f(h), fg.Box), "boxes in, boxes out"
    np.testing.assert_allclose(fg.Graph(f(h)).fprop(h=X[:2]).outputs[0], f(X[:2]))
    assert len(fg.trace(f, {"x": ("N",)}, x=X).boxes) == 4


def test_a_closure_over_the_arguments_of_a_function_around_it():
    def f(x):
        inner = jit(lambda y: y * x)
        assert isinstance(inner(2.0), fg.Box)
        return inner(2.0) * inner(x)  # 2 x³

    assert grad(f)(3.0) == 54.0
    assert jit(grad(f))(3.0) == 54.0
    kept = []
    assert grad(lambda x: kept.append(jit(lambda y: y * x)) or kept[0](x))(1.0) == 2.0
    with pytest.raises(UsageError, match="Input 'x': found a box that the function has kept from another call"):
        kept[0](1.0)


def test_scipy_minimises_it():
    optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed")

    def rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    fun = jit(value_and_grad(rosenbrock))
    found = optimize.minimize(fun, np.zeros(5), jac=True, method="BFGS")
    np.testing.assert_allclose(found.x, np.ones(5), atol=1e-4)
    assert len(fun.plans) == 1


def test_threads_call_it_once_and_do_not_share_buffers():
    f = counted(lambda x, k: np.sum(np.tanh(x * k) ** 2))
    slope = jit(grad(f))
    x, wrong = np.linspace(-1, 1, 5000), []
    needed = {k: grad(lambda x, k=k: np.sum(np.tanh(x * k) ** 2))(x) for k in range(4)}

    def work(k):
        for _ in range(30):
            if not np.allclose(slope(x, float(k)), needed[k], rtol=1e-12, atol=0):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
    assert CALLS[f] == 1


def _in_child(queue):
    queue.put(float(FORKED(2.0)))


FORKED = jit(lambda x: x**2 + 1.0)


def test_it_runs_in_a_forked_process():
    FORKED(1.0)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks while threads run
        process = context.Process(target=_in_child, args=(queue,))
        process.start()
    assert queue.get(timeout=600) == 5.0
    process.join()


def squared(x):
    return np.sum(x**2)


@jit
def of_the_module(x):
    return 3 * x


class OfTheModule:
    @staticmethod
    @jit
    def doubled(x):
        return 2 * x


def test_copies_have_no_graphs():
    f = jit(squared, seed=3)
    f(X)
    for other in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f)):
        assert other.plans == ()
        assert other(X) == f(X)
    assert pickle.loads(pickle.dumps(of_the_module)) is of_the_module
    assert pickle.loads(pickle.dumps(OfTheModule.doubled)) is OfTheModule.doubled
    assert OfTheModule().doubled(2.0) == 4.0
    assert pickle.loads(pickle.dumps(grad(f)))(X).tolist() == (2 * X).tolist()


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("backend", ["numba", "jax"])
def test_other_back_ends_give_the_same(backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    rng = np.random.default_rng(0)
    W1, W2, x = (rng.normal(size=size) for size in ((4, 5), (5, 2), (3, 4)))

    def loss(p, x):
        return {"loss": np.mean(np.tanh(x @ p["W1"]) @ p["W2"]), "n": x.shape[0]}

    p = {"W1": W1, "W2": W2}
    f = jit(loss, backend=backend)
    slope = jit(grad(lambda p, x: loss(p, x)["loss"]), backend=backend)
    for _ in range(2):
        np.testing.assert_allclose(f(p, x)["loss"], loss(p, x)["loss"], rtol=1e-6)
        assert f(p, x)["n"] == 3
        for name, one in grad(lambda p: loss(p, x)["loss"])(p).items():
            np.testing.assert_allclose(slope(p, x)[name], one, rtol=1e-5)
            assert isinstance(slope(p, x)[name], np.ndarray)
    assert f"by {backend}" in repr(slope)


def test_a_function_may_call_itself_under_jit():
    @jit
    def folded(x):
        return x[0] if x.shape[0] == 1 else folded(x[:-1] + x[1:])

    assert folded(np.arange(4.0)) == 12.0
    np.testing.assert_array_equal(grad(folded)(np.arange(4.0)), [1, 3, 3, 1])
    assert len(folded.plans) == 4


SIGNATURES = [(lambda x: x, 1, False), (lambda x, y: x, 2, False), (lambda x, *more: x, 1, True)]


@pytest.mark.parametrize(("f", "count", "several"), SIGNATURES, ids=["one", "two", "one and more"])
@pytest.mark.parametrize("place", range(-4, 5))
def test_a_static_place_is_one_that_an_argument_can_stand_at(f, count, several, place):
    if -count <= place < count or (several and place >= 0):
        jit(f, static_argnums=place)
    else:
        with pytest.raises(UsageError, match=f"static_argnums={place}, but it takes {count} positional"):
            jit(f, static_argnums=place)
