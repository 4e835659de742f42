"""Layers with parameters: values and gradients of PyTorch's with the same weights, in runs and in plans."""

import copy

import numpy as np
import pytest
import torch

import flowgraph as fg
from flowgraph.errors import DtypeError, ShapeError, UsageError

RNG = np.random.default_rng(0)
N, T, S, D, H = 4, 5, 3, 6, 8


def drawn(layer):
    """The layer with every parameter drawn anew, so that none is zero or one."""
    for parameter in layer.parameters:
        parameter.value = RNG.normal(size=parameter.shape)
    return layer


def given(torch_layer, **values):
    """PyTorch's layer in float64 with these parameters."""
    torch_layer = torch_layer.double()
    with torch.no_grad():
        for name, value in values.items():
            getattr(torch_layer, name).copy_(torch.tensor(np.ascontiguousarray(value)))
    return torch_layer


def compare(built, inputs, torch_output, pairs):
    """Outputs and gradients of a random combination of them, of a run, of the gradient graph's plan, of PyTorch.

    `pairs` are boxes, tensors that they are to be compared with, and what turns the gradient of a tensor into theirs.
    """
    weights = RNG.normal(size=tuple(torch_output.shape))
    (torch_output * torch.tensor(weights)).sum().backward()
    loss = np.sum(built * fg.Input("weights", shape=built.shape))
    inputs = inputs | {"weights": weights}
    wanted = [box for box, _, _ in pairs]
    run = fg.Graph(loss).fprop(inputs)
    grads = run.bprop(wrt=wanted)
    plan = fg.compile([built, *fg.gradient(loss, wanted)])(inputs)
    near = {"rtol": 1e-9, "atol": 1e-11}
    for found in (run[built], plan[0]):
        np.testing.assert_allclose(found, torch_output.detach().numpy(), **near)
    for number, (box, tensor, turned) in enumerate(pairs, 1):
        expected = turned(tensor.grad.numpy())
        np.testing.assert_allclose(grads[box], expected, err_msg=f"run: {box}", **near)
        np.testing.assert_allclose(plan[number], expected, err_msg=f"plan: {box}", **near)


def same(grad):
    return grad


def transposed(grad):
    return grad.T


@pytest.fixture
def sequence():
    x = fg.Input("x", shape=("N", T, D))
    return x, RNG.normal(size=(N, T, D))


def tensor(values):
    return torch.tensor(values, requires_grad=True)


@pytest.mark.parametrize("shape", [(D,), (D, 4), (D, 3, 4)])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm(shape, training):
    layer = drawn(fg.BatchNorm(D, momentum=0.3))
    layer.mean.value, layer.variance.value = RNG.normal(size=D), RNG.uniform(0.5, 2, D)
    peer = {1: torch.nn.BatchNorm1d, 2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm2d}[len(shape)](D, momentum=0.3)
    peer = given(peer, weight=layer.scale.value, bias=layer.shift.value).train(training)
    given(peer, running_mean=layer.mean.value, running_var=layer.variance.value)
    x, values = fg.Input("x", shape=("N", *shape)), RNG.normal(2, 3, size=(N, *shape))
    updates = fg.Graph(*layer.updates(x).values()).fprop(x=values).outputs
    t = tensor(values)
    output = peer(t)
    pairs = [(x, t, same), (layer.scale, peer.weight, same), (layer.shift, peer.bias, same)]
    compare(layer(x, training=training), {"x": values}, output, pairs)
    if training:
        np.testing.assert_allclose(updates[0], peer.running_mean.numpy())
        np.testing.assert_allclose(updates[1], peer.running_var.numpy())


@pytest.mark.parametrize("size", ["N", 1])
def test_a_batch_of_one_number_a_feature_moves_no_running_variance(size):
    layer = fg.BatchNorm(D)
    x = fg.Input("x", shape=(size, D))
    step = fg.compile([], updates=layer.updates(x))
    step(x=np.full((1, D), 3.0))
    np.testing.assert_allclose(layer.mean.value, np.full(D, 0.3))
    np.testing.assert_array_equal(layer.variance.value, np.ones(D))


