"""Activations at their edges: kinks, large values, axes, symbolic shapes."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg

FUNCTIONS = [fg.sigmoid, fg.relu, fg.leaky_relu, fg.elu, fg.softplus, fg.gelu, fg.silu, fg.softmax, fg.log_softmax]


def gradient_at(function, a):
    box = fg.Input("a", shape=np.shape(a), dtype=np.asarray(a).dtype)
    run = fg.Graph(function(box)).fprop(a=a)
    return run.bprop(np.ones_like(run.outputs[0]), wrt=box)[box]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_overflow_and_no_warning_at_large_values(function, dtype):
    a = np.array([-1000, -100, -1, 0, 1, 100, 1000], dtype)
    value, grad = function(a), gradient_at(function, a)
    assert value.dtype == grad.dtype == dtype
    assert np.isfinite(value).all()
    assert np.isfinite(grad).all()


def test_sigmoid_keeps_its_relative_accuracy():
    a = np.array([-700.0, -40.0, 0.0, 40.0])
    np.testing.assert_allclose(fg.sigmoid(a), [math.exp(-700), math.exp(-40) / (1 + math.exp(-40)), 0.5, 1], rtol=1e-14)
    np.testing.assert_array_equal(fg.sigmoid(np.array([-np.inf, np.inf])), [0, 1])


def test_derivatives_at_the_kink_are_those_from_the_left():
    zero = np.zeros(1)
    assert gradient_at(fg.relu, zero) == 0
    assert gradient_at(lambda a: fg.leaky_relu(a, slope=0.2), zero) == 0.2
    assert gradient_at(lambda a: fg.elu(a, alpha=0.5), zero) == 0.5


def test_relu_passes_no_nan_from_the_closed_side():
    box = fg.Input("a", shape=(2,))
    run = fg.Graph(fg.relu(box)).fprop(a=[-1.0, 1.0])
    np.testing.assert_array_equal(run.bprop([np.inf, np.inf], wrt=box)[box], [0, np.inf])
    assert np.isnan(fg.relu(np.array([np.nan])))


def test_normal_distribution_function():
    a = np.linspace(-37, 9, 2001)
    exact = np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in a])
    found = fg.NormalCdf.apply(a)
    np.testing.assert_allclose(found, exact, rtol=1e-12)
    near = a > -3
    np.testing.assert_allclose(found[near], exact[near], rtol=0, atol=2e-15)
    ends = fg.NormalCdf.apply(np.array([-np.inf, -1e300, 0, 1e300, np.inf]))
    np.testing.assert_allclose(ends, [0, 0, 0.5, 1, 1], rtol=1e-15)
    assert np.isnan(fg.NormalCdf.apply(np.array(np.nan)))
    assert fg.NormalCdf.apply(np.float32(1)).dtype == np.float32


@given(
    st.integers(1, 4).flatmap(
        lambda ndim: st.tuples(st.tuples(*[st.integers(1, 4)] * ndim), st.integers(-ndim, ndim - 1))
    )
)
def test_softmax_as_scipy_has_it(shape_and_axis):
    shape, axis = shape_and_axis
    a = np.random.default_rng(0).normal(size=shape) * 50
    np.testing.assert_allclose(fg.softmax(a, axis), scipy.special.softmax(a, axis), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(fg.log_softmax(a, axis), scipy.special.log_softmax(a, axis), rtol=1e-12, atol=1e-12)


def test_softmax_over_several_axes_and_of_nothing():
    a = np.random.default_rng(0).normal(size=(2, 3, 4))
    np.testing.assert_allclose(fg.softmax(a, (0, 2)).sum(axis=(0, 2)), np.ones(3))
    assert fg.softmax(np.zeros((3, 0))).shape == fg.log_softmax(np.zeros((0, 3))).shape[::-1] == (3, 0)
    assert fg.softmax(np.float64(7.0)) == 1


def test_a_masked_score_has_probability_0():
    np.testing.assert_array_equal(fg.softmax(np.array([0.0, -np.inf, 0.0])), [0.5, 0, 0.5])


@pytest.mark.parametrize("function", [fg.sigmoid, fg.softmax, fg.gelu], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_integers_become_floats_and_never_wrap(function, dtype):
    a = np.array([0, 1, 1], dtype)
    value = function(a)
    assert value.dtype == fg.Graph(function(fg.Constant(a))).outputs[0].dtype == np.float64
    np.testing.assert_allclose(value, function(a.astype(float)), rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda a: fg.ELU(a, alpha=math.nan), "ELU: found alpha=nan, needs a finite number"),
        (
            lambda a: fg.GELU(a, approximate="erf"),
            r"GELU: found approximate='erf', needs 'none' or 'tanh'",
        ),
    ],
)
def test_settings_that_make_no_sense(build, text):
    with pytest.raises(fg.FlowgraphError, match=text):
        build(fg.Input("a", shape=("N",)))


@pytest.mark.parametrize(
    ("function", "per_element"),
    [(fg.sigmoid, 3), (fg.elu, 3), (fg.softplus, 3), (fg.gelu, 11), (fg.silu, 4), (lambda a: fg.SquaredError(a, 0), 3)],
)
def test_flops_follow_the_batch(function, per_element):
    box = function(fg.Input("a", shape=("N", 2)))
    assert str(box.flops(box.shape, box.children[0].shape)) == f"{2 * per_element}*N"
