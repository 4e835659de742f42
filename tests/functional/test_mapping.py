"""A function over many examples gives what a loop over the examples gives: all axes, containers, boxes, derivatives."""

import copy
import math
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.box.tape import Tape
from flowgraph.errors import ShapeError, UsageError
from flowgraph.functional import grad, hessian, jacobian, jvp, trace, value_and_grad, vjp, vmap
from flowgraph.loops.containers import arrays_of, flatten, like

W, X = np.array([1.0, -2.0, 0.5]), np.linspace(-1, 1, 12).reshape(4, 3)


def at(value, axes, i):
    """The example of a number in a container whose arrays have their examples in these axes, one for each array."""
    leaves = [one if axis is None else np.take(one, i, axis) for one, axis in zip(arrays_of(value), axes, strict=True)]
    return like(value, leaves)


def looped(f, args, axes, out_axes, count):
    """The same by a loop: each example by itself, the results stacked."""
    results = [f(*[at(one, axis, i) for one, axis in zip(args, axes, strict=True)]) for i in range(count)]
    columns = zip(*[arrays_of(result) for result in results], strict=True)
    stacked = [one[0] if axis is None else np.stack(one, axis) for one, axis in zip(columns, out_axes, strict=True)]
    return like(results[0], stacked)


def assert_same(found, needed, **settings):
    assert flatten(found, []) == flatten(needed, [])
    for one, other in zip(arrays_of(found), arrays_of(needed), strict=True):
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_allclose(one, other, **{"rtol": 1e-10, "atol": 1e-12, **settings})


FUNCTIONS = {
    "product": lambda p, x: p["w"] @ x + p["b"],
    "layer": lambda p, x: {"h": np.tanh(x * p["w"]), "sum": (np.sum(x), x.T)},
    "lookup": lambda p, x: [np.sort(x)[np.argmax(x)], np.where(x > 0, x, p["b"] * x)],
    "control": lambda p, x: sum((np.max(p["w"] * x) ** k for k in range(3)), start=0.0),
    "matrix": lambda p, x: np.linalg.det(np.outer(x, p["w"]) + np.eye(3)) + np.linalg.norm(x),
    "softmax": lambda p, x: fg.softmax(x + p["b"]) @ np.cumsum(p["w"]),
    "gradient": lambda p, x: grad(lambda p: np.sum(np.sin(p["w"] * x) * p["b"]))(p),
}


@given(
    st.sampled_from(sorted(FUNCTIONS)), st.sampled_from([None, 0, 1, -1]), st.sampled_from([None, 0, -1]),
    st.sampled_from([0, 1, -2, -1]), st.integers(0, 4), st.integers(0, 99),
)  # fmt: skip
def test_it_is_a_loop_over_the_examples(name, of_w, of_b, of_x, count, seed):
    rng = np.random.default_rng(seed)
    f = FUNCTIONS[name]

    def drawn(shape, axis):
        one = rng.normal(size=(count, *shape))
        return rng.normal(size=shape) if axis is None else np.moveaxis(one, 0, axis)

    args = ({"w": drawn((3,), of_w), "b": drawn((), of_b)}, drawn((3,), of_x))
    axes = ({"w": of_w, "b": of_b}, of_x)
    found = vmap(f, axes)(*args)
    if count:
        outs = [0] * len(arrays_of(found))
        assert_same(found, looped(f, args, ((of_w, of_b), (of_x,)), outs, count))
        vectors = [i for i, one in enumerate(arrays_of(found)) if np.ndim(one) > 1]
        outs = [-1 if i in vectors else 0 for i in range(len(outs))]
        moved = vmap(f, axes, like(found, outs) if isinstance(found, dict | list) else outs[0])(*args)
        assert_same(moved, looped(f, args, ((of_w, of_b), (of_x,)), outs, count))
    assert all(np.shape(one)[0] == count for one in arrays_of(found))


