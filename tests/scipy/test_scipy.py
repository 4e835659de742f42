"""What stands for autograd.scipy: values of SciPy, gradients of autograd."""

import autograd
import autograd.builtins
import autograd.numpy as anp
import autograd.scipy.integrate
import autograd.scipy.signal
import autograd.scipy.special
import numpy as np
import pytest
import scipy.integrate
import scipy.signal
import scipy.special

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from flowgraph.functional import grad, jit, vmap
from flowgraph.scipy import integrate, optimize, signal, special

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4))


def test_ufuncs_are_scipys_own():
    assert special.gammaln is scipy.special.gammaln
    assert special.expit is scipy.special.expit
    assert set(scipy.special.__all__) <= set(dir(special))
    with pytest.raises(AttributeError):
        special.nothing  # noqa: B018


B = RNG.normal(size=(3, 4))
ZERO = np.where(np.arange(12).reshape(3, 4) % 3, np.abs(B), 0.0)


@pytest.mark.parametrize(
    "settings",
    [{}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)}, {"b": np.abs(B)}, {"b": ZERO, "axis": 1},
     {"b": B, "return_sign": True, "axis": 0}, {"return_sign": True}, {"b": np.arange(4.0), "axis": -1}],
    ids=str,
)  # fmt: skip
def test_logsumexp_is_that_of_scipy(settings):
    wanted = scipy.special.logsumexp(A, **settings)
    x = fg.Input("a", shape=A.shape)
    made = special.logsumexp(x, **settings)
    for box, value in zip(*((made, wanted) if isinstance(made, tuple) else ((made,), (wanted,))), strict=True):
        found = fg.Graph(box).fprop(a=A)[box]
        np.testing.assert_allclose(found, value, rtol=1e-12)
        assert np.shape(found) == np.shape(value)
    np.testing.assert_array_equal(special.logsumexp(A, **settings), wanted)
    if "return_sign" not in settings:
        found = grad(lambda a: np.sum(special.logsumexp(a, **settings)))(A)
        theirs = autograd.grad(lambda a: anp.sum(autograd.scipy.special.logsumexp(a, **settings)))(A)
        np.testing.assert_allclose(found, theirs, rtol=1e-10, atol=1e-13)


def test_logsumexp_overflows_nowhere_and_takes_boxes_in_lists_and_factors():
    huge = np.array([1000.0, 1000.0, -np.inf])
    assert grad(lambda b: special.logsumexp(huge, b=b))(np.array([1.0, 3.0, 1.0])) == pytest.approx([0.25, 0.25, 0])
    assert grad(lambda x: special.logsumexp([x, 2 * x]))(500.0) == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_softmax_is_that_of_scipy(name):
    for a, axes in ((A, (None, 0, 1)), (A[0, 0], (None, 0, -1)), (A[:0], (1,))):
        for axis in axes:
            box = getattr(special, name)(fg.Input("a", shape=a.shape), axis=axis)
            wanted = getattr(scipy.special, name)(a, axis=axis)
            np.testing.assert_allclose(fg.Graph(box).fprop(a=a)[box], wanted, rtol=1e-12)
            np.testing.assert_array_equal(getattr(special, name)(a, axis=axis), wanted)


def test_functions_that_are_no_ufuncs():
    for ours, theirs in (
        (lambda x: special.polygamma(1, x), lambda x: scipy.special.polygamma(1, x)),
        (lambda x: special.multigammaln(x, 3), lambda x: scipy.special.multigammaln(x, 3)),
        (lambda x: special.lambertw(x).real, lambda x: scipy.special.lambertw(x).real),
        (lambda x: special.lambertw(-1 / x, -1).real, lambda x: scipy.special.lambertw(-1 / x, -1).real),
    ):
        assert ours(4.2) == pytest.approx(theirs(4.2))
        step = 1e-5
        assert grad(ours)(4.2) == pytest.approx((theirs(4.2 + step) - theirs(4.2 - step)) / (2 * step), rel=1e-7)


