"""Arrays shaped like a box, and what NumPy tells of one without its values."""

import numpy as np
import pytest

import flowgraph as fg


@pytest.mark.parametrize("function", [np.zeros_like, np.ones_like, lambda a, **k: np.full_like(a, 2.5, **k)])
@pytest.mark.parametrize("dtype", [None, "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [("N", 3), (2, 3), ()])
def test_filled_arrays_follow_the_shape(function, dtype, shape):
    x = fg.Input("x", shape=shape, dtype="float32")
    box = function(x, dtype=dtype)
    for n in (0, 1, 7) if shape == ("N", 3) else (2,):
        a = np.ones([n if size == "N" else size for size in shape], "float32")
        found, needed = fg.Graph(x, box).fprop(x=a)[box], function(a, dtype=dtype)
        assert found.dtype == box.dtype == needed.dtype
        np.testing.assert_array_equal(found, needed)


def test_a_box_may_be_what_fills():
    x, w = fg.Input("x", shape=("N", 2), dtype="float32"), fg.Parameter(3.0, name="w")
    h = np.full_like(x, w)
    run = fg.Graph(fg.sum(h)).fprop(x=np.ones((4, 2), "float32"))
    assert run[h].dtype == np.float32
    assert run.bprop()[w] == 8


def test_another_shape_is_one_of_numbers():
    x = fg.Input("x", shape=("N", 3))
    assert np.zeros_like(x, shape=(2,)).shape == (2,)
    with pytest.raises(fg.FlowgraphError, match="found the size N in"):
        np.zeros_like(x, shape=x.shape)


def test_what_is_known_without_values():
    x = fg.Input("x", shape=("N", 3, 2), dtype="float32")
    assert np.shape(x) == ("N", 3, 2)
    assert np.ndim(x) == 3
    assert np.size(x) == "6*N"
    assert [np.size(x, 1), np.size(x, (1, 2)), np.size(x, axis=0)] == [3, 6, "N"]
    assert np.result_type(x, np.float64) == np.float64
    assert np.result_type(x, 2.0, np.ones(2, "float32")) == np.float32
    assert np.isrealobj(x)
    assert not np.iscomplexobj(x)