def test_derivatives_inside_and_outside():
    def loss(w, x):
        return np.sum(np.sin(w * x) ** 2) * x[0]

    each = vmap(grad(loss), (None, 0))(W, X)
    np.testing.assert_allclose(each, [grad(loss)(W, x) for x in X])
    np.testing.assert_allclose(grad(lambda w: np.sum(vmap(loss, (None, 0))(w, X)))(W), each.sum(0))
    np.testing.assert_allclose(jacobian(lambda w: vmap(loss, (None, 0))(w, X))(W), each)
    values, slopes = vmap(value_and_grad(loss, 1), (None, 0))(W, X)
    np.testing.assert_allclose(values, [loss(W, x) for x in X])
    np.testing.assert_allclose(slopes, [grad(loss, 1)(W, x) for x in X])
    np.testing.assert_allclose(vmap(hessian(loss), (None, 0))(W, X), [hessian(loss)(W, x) for x in X])
    along = vmap(jvp(loss), (None, 0, 0))(W, X, X)
    np.testing.assert_allclose(along, [g @ x for g, x in zip(each, X, strict=True)])
    np.testing.assert_allclose(jvp(lambda w: vmap(loss, (None, 0))(w, X))(W, W), each @ W)
    np.testing.assert_allclose(vjp(lambda w: vmap(loss, (None, 0))(w, X))(W, np.arange(4.0)), np.arange(4.0) @ each)
    per_example = vmap(grad(lambda w: np.sum(vmap(loss, (0, None))(w, X[0]))))(np.stack([X, X + 1]))
    np.testing.assert_allclose(per_example[1], [grad(loss)(w, X[0]) for w in X + 1])


def test_maps_inside_maps():
    table = vmap(vmap(lambda a, b: a - 2 * b, (None, 0)), (0, None))(np.arange(3.0), np.arange(4.0))
    np.testing.assert_array_equal(table, np.subtract.outer(np.arange(3.0), 2 * np.arange(4.0)))
    turned = vmap(vmap(lambda x: np.cumsum(x) @ x, 1), 2)(np.arange(24.0).reshape(2, 3, 4))
    needed = [[np.cumsum(one) @ one for one in part.T] for part in np.moveaxis(np.arange(24.0).reshape(2, 3, 4), 2, 0)]
    np.testing.assert_allclose(turned, needed)


@pytest.mark.sampled(one_in=4)
def test_it_agrees_with_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis in (0, 1, 2, -1, -3):
        for out in (0, 1, -1):
            mine = vmap(lambda a: {"s": np.sort(np.sin(a), axis=1), "t": a.T @ a}, axis, {"s": out, "t": 0})(x)
            theirs = jax.vmap(lambda a: {"s": jnp.sort(jnp.sin(a), axis=1), "t": a.T @ a}, axis, {"s": out, "t": 0})(x)
            assert_same(mine, {key: np.asarray(one) for key, one in theirs.items()})
    given = ({"a": x, "b": [W, x]}, X[:2, 0])
    axes = ({"a": 2, "b": [None, -1]}, None)
    mine = vmap(lambda d, s: (d["a"] * d["b"][0], d["b"][1] + s[0], s), axes, (1, 0, None))(*given)
    theirs = jax.vmap(lambda d, s: (d["a"] * d["b"][0], d["b"][1] + s[0], s), axes, (1, 0, None))(*given)
    assert_same(mine, tuple(map(np.asarray, theirs)))
    for wrong in (
        lambda v, np: v(lambda x: x, in_axes=None)(x), lambda v, np: v(lambda x, y: x + y)(x, W),
        lambda v, np: v(lambda x, y: x + y, (0,))(x, x), lambda v, np: v(lambda x: x, 3)(x),
        lambda v, np: v(lambda x: x, 0, None)(x), lambda v, np: v(lambda x: x, 0, 3)(x), lambda v, np: v(np.sin)(2.0),
        lambda v, np: v(lambda d: d["a"], ({"b": 0},))({"a": x}),
        lambda v, np: v(lambda x: x if x[0, 0] > 0 else -x)(x),
    ):  # fmt: skip
        with pytest.raises((UsageError, ShapeError)):
            wrong(vmap, np)
        with pytest.raises((ValueError, TypeError, jax.errors.TracerBoolConversionError)):
            wrong(jax.vmap, jnp)


def test_keywords_whole_numbers_and_what_is_the_same_for_all():
    def f(x, k, *, scale):
        return x**k * scale, k, 3.0, np.arange(2)

    powers, k, three, both = vmap(f, (0, None))(X, 2, scale=W[:1].repeat(4))
    np.testing.assert_array_equal(powers, X**2)
    np.testing.assert_array_equal(k, [2] * 4)
    np.testing.assert_array_equal(three, [3.0] * 4)
    np.testing.assert_array_equal(both, [[0, 1]] * 4)
    assert both.dtype == np.arange(2).dtype
    np.testing.assert_array_equal(vmap(lambda x: 5)(X), [5] * 4)
    same, rows = vmap(lambda x, y: (y * 2, x + y), (0, None), (None, 0))(X, W)
    np.testing.assert_array_equal(same, 2 * W)
    np.testing.assert_array_equal(rows, X + W)