@pytest.mark.parametrize("shape", [(D,), (T, D)])
def test_layer_norm(sequence, shape):
    x, values = sequence
    layer = drawn(fg.LayerNorm(shape if len(shape) > 1 else D))
    peer = given(torch.nn.LayerNorm(shape), weight=layer.scale.value, bias=layer.shift.value)
    t = tensor(values)
    pairs = [(x, t, same), (layer.scale, peer.weight, same), (layer.shift, peer.bias, same)]
    compare(layer(x), {"x": values}, peer(t), pairs)


def test_embedding():
    layer = drawn(fg.Embedding(9, D))
    peer = given(torch.nn.Embedding(9, D), weight=layer.W.value)
    numbers, values = fg.Input("numbers", shape=("N", T), dtype=int), RNG.integers(0, 9, (N, T))
    compare(layer(numbers), {"numbers": values}, peer(torch.tensor(values)), [(layer.W, peer.weight, same)])


def recurrent(layer, peer):
    """PyTorch's recurrent layer with the weights of ours; its two biases are ours and zero."""
    return given(
        peer, weight_ih_l0=layer.W.value.T, weight_hh_l0=layer.U.value.T, bias_ih_l0=layer.b.value,
        bias_hh_l0=np.zeros_like(layer.b.value),
    )  # fmt: skip


def of_recurrent(layer, peer):
    return [
        (layer.W, peer.weight_ih_l0, transposed),
        (layer.U, peer.weight_hh_l0, transposed),
        (layer.b, peer.bias_ih_l0, same),
    ]


RECURRENT = {
    "tanh": (fg.RNN, torch.nn.RNN, {}, {}),
    "relu": (fg.RNN, torch.nn.RNN, {"activation": "relu"}, {"nonlinearity": "relu"}),
    "LSTM": (fg.LSTM, torch.nn.LSTM, {}, {}),
    "GRU": (fg.GRU, torch.nn.GRU, {}, {}),
}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(sequence, begun, name):
    x, values = sequence
    ours, theirs, given_to_ours, given_to_theirs = RECURRENT[name]
    layer = drawn(ours(D, H, **given_to_ours))
    peer = recurrent(layer, theirs(D, H, batch_first=True, **given_to_theirs))
    t, pairs = tensor(values), of_recurrent(layer, peer)
    if name == "GRU":
        given(peer, bias_hh_l0=np.append(np.zeros(2 * H), layer.c.value))
        pairs.append((layer.c, peer.bias_hh_l0, lambda grad: grad[2 * H :]))
    names = (["h0", "c0"] if name == "LSTM" else ["h0"]) if begun else []
    boxes, starts = [fg.Input(one, shape=("N", H)) for one in names], [RNG.normal(size=(N, H)) for _ in names]
    tensors = [tensor(start) for start in starts]
    pairs += [(x, t, same), *((box, one, same) for box, one in zip(boxes, tensors, strict=True))]

    def begin(states):
        return tuple(states) if name == "LSTM" else states[0]

    output, _ = peer(t, begin([one[None] for one in tensors])) if begun else peer(t)
    built = layer(x, begin(boxes)) if begun else layer(x)
    compare(built, {"x": values, **dict(zip(names, starts, strict=True))}, output, pairs)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_multi_head_attention(masked, inputs):
    """A sequence to itself, to another, by the keys of one to the values of another."""
    size, heads = 8, 2
    layer = drawn(fg.MultiHeadAttention(size, heads))
    flat = {one: getattr(layer, f"W{one}").value.reshape(size, size).T for one in "qkv"}
    peer = given(
        torch.nn.MultiheadAttention(size, heads, batch_first=True),
        in_proj_weight=np.concatenate([flat[one] for one in "qkv"]),
        in_proj_bias=np.concatenate([getattr(layer, f"b{one}").value.reshape(-1) for one in "qkv"]),
    )
    given(peer.out_proj, weight=layer.Wo.value.reshape(size, size).T, bias=layer.bo.value)
    lengths = [T, T if inputs == 1 else S, T if inputs == 1 else S]
    values = [RNG.normal(size=(N, length, size)) for length in lengths[:inputs]]
    boxes = [fg.Input(f"x{i}", shape=("N", value.shape[1], size)) for i, value in enumerate(values)]
    tensors = [tensor(value) for value in values]
    q, k, v = [tensors[0], tensors[min(1, inputs - 1)], tensors[inputs - 1]]
    mask = RNG.random((lengths[0], lengths[1])) < 0.6
    mask[:, 0] = True
    output, _ = peer(q, k, v, attn_mask=torch.tensor(~mask) if masked else None)
    pairs = [(box, one, same) for box, one in zip(boxes, tensors, strict=True)]
    for number, one in enumerate("qkv"):
        part = slice(number * size, (number + 1) * size)
        pairs.append(
            (getattr(layer, f"W{one}"), peer.in_proj_weight, lambda g, p=part: g[p].T.reshape(size, heads, -1))
        )
        pairs.append((getattr(layer, f"b{one}"), peer.in_proj_bias, lambda g, p=part: g[p].reshape(heads, 1, -1)))
    pairs.append((layer.Wo, peer.out_proj.weight, lambda g: g.T.reshape(heads, -1, size)))
    pairs.append((layer.bo, peer.out_proj.bias, same))
    feeds = {f"x{i}": value for i, value in enumerate(values)}
    compare(layer(*boxes, mask=mask if masked else None), feeds, output, pairs)


