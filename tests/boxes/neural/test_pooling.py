"""Pooling: windows with padding, strides and gaps, against one window after the other; the work that they take."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import flowgraph as fg
from tests.values.convolution import windows


@st.composite
def pooled(draw):
    """An array, and the settings of a window that has a place on it."""
    shape, size, stride, dilation, padding = [], [], [], [], []
    for _ in range(draw(st.integers(1, 2))):
        k, step, gap = draw(st.integers(1, 9)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
        pair = draw(st.tuples(st.integers(0, k // 2), st.integers(0, k // 2)))
        least = max(gap * (k - 1) + 1 - sum(pair), 1)
        shape.append(least + draw(st.integers(0, 4)))
        for listed, number in ((size, k), (stride, step), (dilation, gap), (padding, pair)):
            listed.append(number)
    a = draw(st.randoms(use_true_random=False)).sample(range(1000), math.prod(shape))
    settings_ = {"size": tuple(size), "stride": tuple(stride), "dilation": tuple(dilation), "padding": tuple(padding)}
    return np.array(a, float).reshape(1, *shape), settings_


@given(pooled())
def test_each_window_gives_its_largest_and_its_mean_and_sends_back_their_gradient(case):
    a, settings_ = case
    x = fg.Parameter(a, name="a")
    inside = [[at for at in held if at is not None] for held in windows(a, **settings_)[1].values()]
    count = math.prod(settings_["size"])
    g = np.arange(1.0, 1 + len(inside))
    for box, expected in (
        (fg.MaxPool(x, **settings_), lambda held: {max(held, key=a.__getitem__): 1.0} if held else {}),
        (fg.MeanPool(x, **settings_), lambda held: dict.fromkeys(held, 1 / count)),
        (fg.MeanPool(x, count_padding=False, **settings_), lambda held: dict.fromkeys(held, 1 / max(len(held), 1))),
    ):
        run = fg.Graph(box).fprop()
        sent = np.zeros(a.shape)
        for window, (held, h) in enumerate(zip(inside, np.ravel(run[box]), strict=True)):
            shares = expected(held)
            assert_allclose(h, sum(share * a[i] for i, share in shares.items()) if held else h, rtol=1e-12)
            for index, share in shares.items():
                sent[index] += share * g[window]
        gradients = run.bprop(grad=g.reshape(run[box].shape))
        assert_allclose(gradients[x], sent, rtol=1e-12)


@given(pooled())
def test_a_window_over_an_axis_has_no_element_that_only_reads_padding(case):
    """The work that a file asks for by a large window and a large padding is bounded by what it reads."""
    a, settings_ = case
    box = fg.MaxPool(fg.Parameter(a, name="a"), **settings_)
    window = box.sliding.over(a.shape)
    for n, k, step, d, (before, after), count in zip(
        a.shape[1:], window.size, window.stride, window.dilation, window.padding, box.shape[1:], strict=True
    ):
        reads = [any(0 <= i * step + u * d - before < n for i in range(count)) for u in range(k)]
        assert reads[0] or k == 1 or before < d
        assert reads[-1] or k == 1 or after < d