def test_what_is_read_from_outside_is_read_in_each_call():
    shift = 1.0
    moved = vmap(lambda x: x + shift)
    for shift in (1.0, 1.0, 1.0, 2.0, 2.0, -1.0):
        np.testing.assert_array_equal(moved(X), X + shift)


def test_it_works_on_boxes_with_named_sizes_and_is_traced():
    x = fg.Input("x", shape=("N", 3))
    scores = vmap(lambda x: np.sum(np.sin(x) * W))(x)
    assert scores.shape[0] == x.shape[0]
    slope = fg.gradient(fg.sum(scores), [x])[0]
    for rows in (X, X[:1]):
        np.testing.assert_allclose(fg.Graph(slope).fprop(x=rows)[slope], np.cos(rows) * W)
    graph = trace(vmap(lambda x: np.sum(x**2)), x=X)
    np.testing.assert_allclose(graph.fprop(x=X)[graph.outputs[0]], (X**2).sum(1))


def test_a_product_of_every_example_with_one_matrix_is_one_product():
    A = np.ones((3, 5))
    graph = trace(vmap(lambda x: x @ A), x=X)
    assert [type(box).__name__ for box in graph if box.children] == ["MatMul"]


def test_copies_and_names():
    mapped = vmap(np.sin, 1)
    assert (repr(mapped), mapped.__name__) == ("<vmap of sin>", "vmap_sin")
    for again in (copy.deepcopy(mapped), pickle.loads(pickle.dumps(mapped))):
        np.testing.assert_array_equal(again(X), np.sin(X.T))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: vmap(lambda w, x: w @ x)(W, X), ShapeError, "found 3 examples in w and 4 in x, needs as many in each"),
        (lambda: vmap(np.sin, None)(X), UsageError, "no array to map over with in_axes=None, needs an axis of one"),
        (lambda: vmap(np.add, (0,))(X, X), UsageError, "in_axes=(0,) and 2 positional arguments, needs an axis, or N"),
        (lambda: vmap(np.sin, 2)(X), ShapeError, "an array of shape (4, 3), which has no axis 2 of examples; give"),
        (lambda: vmap(lambda x, k: x)(X, 3), ShapeError, "found k, a number, which has no axis 0 of examples; give it"),
        (lambda: vmap(lambda x: x, "0")(X), UsageError, "found in_axes='0' for x, an array; needs a whole number"),
        (lambda: vmap(lambda x: x, True)(X), UsageError, "found in_axes=True for x"),
        (lambda: vmap(np.sin, 0, None)(X), UsageError, "out_axes=None for result, which differs between the examples"),
        (lambda: vmap(np.sin, 0, 2)(X), ShapeError, "out_axes=2 for result, which has the shape (4, 3) over all exam"),
        (lambda: vmap(lambda x: (x, "a"))(X), UsageError, "returned 'a' as result[1], needs arrays and floats"),
        (lambda: vmap(lambda x: x, 0, (0, 0))(X), UsageError, "found out_axes=(0, 0) for result"),
        (lambda: vmap(lambda x: fg.dropout(x, 0.5))(X), UsageError, "which draws once for all examples; draw outside"),
        (lambda: vmap(lambda x: x if fg.Random(lambda g, shape: g.normal(), shape=()) > 0 else -x)(X), UsageError,
            "which draws once for all examples"),
            ],
)  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


ASKING = {
    "choose with np.where": lambda x: abs(x) if np.sum(x) > 0 else x,
    "with np.sin in place of math.sin": lambda x: math.sin(np.sum(x)) * x,
    "index an array by fg.Constant(array)[box]": lambda x: np.arange(5.0)[(x > 0).astype(int)] * x,
    "index with the box itself": lambda x: sum(x for _ in range(np.argmax(x))),
}
LIKE_ONES, DIFFERENT = np.ones((2, 3, 4)), np.eye(4)[np.array([[3, 1, 2], [1, 2, 3]])] * [-8, 1, 2, -4]


