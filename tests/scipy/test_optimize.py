"""scipy.optimize on boxes: values of SciPy, gradients of any order that check_grads finds right."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.functional import grad
from flowgraph.interop.autograd import check_grads
from flowgraph.scipy import optimize


def equation(x, a, more):
    return a @ x + 0.1 * x**3 - np.exp(more["shift"])


def equations(x, a, more):
    return list(equation(x, a, more))


def energy(x, a, more):
    return 0.5 * x @ a @ x + 0.025 * np.sum(x**4) - np.sum(x * np.exp(more["shift"]))


@settings(max_examples=8)
@given(
    st.integers(0, 99),
    st.integers(1, 3),
    st.sampled_from([("root", equation), ("root", equations), ("minimize", energy)]),
)
def test_values_are_scipys_and_gradients_are_right(seed, n, chosen):
    name, function = chosen
    rng = np.random.default_rng(seed)
    factor, shift = rng.normal(size=(n, n)), rng.normal(size=n)
    wanted = getattr(scipy.optimize, name)(function, np.zeros(n), (factor @ factor.T + np.eye(n), {"shift": shift}))
    same = getattr(optimize, name)(function, np.zeros(n), (factor @ factor.T + np.eye(n), {"shift": shift}))
    np.testing.assert_array_equal(same.x, wanted.x)

    def solution(factor, shift):
        given = factor @ factor.T + np.eye(n), {"shift": shift}
        return getattr(optimize, name)(function, np.zeros(n), given, tol=1e-10).x

    box = solution(fg.Parameter(factor), shift)
    assert box.shape == (n,)
    np.testing.assert_allclose(fg.Graph(box).fprop()[box], wanted.x, rtol=1e-4, atol=1e-4)
    if name == "root":  # a minimum is found to half of the digits, too few for differences
        check_grads(solution, (0, 1), modes=["rev"], order=2)(factor, shift)


@settings(max_examples=8)
@given(st.integers(0, 99), st.integers(1, 3))
def test_a_minimum_moves_as_the_root_of_the_slope(seed, n):
    rng = np.random.default_rng(seed)
    factor, weights, shift = rng.normal(size=(n, n)), rng.normal(size=n), {"shift": rng.normal(size=n)}

    def slope(solve, function):
        def weighted(factor):
            return weights @ solve(function, np.zeros(n), (factor @ factor.T + np.eye(n), shift), tol=1e-8).x

        return grad(weighted)(factor)

    found, needed = slope(optimize.minimize, energy), slope(optimize.root, equation)
    np.testing.assert_allclose(found, needed, rtol=1e-4, atol=1e-5)
    a = factor @ factor.T + np.eye(n)
    least = optimize.minimize(energy, np.zeros(n), (a, shift), tol=1e-8)
    by_minimum = grad(lambda a: optimize.minimize(energy, np.zeros(n), (a, shift), tol=1e-8).fun)(a)
    np.testing.assert_allclose(by_minimum, grad(lambda a: energy(least.x, a, shift))(a), rtol=1e-4, atol=1e-5)


def test_a_fixed_point_moves_as_the_root_of_its_difference():
    def mixed(x, a):
        return np.cos(x) * a + 0.1 * np.sin(np.sum(x))

    a = np.array([0.3, 0.5])
    np.testing.assert_array_equal(
        optimize.fixed_point(mixed, np.zeros(2), (a,)), scipy.optimize.fixed_point(mixed, np.zeros(2), (a,))
    )
    check_grads(lambda a: optimize.fixed_point(mixed, np.zeros(2), (a,), xtol=1e-12), modes=["rev"], order=2)(a)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda a: optimize.root(equation, a, (a,)), "found a box as x0"),
        (lambda a: optimize.root(equation, 1.0, (a,)), r"found the shape \(\) as x0"),
        (lambda a: optimize.minimize(energy, np.zeros(2), (a,), bounds=[(0, 1)] * 2), "found boxes with bounds"),
    ],
)
def test_what_has_no_gradient_is_refused(call, text):
    with pytest.raises(UsageError, match=text):
        call(fg.Parameter(np.ones(2)))


def test_no_solution_is_an_error_of_the_run():
    box = optimize.root(lambda x, a: x**2 + a, np.ones(1), (fg.Parameter(1.0),)).x
    with pytest.raises(FlowgraphError, match="A gradient needs a solution"):
        fg.Graph(box).fprop()
    assert optimize.brentq is scipy.optimize.brentq
    assert "minimize" in dir(optimize)
