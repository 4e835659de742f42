"""Indices that do not fit are refused where they are written, or in the run."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.boxes.indexing.index import ArangeLike
from flowgraph.errors import DtypeError, IndexingError, ShapeError
from tests.boxes.indexing.test_indexing import value


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ((0, 0, 0), "3 axes are indexed, but there are 2"),
        (5, "the index 5 lies outside an axis of 2"),
        ((slice(None), -4), "the index -4 lies outside an axis of 3"),
        ([0, 2], "the index 2 lies outside an axis of 2"),
        ((..., ...), "one '...' at most"),
        (1.5, r"found 1\.5 in its index, needs integers"),
        ("a", "found 'a' in its index"),
        (slice(0, 1.5), "needs integers, slices of integers"),
        ([0.5], "found an index of dtype float64"),
        (slice(None, None, 0), "the step of a slice is 0"),
        ([True, False, True], r"a mask of shape \(3,\) lies on axes of \(2,\)"),
        (([0, 1], [0, 1, 2]), r"the arrays of the index, \(2,\), \(3,\), do not broadcast"),
    ],
)
def test_an_index_that_does_not_fit_is_refused_where_it_is_written(index, text):
    with pytest.raises(IndexingError, match=text):
        fg.Parameter(np.zeros((2, 3)), name="x")[index]


def test_an_index_of_floats_is_refused():
    x = fg.Input("x", shape=(3,))
    with pytest.raises(DtypeError, match="of dtype float64, needs integers or booleans"):
        x[x]


def test_a_box_is_no_end_of_a_slice():
    x = fg.Input("x", shape=(3,))
    with pytest.raises(IndexingError, match="needs integers, slices of integers"):
        x[: fg.Input("k", dtype=int)]


def test_a_size_of_another_axis_is_no_place():
    x = fg.Input("x", shape=("N", "M"))
    with pytest.raises(IndexingError, match="M is no place on an axis of N"):
        x[: x.shape[1]]


def test_a_label_out_of_range_is_found_in_the_run():
    x, y = fg.Input("x", shape=(2, 3)), fg.Input("y", shape=(2,), dtype=int)
    with pytest.raises(IndexError) as error:
        value(x[np.arange(2), y], x=np.zeros((2, 3)), y=[0, 3])
    assert "in fprop of Index" in error.value.__notes__[0]


def test_an_axis_of_arange_that_is_not_there():
    with pytest.raises(ShapeError, match="axis = 2"):
        ArangeLike(fg.Input("x", shape=("N",)), axis=2)
