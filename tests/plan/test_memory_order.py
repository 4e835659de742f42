"""Values whose examples lie last in memory: what a plan makes of them has the numbers of the graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.plan.kinds import in_order
from tests.plan.agreement import assert_agree


def readers(h, w):
    """What may be done with images of shape (N, F, H, W); w are images of the same shape."""
    yield "elementwise", np.tanh(h) * h
    yield "with rows", h * w + 1
    yield "rows first", w - h
    yield "reshaped", np.exp(h).reshape(h.shape[0], -1) * 2
    yield "turned", np.exp(h).T + 1
    yield "part", np.exp(h)[:, 0] * 3
    yield "flat sum", np.sum(np.exp(h))
    yield "sum by channel", np.sum(np.tanh(h), axis=(0, 2, 3))
    yield "chosen", np.where(h > 0, h, 0.0) + np.where(h > w, h, w)
    yield "cast", np.tanh(h.astype(np.float32))
    yield "joined", np.concatenate([np.exp(h), w], axis=0)
    yield "pooled", fg.MaxPool(np.maximum(h, 0), size=2)
    yield "mean", fg.MeanPool(np.tanh(h), size=2)
    yield "again", fg.Conv2d(np.tanh(h), fg.Constant(np.ones((2, 3, 2, 2))))


def plan_and_graph(outputs, **feeds):
    found, expected = fg.compile(outputs)(feeds), fg.Graph(*outputs).fprop(feeds).outputs
    for one, other in zip(found, expected, strict=True):
        assert_agree(one, other, eps=1e-6 if one.dtype == np.float32 else 0, scale=1)


@pytest.mark.parametrize(
    "name", [name for name, _ in readers(fg.Input("h", shape=(2, 3, 4, 4)), fg.Input("w", shape=(2, 3, 4, 4)))]
)
def test_whatever_reads_a_convolution(name):
    rng = np.random.default_rng(0)
    x, w = fg.Input("x", shape=("N", 2, 6, 5)), fg.Input("w", shape=("N", 3, 5, 4))
    h = fg.Conv2d(x, fg.Constant(rng.normal(size=(3, 2, 2, 2))))
    read = dict(readers(h, w))[name]
    grads = fg.gradient(fg.sum(read * 1.5), [x]) if read.ndim else []
    feeds = {"x": rng.normal(size=(5, 2, 6, 5)), "w": rng.normal(size=(5, 3, 5, 4))}
    outputs = [read, *grads]
    plan_and_graph(outputs, **{one.name: feeds[one.name] for one in fg.Graph(*outputs).inputs})


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_convolutions_and_their_gradients_are_sums_of_products(data):
    """Each element by its definition, in loops: strides, padding, gaps, groups, one example or none."""
    draw = data.draw
    axes = draw(st.integers(1, 2), label="axes")
    groups, each, reads = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    size = [draw(st.integers(1, 3)) for _ in range(axes)]
    stride, dilation = ([draw(st.integers(1, 2)) for _ in range(axes)] for _ in range(2))
    padding = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(axes)]
    sizes = [draw(st.integers((k - 1) * d + 1, 6)) for k, d in zip(size, dilation, strict=True)]
    n = draw(st.integers(0, 3), label="examples")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(n, groups * reads, *sizes)), rng.normal(size=(groups * each, reads, *size))
    made = {"stride": tuple(stride), "dilation": tuple(dilation), "padding": tuple(padding), "groups": groups}
    box = (fg.Conv1d, fg.Conv2d)[axes - 1](fg.Input("x", shape=x.shape), fg.Input("w", shape=w.shape), **made)
    h = box.fprop(x, w)
    g = rng.normal(size=h.shape)
    dx, dw = fg.gradient(fg.sum(box * g), box.children)
    right = _by_loops(x, w, g, made)
    found = fg.Graph(box, dx, dw).fprop(x=x, w=w).outputs
    for one, other in zip(found, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def _by_loops(x, w, g, made):
    pad = np.pad(x, ((0, 0), (0, 0), *made["padding"]))
    h, dpad, dw = np.zeros(g.shape), np.zeros(pad.shape), np.zeros(w.shape)
    each, reads = len(w) // made["groups"], w.shape[1]
    for n, f, *place in np.ndindex(*g.shape):
        for c, *offset in np.ndindex(*w.shape[1:]):
            spot = [p * s + o * d for p, s, o, d in zip(place, made["stride"], offset, made["dilation"], strict=True)]
            at, of, to = (n, f // each * reads + c, *spot), (f, c, *offset), (n, f, *place)
            h[to] += w[of] * pad[at]
            dpad[at] += w[of] * g[to]
            dw[of] += pad[at] * g[to]
    inside = [slice(a, a + size) for (a, _), size in zip(made["padding"], x.shape[2:], strict=True)]
    return h, dpad[(slice(None), slice(None), *inside)], dw


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("settings", [{}, {"size": 3, "stride": 2}, {"size": (2, 3), "padding": 1}])
def test_pooling_does_not_ask_in_which_order_its_images_lie(settings, ties):
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, (3, 2, 7, 6)).astype(float) if ties else rng.normal(size=(3, 2, 7, 6))
    a[0, 0, 0, 0] = np.nan
    box = fg.MaxPool(fg.Input("a", shape=a.shape), **settings)
    spread = fg.Graph(*fg.gradient(fg.sum(box * box), [box.children[0]]))
    turned = in_order(a.transpose(2, 1, 3, 0).copy().reshape(-1), a.shape, (2, 1, 3, 0))
    np.testing.assert_array_equal(turned, a)
    for one, other in (
        (box.fprop(turned), box.fprop(a)),
        (spread.fprop(a=turned).outputs[0], spread.fprop(a=a).outputs[0]),
    ):
        np.testing.assert_array_equal(one, other)


def test_a_parameter_that_is_an_image_keeps_its_rows():
    image = fg.Parameter(np.random.default_rng(0).normal(size=(2, 1, 5, 5)), name="image")
    loss = fg.sum(np.tanh(fg.Conv2d(image, fg.Constant(np.ones((2, 1, 3, 3))))))
    (d,) = fg.gradient(loss, [image])
    right = image.value - 0.1 * fg.Graph(d).fprop().outputs[0]
    step = fg.compile([loss], updates={image: image - 0.1 * d})
    step()
    assert_agree(image.value, right)
    assert image.value.flags.c_contiguous


@pytest.mark.parametrize("limit", ["_MOST", "_SMALL_PRODUCT", "_CACHE"])
def test_batches_that_are_gone_over_in_parts(monkeypatch, limit):
    from flowgraph.boxes.neural import convolution

    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(37, 4, 7, 6)), rng.normal(size=(6, 2, 3, 2))
    box = fg.Conv2d(fg.Input("x", shape=x.shape), fg.Input("w", shape=w.shape), groups=2, padding=1, stride=(2, 1))
    graph = fg.Graph(box, *fg.gradient(fg.sum(np.sin(box)), box.children))
    whole = graph.fprop(x=x, w=w).outputs
    monkeypatch.setattr(convolution, limit, {"_MOST": 500, "_SMALL_PRODUCT": 5000, "_CACHE": 10}[limit])
    monkeypatch.setattr(convolution, "_NARROWEST", 1)
    for one, other in zip(graph.fprop(x=x, w=w).outputs, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
