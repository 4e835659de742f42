"""Sums of arrays that are zero but in a slice: joined where the slices are apart, added where they are not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from tests.plan.agreement import assert_agree

SHAPE = (4, 6)


@st.composite
def parts(draw):
    """An index of the array: one slice or place along one axis, or anything else."""
    axis = draw(st.integers(0, 1))
    size = SHAPE[axis]
    start, stop = draw(st.integers(-size, size)), draw(st.integers(-size, size))
    one = draw(
        st.sampled_from(
            [slice(start, stop), slice(start, None), slice(None, stop), slice(None, None, 2), slice(None)]
            + [draw(st.integers(-size, size - 1))] * 3
        )
    )
    index = (slice(None),) * axis + (one,)
    return draw(st.sampled_from([index, index, index, (*index, None), (Ellipsis, one), (slice(1, 3), slice(2, 4))]))


@given(st.lists(parts(), min_size=2, max_size=6), st.booleans(), st.booleans())
def test_the_gradient_of_parts_is_that_of_the_graph(indices, twice, beside):
    x = fg.Input("x", shape=SHAPE)
    loss = sum(fg.sum(np.sin(x[index] * (i + 1.5))) for i, index in enumerate(indices))
    if twice:
        loss = loss + fg.sum(x[indices[0]] * x[indices[0]])
    if beside:
        loss = loss + fg.sum(np.cos(x))
    outputs = [loss, *fg.gradient(loss, [x])]
    given_x = np.random.default_rng(0).normal(size=SHAPE)
    for without in ((), ("slices",), ("common",)):
        found = fg.compile(outputs, without=without)(x=given_x)
        for one, other in zip(found, fg.Graph(*outputs).fprop(x=given_x).outputs, strict=True):
            assert_agree(one, other, f"without {without}", scale=1)


def test_the_gates_of_a_cell_are_joined_and_the_steps_of_a_sequence():
    z = fg.Input("z", shape=(3, 8))
    i, f, g, o = (z[:, 2 * k : 2 * k + 2] for k in range(4))
    loss = fg.sum(np.tanh(i) * f + np.sin(g) * o)
    x = fg.Input("x", shape=(3, 5, 2))
    steps = sum(fg.sum(np.sin(x[:, t] * (t + 1.0))) for t in range(5))
    for whole, source in ((loss, z), (steps, x)):
        plan = fg.compile(fg.gradient(whole, [source])).prepare({source.name: np.ones(source.shape)})
        assert "IndexAdd" not in plan.source
        assert plan.source.count("concatenate(") == 1


def test_a_term_that_comes_twice_stays_twice():
    a = fg.Input("a", shape=(2,))
    like = fg.Constant(np.zeros(4))
    left = fg.boxes.IndexAdd(a, like, index=(slice(0, 2),))
    right = fg.boxes.IndexAdd(np.sin(a), like, index=(slice(2, 4),))
    total = left + right + left
    given_a = np.array([1.0, 2.0])
    np.testing.assert_array_equal(fg.compile(total)(a=given_a), fg.Graph(total).fprop(a=given_a).outputs[0])
