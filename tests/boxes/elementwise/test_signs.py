"""Modified Bessel functions, and their derivatives, held against those of SciPy."""

import numpy as np
import pytest
import scipy.special

import flowgraph as fg
from tests.boxes.elementwise.test_arithmetic import grad, value


@pytest.mark.parametrize("order", range(9))
def test_bessel_functions_are_scipys(order):
    a = np.array([0.0, 1e-5, 0.3, 1, 5, 20, 29.99, 30.01, 50, 300, 700, -3, -33])
    needed = scipy.special.iv(order, a)
    np.testing.assert_allclose(fg.ModifiedBessel.apply(a, order=order), needed, rtol=3e-13)
    single = fg.ModifiedBessel.apply(a[:9].astype("float32"), order=order)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, needed[:9], rtol=2e-5, atol=np.finfo(np.float32).tiny)


@pytest.mark.parametrize("order", range(9))
def test_derivatives_of_bessel_functions_are_scipys(order):
    """Of the largest order too, whose own derivative has no function of a larger order to be made of."""
    a = np.array([1e-3, 0.3, 0.99, 1.01, 5, 29.99, 30.01, 50, -0.7, -3, -33])
    x = fg.Parameter(a, name="x")
    slope = fg.ModifiedBessel(x, order=order)
    for n in (1, 2, 3):
        (slope,) = fg.gradient(fg.sum(slope), [x])
        np.testing.assert_allclose(value(slope), scipy.special.ivp(order, a, n), rtol=1e-12)


@pytest.mark.sampled(one_in=10)  # each of the orders has two terms for every one before
def test_the_largest_order_has_its_derivatives_at_0():
    x = fg.Parameter(0.0, name="x")
    slope = fg.ModifiedBessel(x, order=8)
    for n in range(1, 9):
        (slope,) = fg.gradient(slope, [x])
        assert float(value(slope)) == pytest.approx(2.0**-8 if n == 8 else 0.0, rel=1e-14)


def test_i0_is_flat_at_0_and_has_whole_orders_of_real_numbers():
    np.testing.assert_array_equal(grad(np.i0, np.zeros(2)), [0, 0])
    with pytest.raises(fg.FlowgraphError, match=r"order=1\.5, needs a whole number from 0 to 8"):
        fg.ModifiedBessel(fg.Input("x"), order=1.5)
    with pytest.raises(fg.FlowgraphError, match="complex numbers, needs real ones"):
        fg.ModifiedBessel.apply(np.array(1j), order=1)
