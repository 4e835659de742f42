"""Code written for autograd gives the same numbers with flowgraph's modules in the place of autograd's."""

import warnings

import numpy as np
import pytest

from flowgraph.errors import RetraceWarning, UsageError
from flowgraph.functional import flatten, grad
from flowgraph.interop.autograd import adam, check_grads, defvjp, fixed_point, primitive, rmsprop, sgd
from tests.interop.ports import PORTS, of_autograd, of_flowgraph


@pytest.mark.parametrize("name", PORTS)
def test_a_port_gives_the_numbers_of_autograd(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RetraceWarning)
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


def test_check_grads_raises_for_a_wrong_gradient_and_not_for_a_right_one():
    check_grads(lambda x: np.sum(np.tanh(x) ** 2), modes=["rev"], order=1)(np.linspace(-1, 1, 4))

    @primitive
    def cube(x):
        return x**3

    defvjp(cube, lambda ans, x: lambda g: g * x**2)
    with pytest.raises(AssertionError):
        check_grads(lambda x: np.sum(cube(x)), modes=["rev"])(np.linspace(1, 2, 3))
    with pytest.raises(UsageError, match=r"found modes=\['back'\]"):
        check_grads(np.sum, modes=["back"])


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