@pytest.mark.parametrize(
    ("size", "settings"),
    [((3,), {"padding": 1}), ((3, 2), {"stride": 2}), (3, {"groups": 2, "dilation": 2}), ((2, 2, 2), {})],
)
def test_convolutional_layers(size, settings):
    axes = len(size) if isinstance(size, tuple) else 2
    layer = drawn(fg.ConvLayer(4, 6, size, **settings))
    peer = given(getattr(torch.nn, f"Conv{axes}d")(4, 6, size, **settings), weight=layer.W.value, bias=layer.b.value)
    shape = (7, 6, 5)[:axes]
    x, values = fg.Input("x", shape=("N", 4, *shape)), RNG.normal(size=(N, 4, *shape))
    t = tensor(values)
    compare(layer(x), {"x": values}, peer(t), [(x, t, same), (layer.W, peer.weight, same), (layer.b, peer.bias, same)])


LAYERS = {
    "Linear": (lambda **s: fg.Linear(D, H, rng=0, **s), (N, D)),
    "BatchNorm": (lambda **s: fg.BatchNorm(D, **s), (N, D)),
    "LayerNorm": (lambda **s: fg.LayerNorm(D, **s), (N, D)),
    "Embedding": (lambda **s: fg.Embedding(9, D, rng=0, **s), (N, T)),
    "RNN": (lambda **s: fg.RNN(D, H, rng=0, **s), (N, T, D)),
    "LSTM": (lambda **s: fg.LSTM(D, H, rng=0, **s), (N, T, D)),
    "GRU": (lambda **s: fg.GRU(D, H, rng=0, **s), (N, T, D)),
    "MultiHeadAttention": (lambda **s: fg.MultiHeadAttention(D, 2, rng=0, **s), (N, T, D)),
    "ConvLayer": (lambda **s: fg.ConvLayer(D, 3, 2, rng=0, **s), (N, D, 4, 4)),
}


def test_each_layer_of_the_package_is_tried():
    """A class of the package that is called on a box and keeps parameters, which all have as `parameters`."""
    classes = {name: one for name in fg.__all__ if isinstance(one := getattr(fg, name), type)}
    called = {name for name, cls in classes.items() if any("__call__" in vars(base) for base in cls.__mro__)}
    assert called - {"Graph", "MLP", "Plan"} == LAYERS.keys()


