"""Indexing: NumPy's own results for every index, sizes that follow the batch, gradients that accumulate."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import flowgraph as fg
from flowgraph.boxes.indexing.index import ArangeLike, IndexAdd
from flowgraph.errors import DtypeError, IndexingError, ShapeError


def value(box, **feeds):
    graph = fg.Graph(box)
    return graph.fprop({name: a for name, a in feeds.items() if name in graph})[box]


def slices(limit):
    end = st.none() | st.integers(-limit, limit)
    return st.builds(slice, end, end, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]))


@st.composite
def indexed(draw):
    """An array, and an index of it of any kind."""
    shape = draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    together = draw(npst.broadcastable_shapes((2, 3), max_dims=2, max_side=3))
    a = np.arange(float(np.prod(shape))).reshape(shape)
    index, rest = [], list(shape)
    while rest:
        kind = draw(st.sampled_from(["int", "slice", "none", "array", "mask", "mask2", "stop", "ellipsis", "zero-d"]))
        again = kind == "ellipsis" and ... in [i for i in index if not isinstance(i, np.ndarray)]
        if kind == "stop" or again:
            break
        if kind == "none":
            index.append(None)
        elif kind == "ellipsis":
            index.append(...)
            rest = rest[draw(st.integers(0, len(rest))) :]
        elif kind == "mask2" and len(rest) > 1:
            index.append(draw(npst.arrays(bool, tuple(rest[:2]))))
            rest = rest[2:]
        else:
            index.append(draw(items(kind, rest[0], together)))
            rest = rest[1:]
    return a, tuple(index)


def items(kind, size, together):
    """What stands in an index for one axis."""
    if kind == "slice":
        return slices(size + 1)
    if kind == "mask":
        return npst.arrays(bool, (size,))
    if size == 0:
        return st.just(slice(None))
    if kind == "int":
        return st.integers(-size, size - 1)
    return npst.arrays(np.int64, () if kind == "zero-d" else together, elements=st.integers(-size, size - 1))


def holds_an_empty_mask(index):
    """NumPy takes an empty mask on an axis of another size; a box refuses it, as any mask that does not fit."""
    return any(isinstance(item, np.ndarray) and item.dtype == bool and not item.size for item in index)


def test_an_empty_mask_on_an_axis_of_another_size_is_refused():
    with pytest.raises(IndexingError, match=r"a mask of shape \(0,\) lies on axes of \(1,\)"):
        fg.Constant(np.zeros((0, 1)))[..., np.zeros(0, bool)]


@given(indexed())
@example((np.zeros((2, 2)), (np.array([0]), ..., np.array([1]))))
@example((np.zeros((2, 3, 4)), (slice(None), np.array([0, 1, 0]), None, np.array([0, 1, 1]))))
def test_every_index_is_numpys(case):
    a, index = case
    assume(not holds_an_empty_mask(index))
    try:
        expected = a[index]
    except IndexError:
        with pytest.raises((IndexingError, IndexError)):
            value(fg.Constant(a)[index])
        return
    with fg.debug():
        found = value(fg.Constant(a)[index])
    np.testing.assert_array_equal(found, expected, strict=False)
    assert np.shape(found) == np.shape(expected)


@given(indexed())
def test_the_gradient_adds_at_the_places_that_were_read(case):
    a, index = case
    assume(not holds_an_empty_mask(index))
    try:
        expected = a[index]
    except IndexError:
        return
    x = fg.Parameter(a, name="x")
    grad = np.arange(1.0, 1 + np.size(expected)).reshape(np.shape(expected))
    needed = np.zeros_like(a)
    np.add.at(needed, index, grad)
    with fg.debug():
        np.testing.assert_allclose(fg.Graph(x[index]).fprop().bprop(grad)[x], needed)
    (built,) = fg.gradient(x[index], [x], grad)
    np.testing.assert_allclose(value(built), needed)


@given(slices(5), st.integers(0, 8))
def test_a_slice_of_an_axis_that_follows_the_batch(item, number):
    x = fg.Input("x", shape=("N", 2))
    a = np.arange(2.0 * number).reshape(number, 2)
    box = x[item]
    with fg.debug():
        np.testing.assert_array_equal(value(box, x=a), a[item])


@pytest.mark.parametrize(
    ("item", "size"),
    [
        (slice(1, None), "N-1"),
        (slice(None, -2), "N-2"),
        (slice(2, -1), "N-3"),
        (slice(None, None, -1), "N"),
        (slice(-2, None, -1), "N-1"),
        (slice(None, 1, -1), "N-2"),
        (slice(3, 1), 0),
        (slice(-1, -3), 0),
        (slice(None, 0), 0),
        (slice(-2, 0), 0),
    ],
)
def test_sizes_that_stay_exact(item, size):
    assert fg.Input("x", shape=("N",))[item].shape == (size,)


@pytest.mark.parametrize("item", [slice(None, 10), slice(-3, None), slice(None, None, 2), slice(-3, -1), slice(-3, 2)])
def test_sizes_only_known_in_a_run(item):
    (size,) = fg.Input("x", shape=("N",))[item].shape
    assert size.unknown


def test_the_size_of_an_axis_may_stand_in_an_index():
    x = fg.Input("x", shape=("N", 3))
    n = x.shape[0]
    a = np.arange(12.0).reshape(4, 3)
    for item in (slice(1, n), slice(n - 1, None), slice(n, None), slice(n - 1, None, -1), slice(n, 0, -1)):
        numbers = slice(*(end.terms[("N",)] * 4 + end.terms.get((), 0) if isinstance(end, fg.Size) else end
                          for end in (item.start, item.stop, item.step)))  # fmt: skip
        np.testing.assert_array_equal(value(x[item], x=a), a[numbers])
    np.testing.assert_array_equal(value(x[n - 1], x=a), a[-1])
    assert x[slice(None, n, -1)].shape == (0, 3)
    assert x[:n, ...].shape[0] == "N"


def test_rows_of_float32_and_of_no_width():
    for shape in ((5, 0), (5, 3), (5, 2, 2), (0, 3)):
        rows = np.array([0, -1, 0]) if shape[0] else np.array([], int)
        a = np.ones((len(rows), *shape[1:]), np.float32)
        h = IndexAdd(a, np.zeros(shape), rows, index=("array",))
        needed = np.zeros(shape, np.float32)
        np.add.at(needed, rows, a)
        found = value(h)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, needed)


def test_what_is_added_has_the_shape_of_what_the_index_takes():
    with pytest.raises(ShapeError, match=r"the index takes \(3,\) of `like`, and a is \(2,\)"):
        IndexAdd(np.ones(2), np.ones((2, 3)), index=(0,))


def test_the_size_of_a_slice_with_a_huge_step_is_found_at_once():
    x = fg.Input("x", shape=("N", 3))
    double = np.concatenate([x, x])
    assert [double[::2].shape[0], double[1::2].shape[0], (double[1:])[::2].shape[0]] == ["N", "N", "N"]
    h = x[:: 10**18]
    assert h.shape[0].unknown
    assert value(h, x=np.ones((5, 3))).shape == (1, 3)


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
    assert "in fprop of Index" in str(error.value)


def test_an_axis_of_arange_that_is_not_there():
    with pytest.raises(ShapeError, match="axis = 2"):
        ArangeLike(fg.Input("x", shape=("N",)), axis=2)
