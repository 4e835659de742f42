"""The postcondition of plans in debug mode: whatever differs from the graph is refused, and rounding is not."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import PlanError
from flowgraph.plan.variants import Expected


def another_shape(value):
    return value[:, :2], value[None], value.T


def another_dtype(value):
    return [value.real.astype(np.float16), value.astype(np.complex64), value.astype(object)]


def other_numbers(value):
    for place in np.ndindex(value.shape):
        wrong = value.copy()
        wrong[place] = not wrong[place] if value.dtype == bool else wrong[place] + value.dtype.type(1)
        yield wrong


def other_nans(value):
    if value.dtype.kind in "fc":
        for number in (np.nan, np.inf, -np.inf):
            wrong = value.copy()
            wrong[0, 0] = number
            yield wrong


BOXES = {
    "float64": lambda x: np.sin(x),
    "float32": lambda x: np.sin(x).astype(np.float32),
    "complex": lambda x: np.exp(1j * x),
    "integer": lambda x: np.argsort(x, axis=1),
    "bool": lambda x: x > 0,
}


@pytest.mark.parametrize("broken", [another_shape, another_dtype, other_numbers, other_nans])
@pytest.mark.parametrize("name", BOXES)
def test_a_value_that_differs_is_refused(name, broken):
    x = fg.Input("x", shape=(2, 3))
    box, feeds = BOXES[name](x), {"x": np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -0.5]])}
    expected = Expected(fg.Graph(box), feeds, None)
    value = expected.run[box].copy()
    expected.compare([box], [value], {})
    for wrong in broken(value):
        with pytest.raises(PlanError, match="differs from that of the graph"):
            expected.compare([box], [wrong], {})


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_in_the_place_of_one_that_is_none_is_refused(number):
    x = fg.Input("x", shape=(2,))
    box = x * 2.0
    expected = Expected(fg.Graph(box), {"x": [1.0, number]}, None)
    expected.compare([box], [np.array([2.0, number])], {})
    for wrong in {1.0, np.nan, np.inf, -np.inf} - {number}:
        with pytest.raises(PlanError, match="differs from that of the graph"):
            expected.compare([box], [np.array([2.0, wrong])], {})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_is_that_of_the_largest_number_on_the_way(dtype):
    x = fg.Input("x", shape=(2,), dtype=dtype)
    large = x * 1000
    box = large - 999 * x
    expected = Expected(fg.Graph(box), {"x": np.ones(2, dtype)}, None)
    value, eps = expected.run[box], np.finfo(dtype).eps
    expected.compare([box], [value + dtype(100 * 1000 * eps)], {})
    with pytest.raises(PlanError, match="differs from that of the graph"):
        expected.compare([box], [value + dtype(1000 * 1000 * eps)], {})