@pytest.mark.parametrize("name", LAYERS)
def test_what_holds_of_every_layer(name):
    """One dtype throughout, names in the scope where it was made, shared parameters, the same from the same seed."""
    make, shape = LAYERS[name]
    dtype = int if name == "Embedding" else np.float32
    x = fg.Input("x", shape=("N", *shape[1:]), dtype=dtype)
    with fg.scope("part"):
        layer = make(dtype=np.float32)
    with fg.scope("elsewhere"):
        h, again = layer(x), layer(x)
    assert h.dtype == np.float32
    assert h.name.startswith("part/")
    assert all(parameter.name.startswith("part/") for parameter in layer.parameters)
    graph = fg.Graph(np.sum(h) + np.sum(again))
    assert set(layer.parameters) <= set(graph.parameters)
    run = graph.fprop(x=np.ones(shape, dtype))
    assert {grad.dtype for grad in run.bprop(wrt=layer.parameters).values()} == {np.dtype(np.float32)}
    for one, other in zip(layer.parameters, make(dtype=np.float32).parameters, strict=True):
        assert (one.value == other.value).all()
    copied = copy.deepcopy(layer)
    assert not set(copied.parameters) & set(layer.parameters)
    assert repr(layer).startswith(f"<{name} part/")
    values = np.ones([3 if isinstance(size, str) else size for size in shape], dtype)
    assert (fg.Graph(layer(values)).fprop().outputs[0] == fg.Graph(layer(x)).fprop(x=values).outputs[0]).all()


@pytest.mark.parametrize("name", LAYERS)
def test_an_array_is_refused_where_a_box_of_its_shape_is(name):
    """Every axis one longer, of length 1, and left out: what is broadcast is no batch of the layer."""
    make, shape = LAYERS[name]
    right, dtype = [3 if isinstance(size, str) else size for size in shape], int if name == "Embedding" else float
    shapes = [
        [*right[:axis], *other, *right[axis + 1 :]]
        for axis in range(len(right))
        for other in ([right[axis] + 1], [1], [])
    ]
    refused = 0
    for wrong in shapes:
        said = []
        for x in (fg.Input("x", shape=tuple(wrong), dtype=dtype), np.ones(wrong, dtype)):
            try:
                make()(x)
                said.append(None)
            except fg.FlowgraphError as error:
                said.append(type(error))
        assert said[0] is said[1], wrong
        refused += said[0] is not None
    assert refused or name == "Embedding"


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("steps", [1, 2])
def test_every_parameter_has_a_gradient_from_the_first_step_on(name, steps):
    """Of U it is 0 where no step has a state behind it, and not missing."""
    layer = LAYERS[name][0]()
    h = layer(fg.Input("x", shape=("N", steps, D)))
    values = RNG.normal(size=(N, steps, D))
    run = fg.Graph(fg.sum(h**2)).fprop(x=values)
    built = fg.Graph(*fg.gradient(fg.sum(h**2), layer.parameters)).fprop(x=values).outputs
    for parameter, other in zip(layer.parameters, built, strict=True):
        assert run.bprop()[parameter].any() == (parameter is not layer.U or steps > 1)
        np.testing.assert_allclose(run.bprop()[parameter], other)
    zeros = np.zeros((N, H))
    begun = layer(fg.Input("x", shape=(N, steps, D)), (zeros, zeros) if name == "LSTM" else zeros)
    np.testing.assert_allclose(fg.Graph(begun).fprop(x=values).outputs[0], run[h])


