"""Rectifiers under max pooling: a plan gives the numbers of the graph, also at ties, at the floor and at NaN."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg

RECTIFIERS = {
    "maximum": lambda a: np.maximum(a, 0),
    "maximum of a number": lambda a: np.maximum(0.25, a),
    "relu": fg.ReLU,
}
APART = [{}, {"size": 1}, {"size": (2, 3), "dilation": 1}]
WINDOWS = [*APART, {"size": 3, "stride": 2}, {"size": (2, 3), "padding": 1}, {"size": 2, "dilation": 2}]
NUMBERS = [-1.0, -0.5, -0.0, 0.0, 0.25, 0.5, 1.0]
STRANGE = [np.nan, np.inf, -np.inf]


def graph_of(rectifier, window, last, dtype):
    """What is pooled, what the rectifier gives where `last` is more than pooled, and the gradient of the source."""
    a = fg.Input("a", shape=("N", 2, 5, 6), dtype=dtype)
    h = rectifier(a)
    pooled = fg.MaxPool(h, **window)
    g = fg.Input("g", shape=pooled.shape, dtype=dtype)
    return fg.Graph(pooled, *fg.gradient(fg.sum(pooled * g), [a]), *[h] * last)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_values_and_gradients_are_those_of_the_graph(data):
    draw = data.draw
    rectifier = RECTIFIERS[draw(st.sampled_from(sorted(RECTIFIERS)), label="rectifier")]
    window = draw(st.sampled_from(WINDOWS), label="window")
    dtype = np.dtype(draw(st.sampled_from(["float32", "float64"]), label="dtype"))
    graph = graph_of(rectifier, window, draw(st.booleans(), label="read elsewhere"), dtype)
    plan = fg.compile(list(graph.outputs))
    odd = draw(st.booleans(), label="NaN and infinities in the source")
    wild = draw(st.booleans(), label="NaN and infinities in the gradient")
    for n in draw(st.permutations([0, 1, 2, 7]), label="examples"):
        rng = np.random.default_rng(n)
        a = rng.choice(NUMBERS + STRANGE * odd, (n, 2, 5, 6)).astype(dtype)
        g = rng.choice([1.0, -3.0, 0.1, *STRANGE * wild], (n, *graph.outputs[0].shape[1:])).astype(dtype)
        kept = a.copy(), g.copy()
        with np.errstate(all="ignore"):
            found, expected = plan(a=a, g=g), graph.fprop(a=a, g=g).outputs
        assert n == 0 or ("spread_rectified(" in plan.source) == (window in APART)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=8 * np.finfo(dtype).eps, atol=0)
        for one, before in zip((a, g), kept, strict=True):
            np.testing.assert_array_equal(one, before)


@pytest.mark.parametrize("rectifier", RECTIFIERS.values(), ids=RECTIFIERS)
def test_a_convolution_under_both_is_trained_as_in_the_graph(rectifier):
    """Values lie with the examples last; blank parts of the images give ties at the floor."""
    rng = np.random.default_rng(0)
    w = fg.Parameter(rng.normal(size=(3, 2, 2, 2)), name="w")
    x = fg.Input("x", shape=("N", 2, 7, 7))
    h = fg.MaxPool(rectifier(fg.Conv2d(x, w)))
    loss = fg.mean(np.tanh(h) ** 2)
    grads = fg.Graph(*fg.gradient(loss, [w, x]))
    plan = fg.compile([loss, *grads.outputs])
    for n in (1, 2, 7):
        images = rng.normal(size=(n, 2, 7, 7)) * (rng.random((n, 1, 7, 7)) > 0.7)
        found = plan(x=images)
        for one, other in zip(found[1:], grads.fprop(x=images).outputs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    assert "spread_rectified(" in plan.source


def test_what_is_pooled_is_rectified_and_not_the_other_way_round():
    a = fg.Input("a", shape=(2, 4, 6))
    plan = fg.compile(fg.MaxPool(np.maximum(a, 0)))
    values = np.random.default_rng(0).normal(size=(2, 4, 6))
    np.testing.assert_array_equal(plan(a=values), fg.MaxPool.apply(np.maximum(values, 0)))
    assert plan.source.index("MaxPool") < plan.source.index("maximum")


@pytest.mark.parametrize(
    "slope",
    [
        lambda a, sent: np.where(a > 1, sent, 0),  # another number than that of the rectifier
        lambda a, sent: np.where(-a > 0, sent, 0),  # another array
        lambda a, sent: np.where(a > 0, sent, 1),
        lambda a, sent: np.where(np.equal(a, np.maximum(a, 0)), np.where(a == 1, sent / 2, sent), 0),
        lambda a, sent: np.where(np.equal(a, np.maximum(a, 0)), np.where(a == 0, sent / 4, sent), 0),
        lambda a, sent: np.where(np.equal(a, np.maximum(a, 1)), np.where(a == 0, sent / 2, sent), 0),
    ],
)
def test_what_only_looks_like_a_slope_is_left_as_it_is(slope):
    a, g = fg.Input("a", shape=(2, 4, 6)), fg.Input("g", shape=(2, 2, 3))
    graph = fg.Graph(slope(a, fg.boxes.SpreadToLargest(g, np.maximum(a, 0))))
    rng = np.random.default_rng(0)
    feeds = {"a": rng.integers(-1, 3, (2, 4, 6)).astype(float), "g": rng.normal(size=(2, 2, 3))}
    plan = fg.compile(list(graph.outputs))
    np.testing.assert_allclose(plan(feeds)[0], graph.fprop(feeds).outputs[0], rtol=1e-14)