CONVOLUTIONS = {
    "vectors": ((7,), (3,), {}),
    "vectors the other way": ((3,), (7,), {}),
    "images": ((5, 6), (2, 3), {}),
    "filters of images": ((2, 3, 6, 5), (3, 4, 2, 2), {"axes": ([2, 3], [2, 3]), "dot_axes": ([1], [0])}),
    "one axis": ((4, 6), (4, 3), {"axes": ([1], [1]), "dot_axes": ([0], [0])}),
    "without sums": ((2, 6), (3, 4), {"axes": ([1], [1])}),
    "the larger one second": ((2, 3), (4, 6), {"axes": ([1], [1])}),
}


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
@pytest.mark.parametrize("what", CONVOLUTIONS)
def test_convolutions_are_those_of_autograd(what, mode):
    one, other, settings = CONVOLUTIONS[what]
    a, b = RNG.normal(size=one), RNG.normal(size=other)
    wanted = autograd.scipy.signal.convolve(a, b, mode=mode, **settings)
    found = signal.convolve(a, b, mode=mode, **settings)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    ours = grad(lambda a, b: np.sum(signal.convolve(a, b, mode=mode, **settings) ** 2), (0, 1))(a, b)
    if not settings:
        np.testing.assert_allclose(found, scipy.signal.convolve(a, b, mode), atol=1e-12)
    if mode == "same":
        return  # autograd 1.9 has no gradient of it
    theirs = autograd.grad(lambda p: anp.sum(autograd.scipy.signal.convolve(*p, mode=mode, **settings) ** 2))((a, b))
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-10)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: signal.convolve(np.ones(3), np.ones(2), mode="some"), UsageError, "found mode='some', needs one of"),
        (lambda: signal.convolve(A, A, axes=([0], [5])), UsageError, r"found the axes \[5\] of B, which has 2"),
        (lambda: signal.convolve(A, A, axes=([0], [0, 1])), UsageError, "needs as many axes of A as of B"),
        (lambda: signal.convolve(np.ones((2, 5)), np.ones((3, 4)), mode="valid"), ShapeError, "mode='full' takes any"),
        (lambda: signal.convolve(fg.Input("x", shape=("N",)), np.ones(2)), ShapeError, "needs numbers for all sizes"),
    ],
)
def test_what_cannot_be_convolved_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def oscillator(np):
    return lambda y, t, p, rate: np.dot(np.sin(y + t), p) - rate * y


def test_a_solution_and_its_gradients_are_those_of_scipy_and_autograd():
    y0, t, p = np.array([1.0, 0.5]), np.linspace(0, 1, 4), np.array([[0.1, 0.5], [-0.3, 0.2]])
    wanted = scipy.integrate.odeint(oscillator(np), y0, t, (p, 0.3))
    np.testing.assert_array_equal(integrate.odeint(oscillator(np), y0, t, (p, 0.3)), wanted)

    def ours(*point):
        return np.sum(integrate.odeint(oscillator(np), *point[:2], point[2:]) ** 2)

    def theirs(*point):
        args = autograd.builtins.tuple(point[2:])
        return anp.sum(autograd.scipy.integrate.odeint(oscillator(anp), *point[:2], args) ** 2)

    found = grad(ours, (0, 1, 2, 3))(y0, t, p, 0.3)
    for one, other in zip(found, autograd.grad(theirs, (0, 1, 2, 3))(y0, t, p, 0.3), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


CAPTURING = {
    "root": lambda k: optimize.root(lambda x: x**3 - k, np.ones(1)).x[0],
    "minimize": lambda k: optimize.minimize(lambda x: np.sum((x - k) ** 2), np.ones(1)).x[0],
    "fixed_point": lambda k: optimize.fixed_point(lambda x: np.cos(k * x), np.ones(1))[0],
    "odeint": lambda k: integrate.odeint(lambda y, t: -k * y, np.ones(1), np.array([0.0, 1.0]))[-1, 0],
    "solve_ivp": lambda k: integrate.solve_ivp(lambda t, y: -k * y, (0, 1), np.ones(1), t_eval=[1.0]).y[0, 0],
}


@pytest.mark.parametrize("name", CAPTURING)
@pytest.mark.parametrize("outer", [grad, lambda f: grad(grad(f)), jit, lambda f: lambda k: vmap(f)(np.array([k]))])
def test_a_box_that_the_function_reads_from_outside_has_to_be_given_in_args(outer, name):
    with pytest.raises(fg.FlowgraphError, match=f"^{name}: found a box that its function returned .* in args=, where"):
        outer(CAPTURING[name])(0.7)
