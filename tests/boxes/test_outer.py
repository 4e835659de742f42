"""The method `outer` of every ufunc of two arguments that boxes understand is NumPy's, for arrays of any axes."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import numpy_dispatch

UFUNCS = sorted(
    {
        f
        for f in numpy_dispatch.implemented()
        if isinstance(f, np.ufunc) and (f.nin, f.nout, f.signature) == (2, 1, None)
    },
    key=lambda ufunc: ufunc.__name__,
)
SHAPES = [((3,), (2,)), ((), (2,)), ((2,), ()), ((2, 3), (4,)), ((2,), (3, 1)), ((0,), (2,))]


def computed(ufunc, a, b):
    """NumPy's result, for floats or for integers; None where the ufunc takes neither."""
    with np.errstate(all="ignore"):
        try:
            return ufunc.outer(a, b)
        except TypeError:
            return None


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
def test_outer_is_numpys(ufunc):
    tried = 0
    for left, right in SHAPES:
        for dtype in (float, int):
            a = (np.arange(np.prod(left)).reshape(left) + 1).astype(dtype)
            b = (np.arange(np.prod(right)).reshape(right) + 2).astype(dtype)
            needed = computed(ufunc, a, b)
            if needed is None or needed.dtype.kind not in "fiub":
                continue
            x, y = fg.Input("x", shape=left, dtype=dtype), fg.Input("y", shape=right, dtype=dtype)
            box = ufunc.outer(x, y)
            with np.errstate(all="ignore"):
                found = fg.Graph(box).fprop(x=a, y=b)[box]
            assert box.shape == needed.shape
            np.testing.assert_allclose(found, needed, rtol=1e-14)
            tried += 1
    assert tried or ufunc is np.ldexp
