"""fg.scan: the values and derivatives of the loop written out, of any order, in graphs and plans; what it refuses."""

import functools
import itertools
import tracemalloc

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.loops.body import fit_body
from flowgraph.loops.boxes import Scan
from flowgraph.loops.numbers import in_numbers
from tests.loops.bodies import assert_close as agree
from tests.loops.bodies import dear, leaves, objective, random_body, unrolled

SHAPES = [(), (2,), (3, 3)]
assert_close = functools.partial(agree, single=1e-4)


def both(seed, shape, dtype=float, length=5, **how):
    """The objective of a random loop as one box, and written out; the leaves, and what is fed."""
    rng = np.random.default_rng(seed)
    body_on = random_body(rng, shape)
    first, x, outer = leaves(rng, shape, dtype, length)
    body = body_on(outer)
    one = objective(itertools.chain(*fg.scan(body, tuple(first), x, **how)))
    other = objective(itertools.chain(*unrolled(body, tuple(first), x, length, how.get("reverse", False))))
    return one, other, [*first, x, *outer], {"x": rng.normal(size=x.shape).astype(dtype)}


def reached(loss, wrt):
    return [box for box in wrt if box in fg.Graph(loss)]


@pytest.mark.parametrize("how", [{}, {"reverse": True}, {"checkpoint": 2}, {"checkpoint": 2, "reverse": True}], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_a_loop_is_the_loop_written_out(seed, shape, dtype, how):
    one, other, wrt, fed = both(seed, shape, dtype, **how)
    wrt = reached(other, wrt)
    results = [[loss, *fg.gradient(loss, wrt)] for loss in (one, other)]
    found, needed = (fg.Graph(*boxes).fprop(fed).outputs for boxes in results)
    assert_close(found, needed, dtype)
    assert_close(fg.compile(results[0])(fed), needed, dtype)
    swept = fg.Graph(one).fprop(fed).bprop(wrt=wrt)
    assert_close([swept[box] for box in wrt], needed[1:], dtype)


@pytest.mark.parametrize("how", [{}, {"checkpoint": 3}], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(10, 13))
def test_second_derivatives_and_slopes_are_those_of_the_loop_written_out(seed, shape, how):
    one, other, wrt, fed = both(seed, shape, length=4, **how)
    wrt = reached(other, wrt)
    along = [np.random.default_rng(seed).normal(size=box.shape) for box in wrt]
    results = [[*fg.hvp(loss, wrt, along), fg.jvp(loss, wrt, along)] for loss in (one, other)]
    found, needed = (fg.Graph(*boxes).fprop(fed).outputs for boxes in results)
    assert_close(found, needed)
    assert_close(fg.compile(results[0])(fed), needed)


def test_checkpoints_keep_fewer_carries():
    def bytes_at_most(**how):
        first = fg.Parameter(np.ones(2000), name="first")
        last, _ = fg.scan(lambda c, _: (np.sin(c * 1.01), None), first, length=400, **how)
        plan = fg.compile(fg.gradient(fg.sum(last), [first]))
        plan()
        tracemalloc.start()
        plan()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert bytes_at_most(checkpoint=20) < bytes_at_most() / 4


def test_a_step_computes_nothing_dear_again():
    calls = []
    box = dear(calls)
    first = fg.Parameter(np.ones((9, 9)), name="first")
    last, _ = fg.scan(lambda c, _: (box(c) * 0.5, None), first, length=7)
    plan = fg.compile(fg.gradient(fg.sum(last), [first]))
    plan()
    calls.clear()
    (found,) = plan()
    np.testing.assert_allclose(found, 0.5**7)
    assert len(calls) == 7


@pytest.mark.parametrize("shape", [(3,), (9, 9)], ids=str)
@pytest.mark.parametrize("length", [0, 3])
def test_results_share_no_memory(shape, length):
    first, x = np.ones(shape), np.ones((length, *shape))
    results = [*fg.scan(lambda c, e: (c + e * np.tanh(c), (c, c + e)), first, x)]
    arrays = [first, x, results[0], *results[1]]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def sums(x):
    return fg.scan(lambda total, new: (total + new * new, total), 0.0, x)


def test_the_number_of_steps_may_be_a_name():
    x = fg.Input("x", shape=("T",))
    last, before = sums(x)
    graph = fg.Graph(last, before)
    assert before.shape == ("T",)
    (dx,) = fg.gradient(last, [x])
    plan = fg.compile([last, before, dx])
    for length in (3, 1, 0, 5):
        fed = np.arange(1.0, length + 1)
        for found in (graph.fprop(x=fed).outputs, plan(x=fed)[:2]):
            np.testing.assert_array_equal(found[0], np.sum(fed**2))
            np.testing.assert_array_equal(found[1], np.cumsum(fed**2) - fed**2)
        np.testing.assert_array_equal(plan(x=fed)[2], 2 * fed)


def test_the_batch_may_be_a_name_and_carries_integers():
    x = fg.Input("x", shape=("T", "N", 2))
    w = fg.Parameter(np.array([[1.0, -0.5], [0.25, 2.0]]), name="w")
    (h, count), _ = fg.scan(lambda c, e: ((np.tanh(c[0] @ w + e), c[1] + 1), None), (x[0] * 0.0, 0), x)
    (dw,) = fg.gradient(fg.sum(h), [w])
    fed = np.random.default_rng(0).normal(size=(4, 3, 2))
    state = np.zeros((3, 2))
    for e in fed:
        state = np.tanh(state @ w.value + e)
    for found in (fg.Graph(h, count, dw).fprop(x=fed).outputs, fg.compile([h, count, dw])(x=fed)):
        np.testing.assert_allclose(found[0], state, rtol=1e-12)
        assert found[1] == 4
        assert found[2].shape == (2, 2)


def test_complex_carries():
    z, w = fg.Parameter(1.0 + 2.0j, name="z"), fg.Parameter(0.5 - 0.25j, name="w")
    losses = []
    last, _ = fg.scan(lambda c, _: (c * w + 1j * c * c * 0.1, None), z, length=3)
    losses.append(fg.sum(np.abs(last) ** 2))
    c = z
    for _ in range(3):
        c = c * w + 1j * c * c * 0.1
    losses.append(fg.sum(np.abs(c) ** 2))
    found, needed = (fg.Graph(*fg.gradient(loss, [z, w])).fprop().outputs for loss in losses)
    assert_close(found, needed)
    assert_close([fg.Graph(losses[0]).fprop().bprop()[box] for box in (z, w)], needed)


def test_loops_stand_in_loops():
    x = fg.Input("x", shape=("T", 3))
    p = fg.Parameter(0.5, name="p")

    def row(carry, elements):
        last, _ = fg.scan(lambda c, e: (np.sin(c * p + e), None), carry, elements)
        return last, last

    last, _ = fg.scan(row, 0.0, x)
    c = 0.0 * p
    fixed = fg.Input("x", shape=(4, 3))
    for i in range(4):
        for j in range(3):
            c = np.sin(c * p + fixed[i, j])
    fed = np.random.default_rng(1).normal(size=(4, 3))
    needed = fg.Graph(*fg.gradient(c, [fixed, p])).fprop(x=fed).outputs
    assert_close(fg.Graph(*fg.gradient(last, [x, p])).fprop(x=fed).outputs, needed)


def test_a_division_by_zero_is_numpys():
    x = fg.Input("x", shape=("T",))
    last, _ = fg.scan(lambda c, e: (c + 1.0 / e, None), 0.0, x)
    graph = fg.Graph(last)
    assert float(graph.fprop(x=[1.0, 2.0])) == 1.5
    with np.errstate(divide="ignore"):
        assert float(graph.fprop(x=[1.0, 0.0])) == np.inf
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        graph.fprop(x=[1.0, 0.0])


def test_an_overflow_is_numpys():
    last, _ = fg.scan(lambda c, _: (c * c, None), fg.Parameter(10.0, name="first"), length=12)
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert float(fg.Graph(last).fprop()) == np.inf


def test_of_arrays_alone_it_gives_arrays():
    last, before = fg.scan(lambda c, e: (c + e, c), np.zeros(2), np.ones((3, 2)))
    np.testing.assert_array_equal(last, [3.0, 3.0])
    np.testing.assert_array_equal(before, [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])


def test_it_is_traced_once_and_runs_in_functions():
    calls = []

    def f(p, x):
        def body(c, e):
            calls.append(1)
            return np.tanh(p * c + e), None

        last, _ = fg.scan(body, p * 0.0, x)
        return last

    grad = fg.functional.grad(f)
    x = np.random.default_rng(2).normal(size=50)
    found = [grad(p, x) for p in (0.5, 0.75, 0.5)]
    assert len(calls) <= 3
    assert found[0] == found[2] != found[1]
    quotient = (f(0.5 + 1e-6, x) - f(0.5 - 1e-6, x)) / 2e-6
    np.testing.assert_allclose(found[0], quotient, rtol=1e-6)


def test_functions_tell_bodies_apart():
    bodies = {
        "times": lambda c, e: (c * e, None),
        "half": lambda c, e: (c * e * 0.5, None),
        "plus": lambda c, e: (c + e, None),
    }
    which = ["times"]
    grad = fg.functional.grad(lambda x: fg.scan(bodies[which[0]], 1.0, x)[0])
    x = np.array([2.0, 3.0])
    for name, needed in [("times", [3.0, 2.0]), ("half", [0.75, 0.5]), ("plus", [1.0, 1.0]), ("times", [3.0, 2.0])]:
        which[0] = name
        np.testing.assert_array_equal(grad(x), needed)


X = fg.Input("x", shape=("T", 2))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (
            lambda: fg.scan(lambda c, e: (c[0], None), np.zeros(2), X),
            fg.ShapeError,
            r"makes of carry \(2,\) float64 one",
        ),
        (
            lambda: fg.scan(lambda c, e: (c + e, None), np.zeros(2, "f4"), X),
            TypeError,
            "give the first carry with dtype",
        ),
        (lambda: fg.scan(lambda c, e: (c + 0.5, None), 0, X), TypeError, "'float64'"),
        (lambda: fg.scan(lambda c, e: c + e, np.zeros(2), X), TypeError, "returned a Add, needs a tuple of two"),
        (lambda: fg.scan(lambda c, e: ((c, c), None), np.zeros(2), X), TypeError, "a carry of 2 arrays, needs 1"),
        (lambda: fg.scan(lambda c, e: (c, "text"), np.zeros(2), X), TypeError, "needs boxes"),
        (lambda: fg.scan(lambda c, e: (c, None), np.zeros(2)), TypeError, "no inputs and no length="),
        (lambda: fg.scan(lambda c, e: (c, None), np.zeros(2), ()), TypeError, "no inputs and no length="),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, 1.0), fg.ShapeError, "without axes"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, (np.ones(2), np.ones(3))), fg.ShapeError, "2, 3 steps"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, np.ones(2), length=3), fg.ShapeError, "3, 2 steps"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, length=-1), TypeError, "length=-1"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, length="N"), TypeError, "length='N'"),
        (lambda: fg.scan(lambda c, e: (c, None), np.zeros(2), X, checkpoint=2), TypeError, "inputs of a named size"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, length=3, checkpoint=0), TypeError, "checkpoint=0"),
        (lambda: fg.scan(3, 0.0, length=3), TypeError, "found a int as the body"),
        (lambda: fg.scan(lambda c, e: (c, None), "zero", length=3), TypeError, "in carry"),
        (lambda: fg.scan(lambda c, e: (c if c > 0 else -c, None), 0.5, length=3), TypeError, "value"),
    ],
)
def test_what_is_wrong_is_said_on_the_line_of_the_user(build, error, text):
    with pytest.raises(error, match=text) as caught:
        build()
    assert isinstance(caught.value, fg.FlowgraphError)


