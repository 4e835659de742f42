"""How values are named, held and laid out in memory."""

import gc
import keyword
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.box import Box
from flowgraph.boxes.neural import convolution
from flowgraph.plan import store
from flowgraph.plan.binding import Names
from flowgraph.plan.kinds import Kinds, in_order
from flowgraph.plan.rebuild import owner_of
from flowgraph.plan.schedule import Buffer, lay_out
from tests.plan.agreement import assert_agree

# The identifiers of a source: each is its own, those of values, constants and buffers count on.


STEMS = ("t", "c", "m", "x", "tm", "h", "W_T")


@given(
    st.lists(st.tuples(st.sampled_from(STEMS), st.sampled_from(["", "1", "2", "7", "12"])).map("".join), max_size=12)
)
def test_every_name_is_given_once(wanted):
    names = Names(["m1", "x"])
    found = [names.free(name) for name in wanted]
    assert len({*found, "m1", "x"}) == len(found) + 2
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in found)


def test_numbers_of_values_constants_and_buffers_go_on_and_others_are_part_of_the_name():
    for stem in "tcm":
        names = Names([])
        assert [names.free(f"{stem}1") for _ in range(3)] == [f"{stem}1", f"{stem}2", f"{stem}3"]
    for stem in ("x", "tm", "cc"):
        names = Names([])
        assert [names.free(f"{stem}1") for _ in range(3)] == [f"{stem}1", f"{stem}1_2", f"{stem}1_3"]


# Kinds of values, however they are asked for; what compiling a plan infers and keeps.


LENGTHS = (8, 32)


def recurrent(steps):
    """The loss and the updates of a small recurrent network, and what to feed."""
    x = fg.Input("x", shape=("N", steps, 3))
    w, u = (fg.Parameter(np.full((3, 3), value), name=name) for name, value in (("w", 0.1), ("u", 0.2)))
    h = np.tanh(x[:, 0] @ w)
    for t in range(1, steps):
        h = np.tanh(x[:, t] @ w + h @ u)
    loss = fg.mean(h * h)
    grads = fg.gradient(loss, [w, u])
    return loss, {p: p - 0.1 * grad for p, grad in zip((w, u), grads, strict=True)}, {"x": np.ones((4, steps, 3))}


def test_kinds_are_the_same_in_whatever_order_they_are_asked_for():
    loss, updates, feeds = recurrent(8)
    step = fg.compile([loss], updates=updates)
    step(**feeds)
    boxes = step.graph.boxes
    forward, backward = Kinds(), Kinds()
    asked = {box: forward[box] for box in boxes}
    assert {box: backward[box] for box in reversed(boxes)} == asked
    assert set(asked.values()) >= {"given", "fixed", "fill", "view"}


def test_a_long_chain_of_views_is_no_recursion():
    h = fg.Input("h", shape=(2, 3))
    for _ in range(3000):
        h = h.T
    assert Kinds()[h] == "view"


def test_boxes_are_inferred_few_times_however_long_the_sequence(monkeypatch):
    """Each pass builds most boxes anew; what is known of them is not found out again."""
    counted = []
    infer = Box._infer
    monkeypatch.setattr(Box, "_infer", lambda self: (counted.append(self), infer(self))[1])
    shares = []
    for steps in LENGTHS:
        loss, updates, feeds = recurrent(steps)
        plan = fg.compile([loss], updates=updates)
        counted.clear()
        plan.prepare(**feeds)
        shares.append(len(counted) / len(plan.graph.boxes))
    assert max(shares) < 1.8, "a box is inferred when sizes become numbers, and where a pass makes it"
    assert shares[1] < 1.2 * shares[0]


def test_a_plan_keeps_no_box_of_a_pass_between():
    """What its boxes were built for are boxes of the user, which stand for themselves."""
    loss, updates, feeds = recurrent(3)
    plan = fg.compile([loss], updates=updates).prepare(**feeds)
    users = set(fg.Graph(loss, *updates.values()).boxes)
    owners = {owner_of(box) for box in plan.graph.boxes if owner_of(box) is not box}
    assert owners
    assert owners <= users


# What a plan keeps in memory: its arena and its parameters, whatever was made to find out how values lie in it.


FEW, MANY = 64, 4096


def kept_bytes(build, count):
    """Bytes that compiling a plan for so many examples leaves behind, and the bytes of its arena."""
    step, feeds = build(count)
    gc.collect()
    tracemalloc.start()
    step.prepare(**feeds)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept, step.bytes


def views(count):
    """Views of views of values in memory of the plan, one of which cannot be a view and is copied."""
    x, w = fg.Input("x", shape=("N", 8, 4)), fg.Parameter(np.ones((4, 4)), name="w")
    h = np.tanh(x @ w)
    turned = h.transpose(1, 0, 2)
    loss = fg.mean((turned.reshape(-1, 2) * 2.0) ** 2) + fg.mean(np.exp(turned[1:3].reshape(2, -1)))
    (grad,) = fg.gradient(loss, [w])
    return fg.compile([loss], updates={w: w - 0.1 * grad}), {"x": np.ones((count, 8, 4))}


