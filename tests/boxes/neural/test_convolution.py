"""Convolutions against PyTorch in every setting; with pooling in a net, at every batch size, and what they refuse."""

import numpy as np
import pytest

import flowgraph as fg

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 9, 8))

CONVOLUTIONS = [
    ((5, 4, 3, 2), {}),
    ((5, 4, 3, 2), {"stride": (2, 3), "padding": 1}),
    ((6, 2, 3, 3), {"dilation": (2, 1), "groups": 2, "padding": (2, 0)}),
    ((8, 1, 2, 3), {"groups": 4, "stride": 2}),
    ((3, 4, 3, 4), {"padding": "same"}),
    ((3, 4, 2, 4), {"padding": "same", "dilation": 2}),
    ((3, 4, 1, 1), {"stride": 3}),
    ((3, 4, 9, 8), {"padding": "valid"}),
    ((2, 4, 19, 13), {"padding": (18, 9)}),
    ((2, 4, 7, 3), {"padding": (30, 10), "dilation": (8, 5), "stride": (40, 1)}),
]


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch on a copy that it makes
@pytest.mark.parametrize(("shape", "settings"), CONVOLUTIONS, ids=str)
def test_convolutions_agree_with_torch_at_first_and_second_order(shape, settings):
    torch = pytest.importorskip("torch")
    w = RNG.normal(size=shape)
    tx, tw = (torch.tensor(a, requires_grad=True) for a in (X, w))
    th = torch.nn.functional.conv2d(tx, tw, **settings)
    tgrads = torch.autograd.grad((th**3).sum(), [tx, tw], create_graph=True)
    tsecond = torch.autograd.grad(sum((g**2).sum() for g in tgrads), [tx, tw])

    x, v = fg.Parameter(X, name="x"), fg.Parameter(w, name="w")
    h = fg.Conv2d(x, v, **settings)
    grads = fg.gradient(fg.sum(h**3), [x, v])
    second = fg.gradient(fg.sum(grads[0] ** 2) + fg.sum(grads[1] ** 2), [x, v])
    run = fg.Graph(h, *grads, *second).fprop()
    for box, needed in zip((h, *grads, *second), (th, *tgrads, *tsecond), strict=True):
        needed = needed.detach().numpy()
        np.testing.assert_allclose(run[box], needed, rtol=1e-9, atol=1e-9 * np.abs(needed).max())


def test_named_axes_of_an_image():
    x, w = fg.Input("x", shape=("N", 1, "H", "W")), fg.Parameter(RNG.normal(size=(2, 1, 3, 3)), name="w")
    assert fg.Conv2d(x, w, padding="same").shape == ("N", 2, "H", "W")
    assert fg.Conv2d(x, w).shape == ("N", 2, "H-2", "W-2")
    loss = fg.sum(fg.MeanPool(fg.MaxPool(fg.Conv2d(x, w, stride=2) ** 2, size=2, stride=1), size=2))
    graph = fg.Graph(*fg.gradient(loss, [w, x]))
    for size in ((1, 1, 9, 12), (3, 1, 10, 11)):
        value = RNG.normal(size=size)
        run, needed = graph.fprop(x=value), fg.Graph(loss).fprop(x=value).bprop(wrt=[w, x])
        for box, leaf in zip(graph.outputs, (w, x), strict=True):
            np.testing.assert_allclose(run[box], needed[leaf], rtol=1e-10, atol=1e-13)


def test_a_window_of_many_ties():
    x = fg.Parameter(np.ones((16, 32)))
    grads = fg.Graph(fg.MaxPool(x, size=16)).fprop().bprop(grad=[[256.0, 512.0]])
    np.testing.assert_array_equal(grads[x], np.repeat([[1.0, 2.0]], 16, axis=0).repeat(16, axis=1))


def test_padding_is_never_the_largest_and_whole_numbers_stay_whole():
    x = fg.Input("x", shape=(2, 2), dtype=int)
    box = fg.MaxPool(x, padding=1)
    value = fg.Graph(box).fprop(x=[[-5, -6], [-7, -8]])[box]
    np.testing.assert_array_equal(value, [[-5, -6], [-7, -8]])
    assert value.dtype == box.dtype == np.int64
    mean = fg.MeanPool(x)
    assert fg.Graph(mean).fprop(x=[[1, 2], [3, 4]])[mean] == 2.5


