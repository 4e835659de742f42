"""The end of the inverse Box-Cox transform, where its value is 0 and the logarithm in its slopes is infinite."""

import mpmath as mp
import numpy as np
import pytest

import flowgraph as fg


@pytest.mark.parametrize("lmbda", [0.1, 0.25, 0.4, 0.5, 1.0])
def test_slopes_of_the_inverse_box_cox_transform_where_it_ends(lmbda):
    """From inside they are those of a power of λ y + 1, which mpmath takes just beside; some for λ = 1 are infinite."""
    orders = [(1, 0), (0, 1), (2, 0)] + [(1, 1), (0, 2)] * (lmbda < 1)
    y, power = fg.Parameter(-1 / lmbda, name="y"), fg.Parameter(lmbda, name="power")
    by_y, by_power = fg.gradient(fg.registry["InverseBoxCox"](y, power), [y, power])
    (twice, mixed), (_, of_power) = fg.gradient(by_y, [y, power]), fg.gradient(by_power, [y, power])
    found = fg.Graph(by_y, by_power, twice, mixed, of_power).fprop().outputs
    with mp.workdps(120):
        at = mp.mpf(10) ** -25 - 1 / mp.mpf(lmbda), mp.mpf(lmbda)
        needed = [float(mp.diff(lambda y, power: (1 + power * y) ** (1 / power), at, order)) for order in orders]
    np.testing.assert_allclose(found[: len(orders)], needed, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("order", [1, 20, 21, 100, 170])
def test_derivatives_of_high_orders_keep_their_digits(order):
    """Where k! or a power is no number of float64, though the derivative is one, or series of SciPy lose digits."""
    a = np.array([-700.0, -170.0, -10.0, -0.5, 0.0, 0.5, 10.0, 600.0])
    b = np.array([-0.3, 0.0, 0.5, 3.0, 10.0, 100.0, 999.0, 1001.0])[order > 100 :]
    with mp.workdps(60):
        rel = [mp.hyp1f1(order + 1, order + 2, mp.mpf(one)) / (order + 1) for one in a]
        factor = (-1) ** order * mp.factorial(order) / (order + 1)
        log = [factor * mp.hyp2f1(order + 1, order + 1, order + 2, -mp.mpf(one)) for one in b]
    for name, values, needed in (("Exprel", a, rel), ("LogRatio", b, log)):
        found = fg.registry[name].apply(values, order=order)
        np.testing.assert_allclose(found, [float(one) for one in needed], rtol=3e-13, atol=1e-300)
