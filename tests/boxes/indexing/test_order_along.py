"""The places of elements in the order of their values: whatever the dtype, NaN is the largest, equal ones stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import flowgraph as fg
from flowgraph.boxes.indexing.gather import order_along
from flowgraph.numpy import array_api

DTYPES = "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"


@st.composite
def arrays(draw, dtypes=DTYPES):
    """Arrays of dtypes that have an order; among few numbers many are equal, and some are at an end, or no number."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    elements = hnp.from_dtype(dtype)
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        elements = st.sampled_from([ends.min, ends.max, 0, 1, 5]) | elements
    elif dtype.kind == "f":
        elements = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0]) | elements
    return draw(hnp.arrays(dtype, draw(hnp.array_shapes(max_dims=3, max_side=6)), elements=elements, fill=st.nothing()))


def order_of_line(line, descending):
    """The places by Python's own sort, which is stable, and of numbers of any size."""
    keys = [(bool(one != one), 0 if one != one else one.item()) for one in line]
    return sorted(range(len(line)), key=keys.__getitem__, reverse=descending)


def order_by_lines(a, axis, descending):
    """The places along an axis, line by line."""
    lines = np.moveaxis(a, axis, -1)
    order = np.empty(lines.shape, np.intp)
    for place in np.ndindex(lines.shape[:-1]):
        order[place] = order_of_line(lines[place], descending)
    return np.moveaxis(order, -1, axis)


def in_graph(a, axis, descending):
    """Of boxes, whose sizes have no numbers before a run."""
    x = fg.Input("x", shape=tuple("NMK"[: a.ndim]), dtype=a.dtype)
    return fg.Graph(order_along(x, axis, descending=descending)).fprop(x=a).outputs[0]


def of_the_standard(a, axis, descending):
    """As the array API standard has it."""
    order = array_api.argsort(array_api.asarray(a), axis=axis, descending=descending)
    return fg.Graph(order.box).fprop().outputs[0]


@pytest.mark.parametrize("order", [order_along, in_graph, of_the_standard])
@settings(max_examples=60, deadline=None)
@given(a=arrays(), data=st.data(), descending=st.booleans())
def test_the_order_is_that_of_each_line(order, a, data, descending):
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    found = order(a, axis=axis, descending=descending)
    assert found.dtype == np.intp
    np.testing.assert_array_equal(found, order_by_lines(a, axis, descending))


@pytest.mark.parametrize("dtype", DTYPES)
def test_more_elements_than_the_dtype_has_numbers(dtype):
    a = np.arange(70000) % 2
    needed = np.r_[1:70000:2, 0:70000:2]
    np.testing.assert_array_equal(order_along(a.astype(dtype), descending=True), needed)
