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