def convolutions(count):
    """Values with the examples last."""
    x, w = fg.Input("x", shape=("N", 1, 6, 6)), fg.Parameter(np.ones((2, 1, 3, 3)), name="w")
    h = fg.MaxPool(np.maximum(fg.Conv2d(x, w), 0))
    loss = fg.mean(h.reshape(-1, 8) ** 2)
    (grad,) = fg.gradient(loss, [w])
    return fg.compile([loss], updates={w: w - 0.1 * grad}), {"x": np.ones((count, 1, 6, 6))}


@pytest.mark.parametrize("build", [views, convolutions])
def test_a_plan_keeps_no_array_beside_its_arena(build):
    """Arrays by which kinds are found out were kept: 19 MB beside the 10 MB of attention."""
    kept_bytes(build, FEW)  # what is imported and kept once
    few, many = kept_bytes(build, FEW), kept_bytes(build, MANY)
    grown = many[1] - few[1]
    assert grown > 100_000
    # A view that would have to be copied may have a constant index or two of its own.
    assert many[0] - few[0] < 1.1 * grown


def test_free_memory_is_returned_where_much_was_freed(monkeypatch):
    called = []
    monkeypatch.setattr("flowgraph.plan.store.return_free_memory", lambda: called.append(True))
    for size, expected in ((2, []), (400, [True])):
        w = fg.Parameter(np.ones((size, size)), name="w")
        step = fg.compile([fg.sum(w)], updates={w: 0.5 * w})
        for _ in range(3):
            step()
        assert called == expected, "once, where the parameter's own array went"


def test_another_c_library_returns_nothing_by_this(monkeypatch):
    store.return_free_memory()
    store._trim.cache_clear()
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    try:
        store.return_free_memory()
        assert store._trim() is None
    finally:
        store._trim.cache_clear()


# Values whose examples lie last in memory: what a plan makes of them has the numbers of the graph.


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

    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(37, 4, 7, 6)), rng.normal(size=(6, 2, 3, 2))
    box = fg.Conv2d(fg.Input("x", shape=x.shape), fg.Input("w", shape=w.shape), groups=2, padding=1, stride=(2, 1))
    graph = fg.Graph(box, *fg.gradient(fg.sum(np.sin(box)), box.children))
    whole = graph.fprop(x=x, w=w).outputs
    monkeypatch.setattr(convolution, limit, {"_MOST": 500, "_SMALL_PRODUCT": 5000, "_CACHE": 10}[limit])
    monkeypatch.setattr(convolution, "_NARROWEST", 1)
    for one, other in zip(graph.fprop(x=x, w=w).outputs, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


# Buffers in one block, each at the lowest place that is free while it lives.


LIVES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 12), st.integers(0, 6)), max_size=30)


@given(LIVES)
def test_buffers_that_live_at_once_have_bytes_of_their_own(lives):
    buffers = [Buffer(size, first, first + longer) for size, first, longer in lives]
    needed = lay_out(buffers)
    assert all(b.offset % store.ALIGNMENT == 0 and b.offset + b.size <= needed for b in buffers)
    for number, one in enumerate(buffers):
        for other in buffers[:number]:
            apart = one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
            assert apart or one.last < other.first or other.last < one.first or not one.size or not other.size


@given(st.lists(st.integers(0, 300), max_size=30))
def test_buffers_that_live_one_after_another_have_the_bytes_of_the_largest(sizes):
    buffers = [Buffer(size, line, line) for line, size in enumerate(sizes)]
    assert lay_out(buffers) == store.align_size(max(sizes, default=0))
    assert not any(buffer.offset for buffer in buffers)


# The two functions of a plan, one for either place of its parameters.


@pytest.mark.parametrize("read", [lambda w: w, lambda w: w.T, lambda w: w.reshape(9)[:4].sum() * w])
def test_two_functions_of_a_plan_have_all_in_common_but_where_its_parameters_are(read):
    x, w = fg.Input("x", shape=(4, 3)), fg.Parameter(np.eye(3), name="w")
    loss = fg.mean(np.tanh(x @ read(w)) ** 2) + fg.L2(w)
    step = fg.compile([loss], updates={w: w - 0.1 * fg.gradient(loss, [w])[0]})
    step.prepare(x=np.ones((4, 3)))
    now, then = (function.__globals__ for function in step.last.functions)
    arrays = {name: value for name, value in now.items() if isinstance(value, np.ndarray)}
    held = [buffer for buffers in step.store.buffers for buffer in buffers]
    for name, array in arrays.items():
        of_parameter = any(np.shares_memory(array, buffer) for buffer in held)
        assert (array is then[name]) != of_parameter