def test_single_precision_and_complex_numbers():
    x, w = fg.Parameter(X.astype(np.float32)), fg.Parameter(np.ones((2, 4, 3, 3), np.float32))
    loss = fg.sum(fg.MeanPool(fg.Conv2d(x, w)))
    assert loss.dtype == np.float32
    assert {one.dtype for one in fg.Graph(loss).fprop().bprop().values()} == {np.dtype(np.float32)}
    z = fg.Input("z", shape=(1, 4, 4, 4), dtype=complex)
    assert fg.Conv2d(z, w).dtype == np.complex128
    with pytest.raises(fg.FlowgraphError, match=r"MaxPool.*found complex numbers, none of which is the largest"):
        fg.MaxPool(z)


ERRORS = [
    (lambda x, w: fg.Conv2d(x[0], w), r"needs x of shape \(N, C, H, W\) and w of shape \(F, C / groups, ...\)"),
    (lambda x, w: fg.Conv2d(x, w, groups=2), r"found 5 filters in 2 groups, needs a multiple"),
    (lambda x, w: fg.Conv2d(x[:, :3], w), r"x has 3 channels, the filters read 4 in each of 1 groups"),
    (
        lambda x, w: fg.Conv2d(x[:, :, :2], w),
        r"the window spans 3 elements, an axis of 2 with padding \(0, 0\) has fewer",
    ),
    (lambda x, w: fg.Conv2d(x, w, stride=0), r"Conv2d: found stride=0, needs a whole number from 1, or 2 of them"),
    (lambda x, w: fg.Conv2d(x, w, dilation=(1, 2, 3)), r"Conv2d: found dilation=\(1, 2, 3\), needs"),
    (lambda x, w: fg.Conv2d(x, w, padding=-1), r"Conv2d: found padding=-1, needs a whole number from 0, 2 numbers or"),
    (lambda x, w: fg.Conv2d(x, w, groups=1.5), r"Conv2d: found groups=1.5, needs a whole number from 1"),
    (lambda x, w: fg.Conv2d(x, w, padding="full"), r"Conv2d: found padding='full', needs"),
    (lambda x, w: fg.Conv2d(x, w, padding="same", stride=2), r"padding='same' and stride=\(2, 2\), needs stride=1"),
    (
        lambda x, w: fg.Conv2d(x, fg.Input("v", shape=(5, 4, "H", 3))),
        r"found filters of shape .* needs sizes in numbers",
    ),
    (lambda x, w: fg.MaxPool(x, size=2, padding=2), r"MaxPool: found padding=2, needs at most half of size=2"),
    (lambda x, w: fg.MaxPool(x, size=0), r"MaxPool: found size=0, needs a whole number from 1"),
    (lambda x, w: fg.MeanPool(x[0, 0, 0]), r"found 1 axes, needs 2 or more for a window of 2"),
    (lambda x, w: fg.boxes.SpreadEvenly(x, x), r"the pooling gives \(2, 4, 4, 4\)"),
    (lambda x, w: fg.boxes.MeanOfLargest(x, x[0]), r"needs \(4, 9, 8\) in both"),
    (lambda x, w: fg.boxes.ConvInput(x, w, x), r"the convolution gives \(2, 5, 7, 7\) in 1 groups"),
    (lambda x, w: fg.boxes.ConvFilters(x[0], x, w), r"needs as many axes in all"),
]


@pytest.mark.parametrize(("build", "text"), ERRORS)
def test_errors(build, text):
    with pytest.raises(fg.FlowgraphError, match=text):
        build(fg.Input("x", shape=X.shape), fg.Input("w", shape=(5, 4, 3, 2)))


def test_errors_on_arrays():
    with pytest.raises(fg.FlowgraphError, match="Conv2d: the window spans 3 elements, an axis of 2"):
        fg.Conv2d.apply(X[:, :, :2], np.ones((1, 4, 3, 3)))
