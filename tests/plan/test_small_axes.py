"""Plans of arrays with axes of one, and of numbers in the shape of arrays, drawn at random, agree with the graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from tests.plan.test_views import agree

SHAPES = [(), (1,), (1, 1), (3,), (1, 3), (3, 1), (2, 3), (1, 1, 1), (2, 1, 3)]
UNARY = (np.sin, np.tanh, np.negative, np.square, np.exp, np.abs, lambda a: a * 0.5, lambda a: 1.5 - a)
BINARY = (np.add, np.subtract, np.multiply, np.maximum, np.minimum, lambda a, b: a / (2.0 + b * b))
REDUCED = (np.sum, np.mean, np.max, np.min, fg.logsumexp)


def reduced(draw, a):
    axis = draw(st.sampled_from([None, *range(-a.ndim, a.ndim)]))
    return draw(st.sampled_from(REDUCED))(a, axis=axis, keepdims=draw(st.booleans()))


def broadcast(a, b):
    try:
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return None


def one_more(draw, pool):
    a, b = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
    kind = draw(
        st.sampled_from(["unary", "binary", "binary", "binary", "reduced", "product", "reshaped", "repeated", "number"])
    )
    if kind == "number":
        number = draw(st.sampled_from(REDUCED))(a).reshape((1,) * draw(st.integers(0, 3)))
        return draw(st.sampled_from(BINARY))(number, b if b.ndim < 3 else number)
    if kind == "binary" and broadcast(a, b) is not None:
        return draw(st.sampled_from(BINARY))(a, b)
    if kind == "reduced":
        return reduced(draw, a)
    if kind == "product" and a.ndim and b.ndim and a.shape[-1] == b.shape[-2 if b.ndim > 1 else -1]:
        loops = (a.shape[:-2], b.shape[:-2])
        if loops[0] == loops[1] or () in loops:
            return a @ b
    if kind == "reshaped":
        size = int(np.prod(a.shape))
        return a.reshape(draw(st.sampled_from([s for s in [*SHAPES, (size,)] if int(np.prod(s)) == size])))
    if kind == "repeated":
        wider = [s for s in SHAPES if broadcast(a, np.empty(s)) == s]
        return np.broadcast_to(a, draw(st.sampled_from(wider))) if wider else a
    return draw(st.sampled_from(UNARY))(a)


@st.composite
def programs(draw):
    inputs = [fg.Input(f"x{i}", shape=draw(st.sampled_from(SHAPES))) for i in range(draw(st.integers(1, 3)))]
    pool = list(inputs)
    for _ in range(draw(st.integers(2, 9))):
        made = np.tanh(box) if (box := one_more(draw, pool)).ndim > 3 else box
        pool.append(made)
    count = draw(st.integers(1, 3))
    return inputs, [box for box in pool[-count:] if box.children] or [np.sin(pool[0])]


@given(programs())
def test_plans_of_small_axes_give_the_numbers_of_the_graph(program):
    agree(*program)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.filterwarnings("ignore:compile")  # what has no native line is run by NumPy
@settings(max_examples=settings().max_examples // 5)
@given(programs())
def test_native_plans_of_small_axes_give_the_numbers_of_the_graph(program):
    agree(*program, backend="numba")
