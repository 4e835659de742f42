"""scipy.integrate.solve_ivp on boxes: values of SciPy, gradients that check_grads finds right."""

import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.functional import grad
from flowgraph.interop.autograd import check_grads
from flowgraph.scipy.integrate import odeint, solve_ivp

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def pendulum(t, y, friction, weight):
    return [y[1], -friction * y[1] - weight * np.sin(y[0]) * np.cos(t)]


@settings(max_examples=10)
@given(st.data())
def test_values_are_scipys_and_gradients_are_right(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    y0, friction, weight = rng.normal(size=2), rng.normal(), rng.normal()
    start, end = data.draw(st.sampled_from([(0.0, 1.0), (1.0, -0.5), (0.5, 0.7)]))
    times = np.linspace(start, end, data.draw(st.integers(1, 4)))[data.draw(st.integers(0, 1)) :]
    chosen = {"method": data.draw(st.sampled_from(["RK45", "DOP853", "LSODA"])), "args": (friction, weight), **EXACT}
    if not len(times):
        return
    wanted = scipy.integrate.solve_ivp(pendulum, (start, end), y0, t_eval=times, **chosen)
    assert np.array_equal(solve_ivp(pendulum, (start, end), y0, t_eval=times, **chosen).y, wanted.y)

    def states(y0, friction):
        given = {**chosen, "args": (friction, weight)}
        return solve_ivp(pendulum, (start, end), y0, t_eval=times, **given).y

    box = states([*fg.Parameter(y0)], friction)
    assert box.shape == wanted.y.shape
    np.testing.assert_allclose(fg.Graph(box).fprop()[box], wanted.y, rtol=1e-9, atol=1e-12)
    check_grads(states, (0, 1), modes=["rev"], order=1)(y0, friction)


def test_gradients_are_those_of_odeint_by_times_too():
    def by_odeint(t, y0, rate):
        return odeint(lambda y, t, r: [-r * part * t for part in y], [*y0], [*t], (rate,), **EXACT)[1:].T

    def by_solve_ivp(t, y0, rate):
        return solve_ivp(lambda t, y, r: -r * y * t, (t[0], t[-1]), y0, t_eval=t[1:], args=(rate,), **EXACT).y

    arguments = np.array([0.0, 0.5, 2.0]), np.array([1.0, 2.0]), 0.7
    for place in range(3):
        found, needed = (grad(lambda *a, f=f: np.sum(f(*a) ** 2), place)(*arguments) for f in (by_solve_ivp, by_odeint))
        np.testing.assert_allclose(found, needed, rtol=1e-6, atol=1e-8)


def test_what_a_graph_cannot_know_is_refused():
    y0 = fg.Parameter([1.0])
    for chosen, text in (
        ({}, "without t_eval"),
        ({"t_eval": [1.0], "events": lambda t, y: y[0]}, "with events"),
        ({"t_eval": [1.0], "dense_output": True}, "with dense_output"),
    ):
        with pytest.raises(UsageError, match=text):
            solve_ivp(lambda t, y: -y, (0, 1), y0, **chosen)


def test_a_solver_that_fails_says_so():
    box = solve_ivp(lambda t, y: y**2, (0, 2), fg.Parameter([1.0]), t_eval=[2.0]).y
    with pytest.raises(FlowgraphError, match="solve_ivp: Required step size"):
        fg.Graph(box).fprop()
