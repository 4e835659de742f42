"""fg.trace: any function written in NumPy becomes a flow graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import grad, hvp, jit
from tests.functional.test_functional import W, X


def test_trace_gives_a_graph():
    def f(x, layer, power):
        return {"out": np.sum(np.tanh(layer["W"] @ x) ** power)}

    graph = fg.trace(f, x=X, layer={"W": W}, power=2)
    assert [graph.names[box] for box in graph.inputs] == ["layer['W']", "x"]
    assert float(graph.fprop({"x": X, "layer['W']": W})) == pytest.approx(np.sum(np.tanh(W @ X) ** 2))
    free = fg.trace(lambda x, w: np.mean(x @ w), {"x": ("N", 3)}, x=W, w=X)
    assert float(free.fprop(x=np.ones((5, 3)), w=X)) == pytest.approx(1.0)


def test_set_at_is_assignment_as_a_new_box():
    def f(x, v):
        return np.sum(fg.set_at(x, slice(0, 2), v) ** 2)

    dx, dv = grad(f, (0, 1))(X, 3.0)
    np.testing.assert_array_equal(dx, [0, 0, 4])
    assert dv == 12
    np.testing.assert_array_equal(fg.set_at(X, X < 0, 0.0), [0.5, 0, 2])
    np.testing.assert_array_equal(grad(lambda x: np.sum(fg.set_at(x, x < 0, 0.0) ** 2))(X), [1, 0, 4])
    dx, dv = grad(lambda x, v: np.sum(fg.set_at(x, [0, 0, -1], v) ** 2), (0, 1))(X, np.array([5.0, 6.0, 7.0]))
    np.testing.assert_array_equal(dx, [0, 2 * X[1], 0])
    np.testing.assert_array_equal(dv, [0, 12, 14])


def test_trace_of_a_derivative():
    def f(x, scale=2.0):
        return np.sum(x**2) * scale

    graph = fg.trace(grad(f), x=1.0)
    assert float(graph.fprop(x=3.0)) == 12
    assert float(fg.trace(grad(f, 1), x=1.0, scale=2.0).fprop(x=3.0)) == 9
    products = fg.trace(hvp(f), {"x": ("N",), "vector": ("N",)}, x=X, vector=X)
    np.testing.assert_array_equal(products.fprop(x=X, vector=[1, 0, 2.0]).outputs[0], [4, 0, 8])
    assert float(fg.trace(lambda x: grad(f)(x), x=1.0).fprop(x=3.0)) == 12
    assert float(fg.trace(np.tanh, x=0.0).fprop(x=0.0)) == 0


@pytest.mark.parametrize(
    "kind", [np.int64, np.uint8, np.bool_, lambda x: np.asarray(x, int), lambda x: np.array(x, bool)]
)
@settings(max_examples=10)
@given(st.lists(st.lists(st.floats(0.0, 3.9), min_size=4, max_size=4), min_size=1, max_size=4))
def test_whole_numbers_of_a_box_of_floats_are_numpys_in_every_call_and_carry_no_gradient(kind, calls):
    def f(x):
        whole = kind(x)
        assert type(whole) is np.ndarray
        return np.sum(whole * x**2)

    slope = grad(f)
    for numbers in calls:
        x = np.array(numbers)
        np.testing.assert_allclose(slope(x), 2 * kind(x) * x)
    with pytest.raises(UsageError, match="under jit"):
        grad(jit(f))(np.ones(4))
    with pytest.raises(UsageError, match="carry no gradient"):
        grad(lambda x: np.sum(np.asarray(x, float)))(np.ones(4))
