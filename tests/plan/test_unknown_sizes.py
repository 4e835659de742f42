"""Plans of arrays whose sizes depend on values: every rule about shapes meets one, and the numbers are the graph's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.plan import PASSES

STEPS = {
    "n[:, None]": lambda n: n[:, None],
    "n[None]": lambda n: n[None],
    "reshape to a column": lambda n: np.reshape(n, (-1, 1)),
    "reshape to a row": lambda n: np.reshape(n, (1, -1)),
    "transpose": np.transpose,
    "swap the ends": lambda n: np.swapaxes(n, 0, -1),
    "flat": np.ravel,
    "sum of the last axis": lambda n: np.sum(n, axis=-1, keepdims=True),
    "max with a number": lambda n: np.maximum(n, 1.0),
    "less a matrix of one": lambda n: n - np.ones((1, 1)),
    "times 2": lambda n: n * 2.0,
    "spread": lambda n: np.broadcast_to(n, (2, *n.shape)),
    "joined": lambda n: np.concatenate([n, n]),
}


@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4),
    st.lists(st.sampled_from([-1.0, 0.5, 2.0]), min_size=4, max_size=4),
    st.sampled_from(("", *PASSES)),
)
def test_the_plan_gives_what_the_graph_gives(steps, numbers, without):
    x = fg.Input("x", shape=(4,))
    value = np.flatnonzero(x > 0) * 1.0
    for step in steps:
        value = STEPS[step](value)
    needed = fg.Graph(value).fprop(x=np.array(numbers))[value]
    (found,) = fg.compile([value], without=(without,) if without else ())(x=np.array(numbers))
    assert found.shape == needed.shape
    assert found == pytest.approx(needed, rel=1e-12)
