"""How near the values of a plan must be to those of the graph: a few units in the last place of the largest numbers."""

import numpy as np

ULPS = 64


def assert_agree(found, expected, what="", scale=0.0, eps=0.0):
    """Both finite in the same places, equal where they are not, and near one another.

    `scale` is the largest number on the way to them, `eps` the precision of the shortest dtype on the way.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, needs {expected.shape}"
    assert found.dtype == expected.dtype, f"{what}: dtype {found.dtype}, needs {expected.dtype}"
    if expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected, err_msg=what)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(found), finite, err_msg=what)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=what)
    largest = max(scale, float(np.max(np.abs(expected[finite]), initial=0)))
    error = float(np.max(np.abs(found[finite] - expected[finite]), initial=0))
    bound = ULPS * max(eps, np.finfo(expected.dtype).eps) * largest
    assert error <= bound, f"{what}: differs by {error:.3g}, allowed {bound:.3g} ({ULPS} ulp of {largest:.3g})"
