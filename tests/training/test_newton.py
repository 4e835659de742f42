"""Newton's method and L-BFGS: minima by closed forms, saddles said, what does not fit in memory refused."""

import re
import sys
from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import flowgraph as fg
from flowgraph.errors import install_hint
from flowgraph.training import SaddleError, TooLargeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X @ [1.0, -2.0, 0.5] + RNG.normal(size=60) > 0).astype(int)


def least_squares(dtype=float):
    x, y = fg.Input("x", shape=("N", 3), dtype=dtype), fg.Input("y", shape=("N",), dtype=dtype)
    w, b = fg.Parameter(np.zeros(3, dtype), name="w"), fg.Parameter(np.zeros((), dtype), name="b")
    return w, b, fg.mean(fg.SquaredError(x @ w + b, y))


def well(start):
    """f(u, v) = mean over x of (u² − 1)² / 4 + v² / 2 + 0 x: minima at u = ±1, a saddle at the origin."""
    x = fg.Input("x", shape=("N",))
    w = fg.Parameter(start, name="w")
    return w, (w[0] * w[0] - 1) ** 2 / 4 + w[1] * w[1] / 2 + 0 * fg.mean(x)


ONE = {"x": [1.0]}


def test_one_step_solves_least_squares():
    w, b, objective = least_squares()
    found = fg.newton(objective, (X, X @ [1.0, 2.0, 3.0] - 4))
    assert len(found.steps) == 1
    np.testing.assert_allclose([*w.value, b.value], [1, 2, 3, -4], rtol=1e-10)
    assert found.converged
    assert found.steps[0].positive_definite
    assert found.steps[0].damping == 0
    assert "after 1 step: the gradient vanishes" in str(found)


@pytest.mark.parametrize("method", [fg.newton, fg.lbfgs])
def test_logistic_regression_against_scikit_learn(method):
    """The mean cross entropy plus λ Σ W²: scikit-learn minimises C Σ loss + ½ Σ W², so C = 1 / (2 λ N)."""
    mlp = fg.MLP([3, 2], rng=0)
    found = method(mlp, (X, Y), l2=0.01, tolerance=1e-9)
    peer = LogisticRegression(C=1 / (2 * 0.005 * len(X)), tol=1e-10, max_iter=1000).fit(X, Y)
    assert found.gradient_norm < 1e-6
    W, b = mlp.weights[0].value, mlp.biases[0].value
    np.testing.assert_allclose(W[:, 1] - W[:, 0], peer.coef_[0], rtol=1e-4)
    assert b[1] - b[0] == pytest.approx(peer.intercept_[0], rel=1e-4)


def test_newton_is_quadratic_near_a_minimum():
    w, objective = well([1.3, 0.0])
    found = fg.newton(objective, ONE, tolerance=1e-14)
    norms = [step.gradient_norm for step in found.steps]
    assert all(after < 2 * before**2 for before, after in pairwise(norms[1:]))
    np.testing.assert_allclose(w.value, [1, 0], atol=1e-12)


def test_damping_leaves_a_ridge_where_the_hessian_is_not_positive_definite():
    w, objective = well([0.1, 1.0])
    found = fg.newton(objective, ONE)
    assert not found.steps[0].positive_definite
    assert found.steps[0].damping > 0
    assert found.converged
    np.testing.assert_allclose(w.value, [1, 0], atol=1e-7)
    objectives = [step.objective for step in found.steps]
    assert all(after < before for before, after in pairwise(objectives))


def test_a_saddle_is_said():
    _, objective = well([0.0, 0.0])
    found = fg.newton(objective, ONE)
    assert not found.converged
    assert found.ended == "at a saddle: its smallest eigenvalue is -1"


def test_it_refuses_by_choice():
    w, objective = well([0.1, 1.0])
    with pytest.raises(
        SaddleError, match=r"not positive definite, its smallest eigenvalue is -0.97, .*use not_convex='damp'"
    ):
        fg.newton(objective, ONE, not_convex="refuse")
    assert w.value.tolist() == [0.1, 1.0]


def test_a_network_reaches_a_minimum():
    mlp = fg.MLP([3, 3, 2], rng=0)
    found = fg.newton(mlp, (X, Y), l2=0.01, steps=200)
    assert found.converged, str(found)
    assert found.ended == "the gradient vanishes, and some direction is flat"
    assert found.gradient_norm < 1e-8


def test_steps_are_counted():
    _, objective = well([0.1, 1.0])
    found = fg.newton(objective, ONE, steps=2)
    assert len(found.steps) == 2
    assert found.ended == "all steps were used"
    assert not found.converged


class WrongSlope(fg.Elementwise):
    """The square, whose bprop goes the wrong way."""

    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (-2 * grad * a,)


def test_a_gradient_that_leads_nowhere_is_said():
    x, w = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w")
    found = fg.newton(fg.mean(x) * 0 + WrongSlope(w), ONE)
    assert found.ended == "no step makes the objective smaller"
    assert not found.converged
    assert w.value == 1


def test_too_many_parameters_are_refused_with_their_bytes():
    mlp = fg.MLP([3, 200, 2], rng=0)
    with pytest.raises(
        TooLargeError, match=r"found 1,202 parameters, whose Hessian needs about [\d,]{10,} bytes with 60"
    ):
        fg.newton(mlp, (X, Y), memory=10**7)
    with pytest.raises(TooLargeError, match=r"and [\d,]+ are free; take fewer of both, fg.lbfgs, or fg.fit"):
        fg.newton(fg.MLP([3, 100_000, 2], rng=0), (X, Y))


@pytest.mark.parametrize("method", [fg.newton, fg.lbfgs])
def test_float32_stays(method):
    w, _, objective = least_squares(np.float32)
    method(objective, (X, X @ [1.0, 2.0, 3.0] - 4))
    assert w.value.dtype == np.float32
    np.testing.assert_allclose(w.value, [1, 2, 3], rtol=1e-4)


def test_lbfgs_keeps_its_steps():
    found = fg.lbfgs(fg.MLP([3, 8, 2], rng=0), (X, Y), l2=1e-3, steps=5)
    assert len(found.steps) == 5
    objectives = [step.objective for step in found.steps]
    assert objectives == sorted(objectives, reverse=True)
    assert not found.converged
    assert found.objective == objectives[-1]


def test_without_scipy_the_extra_is_named(monkeypatch):
    _, objective = well([0.0, 0.0])
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=re.escape(f"lbfgs: needs SciPy; run: {install_hint('scipy')}")):
        fg.lbfgs(objective, ONE)
