"""What a number does to the dtype of the box that it meets is what it does to an array, on either side."""

import itertools

import numpy as np
import pytest

import flowgraph as fg

DTYPES = ("bool", "int8", "uint8", "int64", "float16", "float32", "float64", "complex64", "complex128")
NUMBERS = (True, 3, -2, 300, 2**40, 2.5, 1e300, 2j, 1 - 0.5j, np.True_, *map(np.int8, (3, -2)), np.float16(0.5))
NUMBERS += (np.float32(0.1), np.float64(0.1), np.complex64(2j), np.array(0.1), np.array([2j]))
FUNCTIONS = (np.add, np.multiply, np.true_divide, np.maximum, np.equal, np.float_power, np.logaddexp)


VALUES = np.array([1, 2, 5])


def outcome(function, *given):
    """What a call gives, or that it is refused."""
    with np.errstate(all="ignore"):
        try:
            return function(*given)
        except (OverflowError, TypeError, fg.FlowgraphError):
            return "refused"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.__name__)
def test_the_dtype_and_the_values_are_those_of_numpy(dtype, function):
    values = VALUES.astype(dtype)
    x = fg.Input("x", shape=(3,), dtype=dtype)
    for number, left in itertools.product(NUMBERS, (False, True)):
        told = outcome(function, *((number, values) if left else (values, number)))
        box = outcome(function, *((number, x) if left else (x, number)))
        if isinstance(box, fg.Box):
            assert box.dtype == np.asarray(told).dtype, (number, left)
            found = outcome(fg.Graph(box).fprop, {x: values}).outputs[0]
            np.testing.assert_allclose(found, told, rtol=1e-3 if dtype == "float16" else 1e-6)
            assert np.asarray(found).dtype == np.asarray(told).dtype
        else:
            assert box == told, (number, left)
