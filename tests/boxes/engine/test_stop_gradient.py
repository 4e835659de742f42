"""A value through which no gradient passes, in graphs, plans and derivatives of functions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.functional import grad, hessian, jit, stop_gradient, value_and_grad, vmap

numbers = st.lists(st.floats(-3, 3), min_size=1, max_size=4).map(np.array)


@given(numbers)
def test_the_value_passes_and_the_gradient_does_not(x):
    """d/dx of x c with c = tanh(x) held fixed is c."""

    def f(x):
        return np.sum(x * fg.stop_gradient(np.tanh(x)))

    for derived in (value_and_grad(f), jit(value_and_grad(f)), value_and_grad(jit(f))):
        value, slope = derived(x)
        np.testing.assert_allclose(value, np.sum(x * np.tanh(x)))
        np.testing.assert_allclose(slope, np.tanh(x))
    np.testing.assert_array_equal(hessian(f)(x), np.zeros((len(x), len(x))))
    np.testing.assert_allclose(vmap(grad(lambda x: x * stop_gradient(x)))(x), x)


def test_a_plan_and_a_graph_agree():
    w = fg.Parameter([1.0, -2.0], name="w")
    loss = fg.sum(w**2 * fg.stop_gradient(np.exp(w)))
    (slope,) = fg.gradient(loss, [w])
    np.testing.assert_allclose(fg.Graph(loss).fprop().bprop()[w], 2 * w.value * np.exp(w.value))
    np.testing.assert_allclose(fg.compile(slope)(), 2 * w.value * np.exp(w.value))


def test_containers_and_arrays_pass_as_they_are():
    x = np.ones(2)
    found = stop_gradient({"a": x, "b": [fg.Constant(1.0), (x, None)]})
    assert found["a"] is x
    assert isinstance(found["b"][0], fg.Box)
    assert found["b"][1] == (x, None)