@pytest.mark.parametrize("as_box", [False, True])
def test_a_query_that_may_read_no_place_reads_nothing(as_box):
    """As in PyTorch's scaled_dot_product_attention: 0, of which no gradient comes, and other rows as without it."""
    layer = drawn(fg.MultiHeadAttention(8, 2))
    x, values = fg.Input("x", shape=("N", T, 8)), RNG.normal(size=(N, T, 8))
    mask = RNG.random((T, T)) < 0.6
    mask[:, 0] = True
    whole, mask = mask.copy(), np.where(np.arange(T)[:, None] == 2, False, mask)
    given = fg.Input("mask", shape=(T, T), dtype=bool) if as_box else mask
    h = layer(x, mask=given)
    feeds = {"x": values, **({"mask": mask} if as_box else {})}
    run = fg.Graph(h).fprop(feeds)
    without = fg.Graph(layer(x, mask=whole)).fprop(x=values).outputs[0]
    others = np.arange(T) != 2
    np.testing.assert_allclose(run[h][:, others], without[:, others])
    np.testing.assert_allclose(run[h][:, 2], np.broadcast_to(layer.bo.value, (N, 8)))
    grads = run.bprop(np.where(others[:, None], 0.0, np.ones((N, T, 8))), wrt=layer.parameters)
    assert {name for name, one in vars(layer).items() if name[:1] in "Wb" and grads[one].any()} == {"bo"}


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: fg.RNN(D, H)(fg.Input("x", shape=("N", 0, D))), ShapeError, "a sequence of 0 steps, needs 1 or more"),
        (
            lambda: fg.GRU(D, H)(fg.Input("x", shape=("N", T, D)), np.zeros((N, H + 1))),
            ShapeError,
            r"GRU: found the state h_0 of shape \(\d+, \d+\), needs \(N, ",
        ),
        (
            lambda: fg.LSTM(D, H)(fg.Input("x", shape=("N", T, D)), (np.zeros((N, H)), np.zeros((N, H + 1)))),
            ShapeError,
            "LSTM: found the state c_0 of shape",
        ),
        (
            lambda: fg.LSTM(D, H)(fg.Input("x", shape=("N", T, D)), np.zeros((2, H))),
            ShapeError,
            r"LSTM: found shape \(2, \d+\) as the state, needs a pair \(h_0, c_0\)",
        ),
        (lambda: fg.BatchNorm(D)(fg.Input("x", shape=("N", D + 1))), ShapeError, r"BatchNorm: found .*needs \(N, 6"),
        (lambda: fg.LayerNorm(D)(fg.Input("x", shape=("N", D + 1))), ShapeError, r"LayerNorm: found .*needs"),
        (lambda: fg.Embedding(3, 2)(fg.Input("x", shape=("N",))), DtypeError, "Embedding: found .* whole numbers"),
        (lambda: fg.RNN(D, H)(fg.Input("x", shape=("N", "T", D))), ShapeError, "RNN: .*number of steps is no number"),
        (lambda: fg.LSTM(D, H)(fg.Input("x", shape=("N", T, H))), ShapeError, r"LSTM: found .*needs \(N, T, 6\)"),
        (lambda: fg.GRU(D, H)(fg.Input("x", shape=("N", D))), ShapeError, "GRU: found .* needs 3 axes"),
        (lambda: fg.RNN(D, H, activation="x"), UsageError, "RNN: found activation='x', needs one of tanh, relu"),
        (
            lambda: fg.MultiHeadAttention(8, 2)(fg.Input("x", shape=("N", T, 8)), mask=np.zeros((T, T))),
            DtypeError,
            "found a mask of dtype float64, needs booleans",
        ),
        (lambda: fg.MultiHeadAttention(7, 2), UsageError, "found heads=2, needs a divisor of size=7"),
        (lambda: fg.MultiHeadAttention(8, 2)(fg.Input("x", shape=("N", T, 7))), ShapeError, r"needs \(N, T, 8\)"),
        (lambda: fg.ConvLayer(3, 4, (1, 1, 1, 1)), UsageError, "needs one, two or three numbers"),
        (lambda: fg.ConvLayer(3, 4, 2, groups=2), UsageError, "found groups=2, needs a divisor of 3 and of 4"),
        (lambda: fg.BatchNorm(0), UsageError, "BatchNorm: found features=0"),
    ],
)
def test_what_fits_no_layer_is_refused(build, error, text):
    with pytest.raises(error, match=text):
        build()
