"""`checkpoint`: the numbers and derivatives of the function, computed again, with what it reads around it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import checkpoint, grad, hessian, jacobian, jit, value_and_grad, vmap

X = np.array([0.3, -0.7, 1.2])


def plain(f):
    return f


def in_a_thread(call):
    """What a call gives that another thread makes."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


FUNCTIONS = {
    "one argument": lambda c: lambda x: np.sum(c(lambda t: np.tanh(np.sin(t)))(x)),
    "a closure": lambda c: lambda x: np.sum(c(lambda t: np.sin(t) * x)(x * 2)),
    "a closure alone": lambda c: lambda x: np.sum(c(lambda: np.sin(x) * x)()),
    "several results": lambda c: lambda x: np.sum(np.multiply(*c(lambda t: (np.sin(t), t * x))(x))),
    "containers": lambda c: lambda x: np.sum(c(lambda p: {"y": p["a"] * p["b"][0]})({"a": x, "b": [x[0]]})["y"]),
    "keywords": lambda c: lambda x: np.sum(c(lambda t, *, k: t**k)(x, k=3)),
    "inside of itself": lambda c: lambda x: np.sum(c(lambda t: c(lambda s: np.sin(s) * t)(t) * x)(x)),
    "in a loop": lambda c: lambda x: np.sum(fg.scan(lambda h, e: (c(lambda s: np.sin(s) * e)(h), h), x, X)[0]),
    "over rows": lambda c: lambda x: np.sum(vmap(c(lambda r: np.sin(r) * x))(np.eye(3))),
    "under jit": lambda c: jit(lambda x: np.sum(c(lambda t: np.sin(t) * x)(x))),
    "an unused result": lambda c: lambda x: np.sum(c(lambda t: (np.sin(t), np.exp(t)))(x)[0]),
    "a branch": lambda c: lambda x: np.sum(c(lambda t: np.sin(t) if t[0] > 0 else t)(x)),
    "an inner derivative": lambda c: lambda x: np.sum(c(lambda t: grad(lambda s: np.sum(s**3 * t))(t))(x)),
    "a parameter": lambda c: lambda x: np.sum(c(lambda t: t * fg.Parameter(X))(x)),
    "NaN where nothing is taken": lambda c: lambda x: np.sum(c(lambda t: np.where(t > 0, np.log(np.abs(t)), t))(x)),
    "another thread": lambda c: lambda x: np.sum(c(lambda t: in_a_thread(lambda: np.sin(t) * x))(x)),
    "nothing differentiated": lambda c: lambda x: np.sum(x) + np.sum(c(np.sin)(X)),
}


@pytest.mark.parametrize(
    "transform", [value_and_grad, hessian, lambda f: jacobian(grad(f))], ids=["grad", "hessian", "twice"]
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_changes_no_number(name, transform):
    found = transform(FUNCTIONS[name](checkpoint))(X)
    needed = transform(FUNCTIONS[name](plain))(X)
    for one, other in zip(found, needed, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_the_function_is_called_again_once_and_its_values_are_not_kept():
    calls = []

    def f(x):
        calls.append(1)
        return np.sin(x)

    grad(lambda x: np.sum(checkpoint(f)(x)))(X)
    assert len(calls) == 2
    assert (checkpoint(f)(X) == np.sin(X)).all()


@pytest.mark.parametrize("change", ["array", "draw", "rebound"])
def test_another_value_in_the_second_call_is_refused(change):
    a, rng = X.copy(), np.random.default_rng(0)
    state = {"k": 1.0}
    read = {"array": lambda: a, "draw": lambda: rng.normal(size=3), "rebound": lambda: state["k"]}[change]

    def f(x):
        h = checkpoint(lambda t: np.sin(t * read()))(x)
        a[:] = a + 1
        state["k"] += 1
        return np.sum(h)

    with pytest.raises(UsageError, match="found another value where it is called again"):
        grad(f)(X)


def test_draws_are_the_same_in_both_calls():
    def f(x):
        noise = checkpoint(lambda t: t * fg.Random(lambda g, shape: g.normal(size=shape), shape=(3,)))
        return np.sum(noise(x) * x + noise(x))

    value, slope = value_and_grad(f, seed=1)(X)
    again = value_and_grad(f, seed=1)(X)
    assert value == again[0]
    assert (slope == again[1]).all()
    other = value_and_grad(f, seed=2)(X)
    assert value != other[0]
    step = 1e-6
    for i in range(3):
        moved = [value_and_grad(f, seed=1)(X + sign * step * np.eye(3)[i])[0] for sign in (1, -1)]
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(slope[i], rel=1e-6)


def test_on_boxes_it_is_a_box_of_the_graph():
    x = fg.Input("x", shape=(3,))
    graph = fg.Graph(fg.sum(checkpoint(lambda t: np.sin(np.sin(t)))(x)))
    assert "Recomputed" in [type(box).__name__ for box in graph.boxes]
    found = graph.fprop(x=X).bprop(wrt=[x])[x]
    np.testing.assert_allclose(found, np.cos(np.sin(X)) * np.cos(X))


def test_what_is_no_function_is_refused():
    with pytest.raises(UsageError, match="checkpoint: found a int, needs a function"):
        checkpoint(3)


def test_it_is_a_method_too():
    class Model:
        @checkpoint
        def layer(self, x):
            return np.sin(x) * self.scale

        scale = 2.0

    np.testing.assert_allclose(grad(lambda x: np.sum(Model().layer(x)))(X), 2 * np.cos(X))
    assert repr(checkpoint(np.sin)) == "<checkpoint of sin>"
