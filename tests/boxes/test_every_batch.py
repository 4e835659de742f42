"""A call of NumPy on boxes with a named size serves every batch: values and sizes, of any arguments."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import FlowgraphError
from tests.boxes.drawn_calls import Draw, call_of
from tests.boxes.test_as_numpy import ANY_ORDER, FUNCTIONS, SHAPE_BY_VALUE, TOLERANCE, Boxed, Outcome, described, flat

SIZE = 3
"""An axis of that size is named N."""
BATCHES = (0, 1, 2, SIZE, 6, 12)
"""Sizes of the batch; those that NumPy refuses are none."""
FROM = {
    **dict.fromkeys(("squeeze", "cov", "corrcoef"), 2),  # an axis named N stays, also where it is 1 in a run
    **dict.fromkeys(("nanquantile", "nanpercentile", "resize"), 1),  # NumPy makes something of nothing
    "ediff1d": 1,  # the differences of none are none, not N - 1, and others are joined to them
    **dict.fromkeys(("fft.irfft", "fft.irfft2", "fft.irfftn", "fft.hfft"), 1),  # and memory that it has not written
}
"""The smallest batch that a function serves, where it is not none."""

SIZES_BY_VALUE = {
    "extract", "trim_zeros", "compress", "nonzero", "flatnonzero", "argwhere", "getitem", "operator.getitem", "where",
    "roots", "split", "array_split", "hsplit", "vsplit", "dsplit",
}  # fmt: skip
"""Functions whose results may have as many elements as values say, or a part of an axis that N may not divide into."""

SHAPES_BY_VALUE = {*SHAPE_BY_VALUE, "linalg.lstsq"}


class Named(Boxed):
    """The same call with inputs whose axes of one size are named, and arrays of any such size for them."""

    def __init__(self, function, arguments, given):
        super().__init__(function, arguments, given)
        self.leaves = [
            fg.Input(f"x{i}", shape=["N" if n == SIZE else n for n in a.shape], dtype=a.dtype)
            for i, a in enumerate(self.feeds.values())
        ]

    def arrays(self, size):
        """The arrays at another size of the batch, their values used again."""
        shapes = [[size if n == SIZE else n for n in a.shape] for a in self.feeds.values()]
        return [np.resize(a, shape).astype(a.dtype) for a, shape in zip(self.feeds.values(), shapes, strict=True)]


def needed_sizes(shapes, axis):
    """The size of an axis of results at each batch as one size that follows N, None where there is no such."""
    (n, first), (m, second), *_ = sizes = [(n, shape[axis]) for n, shape in shapes.items()]
    slope, rest = divmod(second - first, m - n)
    start = first - slope * n
    affine = rest == 0 and slope >= 0 and all(size == slope * n + start for n, size in sizes)
    return fg.Size("N") * slope + start if affine else None


def shapes_served(name, call, results, what):
    """The shapes of NumPy's results at each batch, where the boxes have NumPy's values."""
    shapes = {}
    for size in BATCHES:
        arrays = dict(zip(call.leaves, call.arrays(size), strict=True))
        needed = Outcome(lambda arrays=arrays: call.of(*arrays.values()))
        if needed.error is None and len(needed.results) == len(results):
            shapes[size] = [np.shape(one) for one in needed.results]
            if size >= FROM.get(name, 0):
                assert_values(name, results, needed.results, arrays, f"{what}, {size} examples")
    return shapes


def assert_values(name, results, needed, arrays, what):
    """What the boxes are in a run is what NumPy gives; a refusal of ours, as of points in no order, is none."""
    found = Outcome(lambda: values([one for one in results if isinstance(one, fg.Box)], arrays))
    if isinstance(found.error, FlowgraphError):
        return
    assert found.error is None, f"{what}: {found}"
    for one, other in zip(results, map(np.asarray, needed), strict=True):
        if isinstance(one, fg.Box) and name not in SHAPES_BY_VALUE:
            assert np.shape(found.results[one]) == other.shape, what
            bound = max([TOLERANCE.get(a.dtype, 1e-9) for a in (*arrays.values(), other)])
            if other.dtype.kind in "biufc" and name not in ANY_ORDER:
                np.testing.assert_allclose(found.results[one], other, rtol=bound, atol=bound, err_msg=what)


def values(boxes, arrays):
    """What the boxes are in a run, in which what was built is held against what is computed."""
    graph = fg.Graph(*boxes)
    with fg.debug():
        run = graph.fprop({leaf: a for leaf, a in arrays.items() if leaf in graph})
    return {box: run[box] for box in boxes}


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_call_serves_every_batch_and_its_sizes_are_exact_where_they_follow_it(name, seed):
    """A size that is a multiple of N and a number, whatever N is, is known when the box is built."""
    arguments, given = call_of(name, FUNCTIONS[name], Draw(seed))
    call = Named(FUNCTIONS[name], arguments, given)
    if not any("N" in leaf.shape for leaf in call.leaves):
        return
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = flat(call.of(*call.leaves))
    except (FlowgraphError, TypeError, ValueError, IndexError, AttributeError):
        return
    what = described(name, arguments, given)
    shapes = shapes_served(name, call, results, what)
    if len(shapes) > 3 and name not in SIZES_BY_VALUE | SHAPES_BY_VALUE:
        for place, box in enumerate(results):
            found = {size: each[place] for size, each in shapes.items()}
            for axis, size in enumerate(np.shape(box) if len(set(map(len, found.values()))) == 1 else ()):
                wanted = needed_sizes(found, axis)
                assert wanted is None or size == wanted, f"{what}: axis {axis} has the size {size}, needs {wanted}"
