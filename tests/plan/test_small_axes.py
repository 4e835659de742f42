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
KINDS = ("unary", "binary", "binary", "binary", "reduced", "product", "reshaped", "repeated", "number")
REDUCED = (np.sum, np.mean, np.max, np.min, fg.logsumexp)


def reduced(random, a):
    axis = random.choice([None, *range(-a.ndim, a.ndim)])
    return random.choice(REDUCED)(a, axis=axis, keepdims=random.random() < 0.5)


def broadcast(a, b):
    try:
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return None


def one_more(random, pool):
    a, b = random.choice(pool), random.choice(pool)
    kind = random.choice(KINDS)
    if kind == "number":
        number = random.choice(REDUCED)(a).reshape((1,) * random.randint(0, 3))
        return random.choice(BINARY)(number, b if b.ndim < 3 else number)
    if kind == "binary" and broadcast(a, b) is not None:
        return random.choice(BINARY)(a, b)
    if kind == "reduced":
        return reduced(random, a)
    if kind == "product" and a.ndim and b.ndim and a.shape[-1] == b.shape[-2 if b.ndim > 1 else -1]:
        loops = (a.shape[:-2], b.shape[:-2])
        if loops[0] == loops[1] or () in loops:
            return a @ b
    if kind == "reshaped":
        size = int(np.prod(a.shape))
        return a.reshape(random.choice([s for s in [*SHAPES, (size,)] if int(np.prod(s)) == size]))
    if kind == "repeated":
        wider = [s for s in SHAPES if broadcast(a, np.empty(s)) == s]
        return np.broadcast_to(a, random.choice(wider)) if wider else a
    return random.choice(UNARY)(a)


@st.composite
def programs(draw):
    random = draw(st.randoms(use_true_random=True))  # more even than what Hypothesis draws, which is mostly small
    inputs = [fg.Input(f"x{i}", shape=random.choice(SHAPES)) for i in range(random.randint(1, 3))]
    pool = list(inputs)
    for _ in range(random.randint(2, 9)):
        made = np.tanh(box) if (box := one_more(random, pool)).ndim > 3 else box
        pool.append(made)
    count = random.randint(1, 3)
    return inputs, [box for box in pool[-count:] if box.children] or [np.sin(pool[0])]


@given(programs())
def test_plans_of_small_axes_give_the_numbers_of_the_graph(program):
    agree(*program)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.filterwarnings("ignore:compile")  # what has no rule for Numba is run by NumPy
@settings(max_examples=settings().max_examples // 5)
@given(programs())
def test_native_plans_of_small_axes_give_the_numbers_of_the_graph(program):
    agree(*program, backend="numba")
