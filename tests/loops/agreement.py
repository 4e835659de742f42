"""What tests of loops compare, and a box that counts how often it is computed."""

import numpy as np

import flowgraph as fg


def assert_close(found, needed, dtype=float, single=2e-4):
    """Equal dtypes, and numbers to 1e-9, in float32 to `single`."""
    tolerance = single if dtype == np.float32 else 1e-9
    assert len(found) == len(needed)
    for one, other in zip(found, needed, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def assert_same(found, needed):
    """The numbers of another package."""
    assert len(found) == len(needed)
    for one, other in zip(found, needed, strict=True):
        np.testing.assert_allclose(one, np.asarray(other), rtol=1e-9, atol=1e-10)


def dear(calls):
    """A class of boxes that note the shape in `calls` whenever one is computed."""

    class Dear(fg.Elementwise):
        """h = a"""

        def fprop(self, a):
            calls.append(a.shape)
            return np.reshape([float(one) for one in np.ravel(a)], a.shape)  # arrays alone: a plan cannot open it

        def bprop(self, grad, h, a):
            return (grad * h / a,)

    return Dear
