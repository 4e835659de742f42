"""What the checker found in our own boxes stays mended."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.boxes.engine.shape_like import SumLike
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.diagonal import OnDiagonal
from flowgraph.boxes.shape.joining import SplitLike


def zeros(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: SumLike(zeros(2, 1), zeros(3)), r"\(3,\) does not broadcast to \(2, 1\)"),
        (lambda: SplitLike(zeros(5, 1), zeros(3, 4), zeros(2, 4)), r"a part is \(3, 4\), needs \(3, 1\)"),
        (lambda: OnDiagonal(zeros(1, 3), zeros(3, 3)), r"the diagonals are \(3,\)"),
        (lambda: Index(zeros(2, 3), index=((0,), 1)), r"found \(0,\) in index="),
        (lambda: Index(zeros(2, 3), index=("array",)), "1 places for arrays, but 0 arrays are given"),
    ],
)
def test_shapes_and_settings_that_do_not_fit_are_refused(build, text):
    with pytest.raises(fg.FlowgraphError, match=text):
        build()


@pytest.mark.parametrize(
    ("a", "index", "text"),
    [
        (zeros(1), np.array([True, False, False, True]), "the number of elements that the mask"),
        (zeros(2, 3), np.array([0, -5]), "found the index -5, needs -4 to 3"),
    ],
)
def test_what_is_added_at_an_index_fits(a, index, text):
    like = zeros(4, 3) if a.ndim == 2 else zeros(4)
    known_in_a_run = fg.Input("i", shape=index.shape, dtype=index.dtype)
    with pytest.raises(fg.FlowgraphError, match=text):
        fg.Graph(IndexAdd(a, like, known_in_a_run, index=("array",))).fprop(i=index)


def test_a_limit_at_the_other_infinity():
    clip = fg.registry["Clip"](fg.Parameter([1.0, 2.0]), high=-np.inf)
    assert np.array_equal(fg.Graph(clip).fprop()[clip], np.clip([1.0, 2.0], None, -np.inf))


def test_axes_given_as_a_number():
    a = fg.Parameter([1.0, 2.0])
    run = fg.Graph(fg.registry["Transpose"](a, axes=0)).fprop()
    assert np.array_equal(run.bprop(np.array([3.0, 4.0]))[a], [3.0, 4.0])
    assert np.array_equal(fg.compile([np.transpose(a, 0)])()[0], [1.0, 2.0])