@pytest.mark.parametrize("way_out", ASKING)
@pytest.mark.parametrize("by", ["nothing", "each example", "all examples"])
def test_examples_that_differ_have_no_number_and_that_is_said(by, way_out):
    def f(x):
        return np.sum(ASKING[way_out](x))

    mapped = vmap(vmap(grad(f) if by == "each example" else f))
    lost = "math.sin" in way_out and by != "nothing"
    with pytest.raises(UsageError, match="differentiated" if lost else "same in all examples of vmap of .*") as caught:
        (mapped if by != "all examples" else grad(lambda x: np.sum(mapped(x))))(DIFFERENT)
    assert way_out in str(caught.value)


@pytest.mark.parametrize("f", [*ASKING.values(), lambda x: x[np.asarray(x > 0)]])
def test_examples_that_agree_have_a_number(f):
    np.testing.assert_allclose(vmap(vmap(f))(LIKE_ONES), [[f(row) for row in rows] for rows in LIKE_ONES])


def test_nothing_is_decided_of_no_example():
    with pytest.raises(UsageError, match="not the same in all examples"):
        vmap(lambda x: x if x > 0 else -x)(np.ones(0))


ANSWERS = {
    "truth": lambda x, c: bool(np.sum(x) > c),
    "number as truth": lambda x, c: bool(x[0] - c),
    "place": lambda x, c: int(np.argmax(x * c)),
    "index": lambda x, c: operator.index(np.sum(x > c)),
    "mask": lambda x, c: tuple(np.asarray(x > c).tolist()),
    "number": lambda x, c: float(np.round(np.sum(x) * c)),
}
"""How a function asks for numbers; the last of them of what a derivative is taken by, where it is refused."""

numbers = st.sampled_from([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])


@st.composite
def examples_of(draw):
    """Two axes of examples of three numbers, which are often the same, or nearly."""
    rows = draw(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=3))
    places = draw(st.lists(st.lists(st.integers(0, len(rows) - 1), min_size=3, max_size=3), min_size=1, max_size=2))
    return np.array(rows)[np.array(places)] + draw(st.sampled_from([0, 1e-3])) * np.arange(len(places))[:, None, None]


@pytest.mark.parametrize("way", ["values", "gradients", "gradient of a sum"])
@settings(max_examples=60, deadline=None)
@given(data=st.data(), x=examples_of())
def test_a_function_decides_where_all_examples_decide_alike_and_is_refused_elsewhere(way, data, x):
    kinds = [*ANSWERS][: None if way == "values" else -1]
    steps = data.draw(st.lists(st.tuples(st.sampled_from(["sine", "shift", "sum", *kinds]), numbers), max_size=6))
    asked = []

    def f(x):
        asked.append([])
        for step, c in steps:
            if step in ANSWERS:
                answer = ANSWERS[step](x, c)
                asked[-1].append((step, repr(answer)))  # which tells -0.0 from 0.0
                x = x * (2 + hash(answer) % 5) + c
            else:
                x = {"sine": np.sin(x), "shift": x + c, "sum": x + np.sum(x)}[step]
        return np.sum(x * x)

    g = f if way == "values" else grad(f)
    needed = np.array([[g(row) for row in rows] for rows in x])
    alike = all(one == asked[0] for one in asked)
    mapped = grad(lambda x: np.sum(vmap(vmap(f))(x))) if way == "gradient of a sum" else vmap(vmap(g))
    asked.clear()
    if not alike:
        with pytest.raises(UsageError, match="not the same in all examples"):
            mapped(x)
        return
    np.testing.assert_allclose(mapped(x), needed, rtol=1e-12)
    assert len(asked) == 1


def test_what_is_asked_in_turn_is_gone_over_once(monkeypatch):
    """So that a later decision takes no more steps than an earlier one."""
    steps, halves = [], []
    for name in ("value_of", "_is_read"):
        of_tape = getattr(Tape, name)
        monkeypatch.setattr(Tape, name, lambda tape, box, of_tape=of_tape: steps.append(box) or of_tape(tape, box))

    def f(x):
        for _ in range(2):
            for _ in range(30):
                x = np.sin(x) if x > -5 else x
            halves.append(len(steps))
        return x

    vmap(f)(np.ones(3))
    assert halves[1] - halves[0] <= 1.1 * halves[0]


def test_an_input_from_outside_is_named():
    outside = fg.Input("outside")
    with pytest.raises(
        UsageError, match=r"Greater: found bool.* reads Input 'outside' from outside of the function; give"
    ):
        grad(lambda x: x if x > outside else -x)(1.0)
