"""Plans of views: chains of transposes, slices and reshapes, drawn at random, give the numbers of their graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from tests.plan.agreement import assert_agree

COMPUTED = (np.sin, np.tanh, lambda a: a * 0.5, lambda a: a + a, lambda a: a - 1)


@st.composite
def factors(draw, size):
    """A shape of that many elements."""
    shape = []
    while size > 1 and len(shape) < 3:
        one = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
        shape.append(one)
        size //= one
    return (*shape, size)


@st.composite
def slices(draw, size):
    """A part of an axis that is not empty, forwards or backwards, with steps."""
    first = draw(st.integers(0, size - 1))
    step = draw(st.sampled_from([1, 1, 2, -1, -2]))
    stop = draw(st.sampled_from([None, -1 if step > 0 else 0]))
    start = draw(st.sampled_from([None, first, first - size]))
    one = slice(start, stop, step)
    return one if len(range(size)[one]) else slice(None, None, step)


def moved(draw, a):
    """A view of a box, or the copy that NumPy makes where it is no view."""
    kind = draw(st.sampled_from(["transposed", "reshaped", "sliced", "axis", "repeated", "flipped", "picked"]))
    if kind == "transposed" and a.ndim > 1:
        return a.transpose(draw(st.permutations(range(a.ndim))))
    if kind == "reshaped":
        return a.reshape(draw(st.just(a.shape[::-1]) | factors(int(np.prod(a.shape)))))
    if kind == "sliced" and a.ndim:
        return a[tuple(draw(slices(size)) for size in a.shape[: draw(st.integers(1, a.ndim))])]
    if kind == "axis" and a.ndim < 4:
        return np.expand_dims(a, draw(st.integers(-a.ndim - 1, a.ndim)))
    if kind == "repeated" and a.ndim < 4 and np.prod(a.shape) < 30:
        return np.broadcast_to(a, (2, *a.shape))
    if kind == "flipped" and a.ndim:
        return np.flip(a, draw(st.integers(-a.ndim, a.ndim - 1)))
    if kind == "picked" and a.ndim > 1:
        return a[..., draw(st.integers(-a.shape[-1], a.shape[-1] - 1))]
    return a


@st.composite
def programs(draw):
    """The inputs and the boxes of a few chains of views; what was computed stands before, between and after them."""
    shapes = draw(st.lists(st.sampled_from([(3, 4), (2, 3, 4), (6,), (4, 1, 3), ("N", 3)]), min_size=1, max_size=2))
    inputs = [fg.Input(f"x{number}", shape=shape) for number, shape in enumerate(shapes)]
    known = [one for one in inputs if "N" not in one.shape]
    pool = [draw(st.sampled_from(COMPUTED))(one) for one in inputs] + known
    for _ in range(draw(st.integers(2, 8))):
        box = draw(st.sampled_from(pool[-4:]))
        if all(isinstance(size, int) for size in box.shape):
            box = moved(draw, moved(draw, box))
        elif box.ndim == 2:
            box = draw(st.sampled_from([box.T, box[:, ::-1], box.reshape((-1,)), box[::2], box.T.reshape((-1,))]))
        else:
            box = draw(st.sampled_from([box[::-1], box[1:], box[:, None], box.reshape((1, -1))]))
        pool.append(draw(st.sampled_from(COMPUTED))(box) if draw(st.booleans()) else box)
    return inputs, pool[len(inputs) :]


def fed(inputs, rows):
    rng = np.random.default_rng(rows)
    return {one: rng.uniform(-1, 1, [size if isinstance(size, int) else rows for size in one.shape]) for one in inputs}


def agree(inputs, outputs, backend="numpy"):
    total = sum((fg.sum(np.cos(one)) for one in outputs), fg.sum(outputs[-1] ** 2))
    slopes = fg.gradients([total], inputs, [None], unused="zeros")
    graph = fg.Graph(*outputs, total, *slopes)
    plan = fg.compile(graph, backend=backend)
    for rows in (2, 5, 2):
        feeds = {one: value for one, value in fed(inputs, rows).items() if one in graph}
        given = {one: value.copy() for one, value in feeds.items()}
        expected = graph.fprop(feeds).outputs
        for place, (one, other) in enumerate(zip(plan(feeds), expected, strict=True)):
            assert_agree(one, other, f"output {place}\n{plan.source}", scale=10.0)
        for one, value in feeds.items():
            np.testing.assert_array_equal(
                value, given[one], err_msg=f"the plan wrote to what it was given\n{plan.source}"
            )


@given(programs())
def test_plans_of_views_give_the_numbers_of_the_graph(program):
    agree(*program)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.filterwarnings("ignore:compile")  # what has no rule for Numba is run by NumPy
@settings(max_examples=settings().max_examples // 5)
@given(programs())
def test_native_plans_of_views_give_the_numbers_of_the_graph(program):
    agree(*program, backend="numba")


@pytest.mark.parametrize(
    "view", [lambda a: a, lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2], lambda a: a[:, 1:3]]
)
@pytest.mark.parametrize("shape", [(-1,), (2, -1), (-1, 2), (-1, 1)])
def test_a_reshape_of_a_view_of_a_computed_array(view, shape):
    x = fg.Input("x", shape=(4, 4))
    seen = view(np.exp(x * 0.1)).reshape(shape)
    agree([x], [np.sin(seen) * 2 + seen])


@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (4, 1), (3, 3), (2, 3, 4), (2, 1, 3)])
def test_a_reshape_into_the_shape_of_the_transpose_is_no_transpose(shape):
    x = fg.Input("x", shape=shape)
    other = shape[::-1]
    agree([x], [x.reshape(other) * 2.0, np.sin(x).reshape(other), np.cos(x.T).reshape(shape), x.T.reshape(shape)])


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (lambda a: a.T, "t1_T"),
        (lambda a: a.reshape((12,)), "t1_flat"),
        (lambda a: a.reshape((1, 12)), "t1_row"),
        (lambda a: a.reshape((12, 1)), "t1_column"),
        (lambda a: a.reshape((2, 6)), "t1_reshaped"),
        (lambda a: a.reshape((1, 3, 4)), "t1_reshaped"),
        (lambda a: np.broadcast_to(a, (2, 3, 4)), "t1_repeated"),
        (lambda a: a[1:], "t1_part"),
    ],
)
def test_the_source_names_a_view_by_what_it_is(view, name):
    x = fg.Input("x", shape=(3, 4))
    plan = fg.compile([view(np.sin(x))], without=["scalars", "shapes"])
    np.testing.assert_array_equal(plan(x=np.ones((3, 4)))[0], view(np.full((3, 4), np.sin(1.0))))
    assert f"return ({name}," in plan.source, plan.source