def test_lengths_that_differ_in_a_run_are_refused():
    x, y = fg.Input("x", shape=("T",)), fg.Input("y", shape=("T",))
    last, _ = fg.scan(lambda c, e: (c + e[0] * e[1], None), 0.0, (x, y))
    with pytest.raises(fg.ShapeError):
        fg.Graph(last).fprop(x=[1.0], y=[1.0, 2.0])
    some = np.nonzero(x)[0].astype(float)  # as many as a run finds
    last, _ = fg.scan(lambda c, e: (c + e[0] * e[1], None), 0.0, (some, y))
    assert float(fg.Graph(last).fprop(x=[1.0, 1.0], y=[1.0, 2.0])) == 2
    for run in (fg.Graph(last).fprop, fg.compile(last)):
        with pytest.raises(fg.ShapeError, match="inputs of 1 and of 2 steps"):
            run(x=[1.0, 0.0], y=[1.0, 2.0])
    z = fg.Input("z", shape=("S",))
    with pytest.raises(fg.ShapeError, match="T, S steps"):
        fg.scan(lambda c, e: (c + e[0] * e[1], None), 0.0, (x, z))


OF_NUMBERS = [
    np.tanh, np.sin, np.exp, np.square, np.reciprocal, np.negative, np.abs, np.sqrt, np.log1p, lambda c: c**3,
    lambda c: 2 / c, lambda c: np.sum(c * np.ones(2)), lambda c: np.dot(np.stack([c, c]), np.ones(2)),
    lambda c: np.stack([c, c])[1], lambda c: np.mean(np.reshape(c, (1, 1))),
]  # fmt: skip


@pytest.mark.parametrize("f", OF_NUMBERS)
def test_a_body_of_few_numbers_is_computed_without_arrays(f):
    """What Python's `math` has is taken as it is: no silent way back to NumPy, which takes many times as long."""
    last, _ = fg.scan(lambda c, e: (f(c) + e, None), 1.5, fg.Input("x", shape=(4,)))
    (loop,) = [box for box in fg.Graph(last) if isinstance(box, Scan)]
    assert in_numbers(fit_body(loop.body, loop.of_step([child.spec for child in loop.children]))) is not None
