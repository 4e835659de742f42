"""Code written for autograd gives the same numbers with flowgraph's modules in the place of autograd's."""

import warnings

import numpy as np
import pytest

from flowgraph.errors import UsageError
from flowgraph.functional import flatten, grad
from flowgraph.interop.autograd import adam, check_grads, defvjp, fixed_point, primitive, rmsprop, sgd
from tests.interop.ports import PORTS, of_autograd, of_flowgraph


@pytest.mark.parametrize("name", PORTS)
def test_a_port_gives_the_numbers_of_autograd(name):
    found = flatten(PORTS[name](of_flowgraph()))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of autograd
        wanted = flatten(PORTS[name](of_autograd()))[0]
    assert found.size
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


def test_optimisers_take_containers_and_tell_of_each_step():
    start = {"a": 1.0, "b": [np.ones(2), (np.zeros((1, 2)),)]}
    slope = grad(lambda p, i: p["a"] ** 2 + np.sum(p["b"][0] ** 2) + np.sum((p["b"][1][0] - 1) ** 2))
    for optimiser in (adam, sgd, rmsprop):
        told = []
        found = optimiser(slope, start, lambda p, i, g, told=told: told.append((i, g)), num_iters=300, step_size=0.05)
        assert [i for i, _ in told] == list(range(300))
        assert set(told[0][1]) == {"a", "b"}
        assert isinstance(found["b"][1], tuple)
        np.testing.assert_allclose(flatten(found)[0], [0, 0, 0, 1, 1], atol=0.06)


@pytest.mark.parametrize("argnum", [0, 1, (1,), (0, 1), [1, 0]])
@pytest.mark.parametrize("modes", [["fwd"], ["rev"], ["fwd", "rev"]])
@pytest.mark.parametrize("wrong", [None, 0, 1])
def test_check_grads_finds_what_is_wrong_in_the_arguments_that_argnum_names_and_in_no_others(argnum, modes, wrong):
    @primitive
    def product(x, y, power=1):
        return (x * y) ** power

    errors = [1.001 if place == wrong else 1.0 for place in (0, 1)]
    defvjp(
        product,
        lambda ans, x, y, power: lambda g: g * errors[0] * 2 * x * y**2,
        lambda ans, x, y, power: lambda g: g * errors[1] * 2 * y * x**2,
    )
    checked = check_grads(product, argnum, modes=modes)
    x, y = np.linspace(1, 2, 3), np.linspace(3, 4, 3, dtype=np.float32)
    if wrong is not None and (wrong == argnum or (not isinstance(argnum, int) and wrong in argnum)):
        with pytest.raises(AssertionError, match="check of product failed"):
            checked(x, y, power=2)
    else:
        checked(x, y, power=2)


@pytest.mark.parametrize("wrong", [1, 2, 3])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_check_grads_finds_a_wrong_derivative_up_to_its_order(wrong, order):
    """Of exp, whose derivative of one order has a bprop that is wrong."""

    def derivative(n):
        @primitive
        def f(x):
            return np.exp(x)

        defvjp(f, lambda ans, x: lambda g: g * (1.1 if n == wrong else 1) * (derivative(n + 1)(x) if n < 4 else ans))
        return f

    checked = check_grads(derivative(1), modes=["rev"], order=order)
    if wrong <= order:
        with pytest.raises(AssertionError, match=f"check of {'vjp_' * (wrong - 1)}f failed"):
            checked(0.5)
    else:
        checked(0.5)


@pytest.mark.parametrize("order", [0, 1.5, True, None])
def test_check_grads_refuses_what_is_no_order(order):
    with pytest.raises(UsageError, match=r"found modes=\['back'\]"):
        check_grads(np.sum, modes=["back"])
    with pytest.raises(UsageError, match="and 1 or more"):
        check_grads(np.sum, order=order)


@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (lambda p: p["a"] * np.sum(p["b"][0] ** 3), ({"a": 2.0, "b": [np.ones(2)]},)),
        (lambda x: {"a": (x, [np.sin(x)]), "b": 1.0}, (0.5,)),
        (lambda z: np.abs(z) * np.angle(z), (np.array([1.0 + 2.0j, 0.5 - 1.0j]),)),
        (lambda z: np.exp(z) * z.imag, (0.3 + 0.4j,)),
        (lambda x: x**2 if x > 1 else np.float64(3) * x, (1.5,)),
        (lambda x: grad(lambda y: np.sum(y**2 * x))(x), (np.array([1.0, 2.0]),)),
    ],
    ids=["containers", "containers returned", "complex", "complex result", "branches", "a derivative"],
)
def test_check_grads_takes_whatever_functional_differentiates(f, arguments):
    check_grads(f)(*arguments)


@pytest.mark.parametrize("argnum", [(), "x", 1.0, True])
def test_check_grads_refuses_what_is_no_place(argnum):
    with pytest.raises(UsageError, match="needs the place of an argument"):
        check_grads(np.sum, argnum)
    with pytest.raises(UsageError, match=r"found argnum=1, and 1 arguments"):
        check_grads(np.sum, 1)(np.ones(2))


def test_a_primitive_with_gradients_by_some_arguments():
    @primitive
    def scaled(x, count, factor):
        return x * factor * count

    defvjp(
        scaled,
        lambda ans, x, n, f: lambda g: g * f * n,
        lambda ans, x, n, f: lambda g: np.sum(g * x * n),
        argnums=[0, 2],
    )
    found = grad(lambda x, f: np.sum(scaled(x, 3, f)), (0, 1))(np.ones(2), 2.0)
    assert np.array_equal(found[0], [6, 6])
    assert found[1] == 6
    with pytest.raises(UsageError, match="needs a primitive; define it under"):
        defvjp(np.sum, None)
    with pytest.raises(UsageError, match=r"found 1 functions for argnums=\[0, 1\]"):
        defvjp(scaled, None, argnums=[0, 1])


def test_the_gradient_of_a_fixed_point_of_containers():
    def solution(p):
        step = lambda p: lambda x: np.tanh(np.dot(p["W"], x) + p["b"])  # noqa: E731
        return fixed_point(step, p, np.zeros(2), lambda x, y: np.max(np.abs(x - y)), 1e-12)

    p = {"W": np.array([[0.2, -0.4], [0.3, 0.1]]), "b": np.array([0.5, -0.2])}
    slope = grad(lambda p: np.sum(solution(p) ** 2))(p)
    h = 1e-6
    for place in np.ndindex(2, 2):
        moved = [
            dict(p, W=p["W"] + sign * h * (np.arange(4).reshape(2, 2) == place[0] * 2 + place[1])) for sign in (1, -1)
        ]
        ahead, behind = [np.sum(solution(one) ** 2) for one in moved]
        assert slope["W"][place] == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)
