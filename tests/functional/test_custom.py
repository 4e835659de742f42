"""Functions with derivatives of their own, and what ports of other code call: against autograd and plain functions."""

import autograd
import autograd.misc
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph import functional
from flowgraph.errors import BpropError, ShapeError, UsageError
from flowgraph.functional import (
    checkpoint,
    custom_vjp,
    flatten,
    flatten_func,
    grad,
    grad_and_aux,
    hessian_vector_product,
    hvp,
    jacobian,
    make_jvp,
    make_vjp,
    value_and_grad,
)

X = np.array([0.3, -1.2, 2.0])


def softplus_loop(x):
    """What no box could be made of: a loop that writes into an array."""
    out = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        out[place] = np.log1p(np.exp(x[place]))
    return out


def softplus():
    made = custom_vjp(softplus_loop)

    @made.bprop
    def backward(grad, h, x):
        return (grad / (1 + np.exp(-x)),)

    return made


def plain(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize(
    "way", [grad, lambda f: grad(lambda x: np.sum(grad(f)(x) ** 2))], ids=["first", "second order"]
)
def test_a_function_with_a_bprop_is_differentiated_by_it(way):
    ours = softplus()
    np.testing.assert_allclose(ours(X), plain(X))
    np.testing.assert_allclose(
        way(lambda x: np.sum(ours(x * x) * x))(X), way(lambda x: np.sum(plain(x * x) * x))(X), rtol=1e-12
    )
    np.testing.assert_allclose(jacobian(ours)(X), jacobian(plain)(X))


def test_it_is_a_box_in_a_graph_and_a_plan():
    x = fg.Input("x", shape=(3,))
    W = fg.Parameter(X, name="W")
    loss = fg.sum(softplus()(x * W))
    step = fg.compile([loss, *fg.gradient(loss, [W])])
    value, slope = step(x=X)
    np.testing.assert_allclose(value, np.sum(plain(X * X)))
    np.testing.assert_allclose(slope, X / (1 + np.exp(-X * X)))
    assert fg.Graph(loss).fprop(x=X).bprop()["W"] == pytest.approx(slope)


def test_containers_settings_and_results_of_several_arrays():
    @custom_vjp
    def both(p, x, power, *, shift=0.0):
        return p["a"] * x**power + shift, p["b"] + x

    @both.bprop
    def backward(grads, values, p, x, power, *, shift=0.0):
        first, second = [np.zeros_like(x) if one is None else one for one in grads]
        return (
            {"b": np.sum(second), "a": np.sum(first * x**power)},
            first * p["a"] * power * x ** (power - 1) + second,
            None,
        )

    def with_it(p, x):
        one, two = both(p, x, 3, shift=1.0)
        return np.sum(one * two)

    def without(p, x):
        return np.sum((p["a"] * x**3 + 1.0) * (p["b"] + x))

    point = {"a": 2.0, "b": 0.5}, X
    for one, other in zip(grad(with_it, (0, 1))(*point), grad(without, (0, 1))(*point), strict=True):
        assert np.all(
            [np.allclose(one[k], other[k]) for k in one] if isinstance(one, dict) else np.allclose(one, other)
        )


def test_a_checked_pair_and_a_wrong_one():
    assert fg.check(lambda x: np.sum(softplus()(x)), X).passed
    wrong = custom_vjp(lambda x: x * x, bprop=lambda g, h, x: (3 * g * x,))
    assert not fg.check(lambda x: np.sum(wrong(x)), X).passed


def test_the_shape_may_be_said_so_that_nothing_is_tried():
    called = []

    def strict(x):
        called.append(x)
        assert np.array_equal(x, X), "called on other numbers than those of the call"
        return 2 * x

    made = custom_vjp(strict, bprop=lambda g, h, x: (2 * g,), shape=lambda x: x.shape)
    assert np.array_equal(grad(lambda x: np.sum(made(x)))(X), [2, 2, 2])
    assert called


def test_a_method_can_have_one():
    class Layer:
        def __init__(self, scale):
            self.scale = scale

        @custom_vjp
        def apply(self, x):
            return self.scale * x

        @apply.bprop
        def backward(grad, h, self, x):
            return None, grad * self.scale

    assert np.array_equal(grad(lambda x: np.sum(Layer(3.0).apply(x)))(X), [3, 3, 3])


@pytest.mark.parametrize(
    ("bprop", "error", "text"),
    [
        (None, UsageError, "has no bprop yet; give it one below its definition: @f.bprop"),
        (lambda g, h, x: (g, g), UsageError, "returned 2 gradients for 1 arguments; needs one per positional"),
        (lambda g, h, x: (g[:1],), BpropError, r"f: bprop returned the shape \(1,\)"),
        (lambda g, h, x: None, UsageError, "f: its bprop returned None; does it end without return"),
    ],
)
def test_what_is_wrong_with_a_bprop_is_said(bprop, error, text):
    def f(x):
        return x * 2

    made = custom_vjp(f, bprop=bprop)
    x = fg.Parameter(X, name="x")
    with pytest.raises(error, match=text):
        fg.Graph(fg.sum(made(x))).fprop().bprop()


@given(st.lists(st.booleans(), min_size=3, max_size=3), st.sampled_from(["grad", "hessian", "jit"]))
def test_none_of_a_bprop_is_a_gradient_of_zeros(given_none, how):
    """For any argument, a whole container or one part of it."""

    @custom_vjp
    def f(x, params):
        return x * params["a"] * params["b"][0]

    @f.bprop
    def backward(g, h, x, params):
        found = [g * params["a"] * params["b"][0], g * x * params["b"][0], g * x * params["a"]]
        dx, da, db = (None if none else one for none, one in zip(given_none, found, strict=True))
        return dx, None if da is db is None else {"a": da, "b": [db]}

    x, params = 2.0, {"a": 3.0, "b": [5.0]}
    needed = [0.0 if none else one for none, one in zip(given_none, [15.0, 10.0, 6.0], strict=True)]
    if how == "hessian":
        found = functional.hessian(lambda x: f(x, params))(x)
        assert found == 0.0
        return
    slope = grad(f, (0, 1))
    dx, dp = (functional.jit(slope) if how == "jit" else slope)(x, params)
    assert [dx, dp["a"], dp["b"][0]] == needed


def test_errors_of_a_bprop_name_the_arguments_as_the_user_does():
    @custom_vjp
    def f(x, params):
        return x + np.sum(params["W"])

    @f.bprop
    def backward(g, h, x, params):
        return g, {"W": np.ones(7)}

    with pytest.raises(BpropError, match=r"custom_vjp .*bprop returned the shape \(7,\) for child \"params\['W'\]\""):
        grad(f, 1)(1.0, {"W": np.ones((2, 2))})


def test_what_is_no_function_or_a_second_bprop_is_refused():
    with pytest.raises(UsageError, match="custom_vjp: found a int, needs a function"):
        custom_vjp(3)
    made = softplus()
    with pytest.raises(UsageError, match="found a second bprop"):
        made.bprop(lambda g, h, x: (g,))
    with pytest.raises(UsageError, match="found a str as its bprop"):
        custom_vjp(lambda x: x).bprop("f")


def deep(layer, depth):
    def f(p, x):
        for _ in range(depth):
            x = layer(p, x)
        return np.sum(x)

    return f


def test_a_checkpoint_changes_no_value_and_no_derivative():
    def layer(p, x):
        return np.tanh(np.sin(x * p["w"]) + p["b"])

    point = {"w": 1.3, "b": np.array([0.1, 0.2, -0.1])}, X
    one, other = deep(checkpoint(layer), 4), deep(layer, 4)
    for way in (value_and_grad, hvp):
        vector = (point[0],) if way is hvp else ()
        found, wanted = way(one)(*point, *vector), way(other)(*point, *vector)
        for a, b in zip(flatten(found)[0], flatten(wanted)[0], strict=True):
            assert a == pytest.approx(b, rel=1e-12)


def test_a_checkpoint_keeps_fewer_values():
    def layer(x):
        return np.tanh(np.sin(np.cos(x)))

    x = fg.Input("x", shape=("N",))
    kept = [len(fg.Graph(fg.sum(one(one(x)))).boxes) for one in (layer, checkpoint(layer))]
    assert kept == [8, 4]


def test_make_vjp_and_make_jvp_are_those_of_autograd():
    def f(np):
        return lambda x, y: np.sin(x) * np.sum(y * x)

    product, value = make_vjp(f(np), (0, 1))(X, X + 1)
    theirs, theirs_value = autograd.make_vjp(f(anp), (0, 1))(X, X + 1)
    np.testing.assert_allclose(value, theirs_value)
    for _ in range(2):
        for one, other in zip(product(X), theirs(X), strict=True):
            np.testing.assert_allclose(one, other)
    value, slope = make_jvp(f(np))(X, X + 1)(X)
    wanted = autograd.make_jvp(f(anp))(X, X + 1)(X)
    np.testing.assert_allclose(value, wanted[0])
    np.testing.assert_allclose(slope, wanted[1])


def test_hessian_vector_products_and_auxiliary_results_are_those_of_autograd():
    def f(np):
        return lambda x: np.sum(np.sin(x) * x[0])

    np.testing.assert_allclose(
        hessian_vector_product(f(np))(X, X), autograd.hessian_vector_product(f(anp))(X, X), rtol=1e-12
    )
    slope, rest = grad_and_aux(lambda x: (np.sum(x**3), {"n": 2, "double": 2 * x}))(X)
    np.testing.assert_allclose(slope, 3 * X**2)
    np.testing.assert_allclose(rest["double"], 2 * X)
    assert rest["n"] == 2
    with pytest.raises(UsageError, match="needs two results"):
        grad_and_aux(np.sum)(X)


def test_argnum_is_what_autograd_calls_argnums():
    assert grad(lambda a, b: a * b**2, argnum=(0, 1))(2.0, 3.0) == (9.0, 12.0)
    assert make_vjp(lambda a, b: a * b, argnum=1)(2.0, 3.0)[0](1.0) == 2.0


def test_a_result_of_one_element_has_a_gradient_as_in_autograd():
    np.testing.assert_allclose(grad(lambda x: np.sum(x**2, keepdims=True))(X), 2 * X)
    value, slope = value_and_grad(lambda x: np.reshape(np.sum(x**2), (1, 1)))(X)
    assert value.shape == (1, 1)
    np.testing.assert_allclose(slope, 2 * X)


TREES = [
    X,
    2.5,
    [1.0, X, (np.ones((2, 2)), 3.0)],
    {"b": X, "a": [np.zeros((0, 2)), 1.0]},
    {"x": {"z": 1.0, "y": (2.0, [X])}},
]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_a_container_as_a_vector_is_that_of_autograd_and_comes_back(tree):
    vector, unflatten = flatten(tree)
    wanted, theirs = autograd.misc.flatten(tree)
    np.testing.assert_array_equal(vector, wanted)
    again = unflatten(vector * 2)
    np.testing.assert_array_equal(flatten(again)[0], vector * 2)
    assert repr(autograd.misc.flatten(theirs(wanted * 2))[0]) == repr(flatten(again)[0])


def test_an_empty_container_and_whole_numbers_are_flattened_too():
    assert flatten([])[0].shape == (0,)
    assert flatten({"n": 3, "w": [0.5]})[0].tolist() == [3.0, 0.5]


def test_flattening_is_differentiated():
    tree = {"W": np.ones((2, 2)), "b": X}
    found = grad(lambda p: np.sum(flatten(p)[0] ** 2))(tree)
    assert np.array_equal(found["W"], 2 * tree["W"])
    of_vector, unflatten, start = flatten_func(lambda p: np.sum(p["W"]) * np.sum(p["b"]), tree)
    np.testing.assert_allclose(unflatten(grad(of_vector)(start))["b"], [4, 4, 4])


def test_what_is_no_number_is_not_flattened():
    with pytest.raises(UsageError, match="flatten: found a str, needs arrays"):
        flatten(["a"])
    with pytest.raises(ShapeError, match=r"unflatten: found the shape \(2,\), needs \(3,\)"):
        flatten(X)[1](X[:2])
