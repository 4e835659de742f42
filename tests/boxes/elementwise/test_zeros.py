"""The sign of a zero is NumPy's, for every elementwise function of NumPy that boxes have."""

import numpy as np
import pytest

import flowgraph as fg

NUMBERS = [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, np.inf, np.nan, 1e-310, 1e308]
VALUES = np.array([*NUMBERS, *[-number for number in NUMBERS]])
UFUNCS = [one for one in vars(np).values() if isinstance(one, np.ufunc) and one.signature is None and one.nin < 3]


def as_boxes(ufunc, *arrays):
    """What the function gives on boxes, as arrays, or None where boxes or numbers have none."""
    try:
        found = ufunc(*[fg.Constant(array) for array in arrays])
    except (TypeError, fg.FlowgraphError):
        return None
    boxes = list(found) if ufunc.nout > 1 else [found]
    run = fg.Graph(*boxes).fprop()
    return [np.asarray(run[box]) for box in boxes]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("ufunc", dict.fromkeys(UFUNCS), ids=lambda ufunc: ufunc.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_sign_of_a_zero_is_numpys(ufunc, dtype):
    values = VALUES.astype(dtype)
    arrays = [values] if ufunc.nin == 1 else [np.repeat(values, len(values)), np.tile(values, len(values))]
    boxes = as_boxes(ufunc, *arrays)
    if boxes is None:
        return
    needed = ufunc(*arrays)
    for value, array in zip(boxes, needed if ufunc.nout > 1 else [needed], strict=True):
        assert value.dtype == array.dtype
        for part in (np.real, np.imag):
            zeros = part(array) == 0
            np.testing.assert_array_equal(part(value) == 0, zeros)
            if array.dtype.kind in "fc":
                np.testing.assert_array_equal(np.signbit(part(value))[zeros], np.signbit(part(array))[zeros])
