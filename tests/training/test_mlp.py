"""MLP and Linear: names, shared parameters, settings, dropout; initialisers."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DtypeError, UsageError
from flowgraph.functional import grad
from flowgraph.training import constant, zeros


@pytest.fixture
def x():
    return fg.Input("x", shape=("N", 5))


def test_names_of_the_lecture(x):
    f = fg.MLP([5, 4, 3], rng=0)(x)
    names = {"x", "layer1/W", "layer1/b", "layer1/a", "layer1/h", "layer2/W", "layer2/b", "layer2/a", "layer2/f"}
    assert set(fg.Graph(f).names.values()) == names


def test_a_scope_stands_in_front_wherever_the_network_is_called(x):
    with fg.scope("teacher"):
        mlp = fg.MLP([5, 4, 3], rng=0)
    with fg.scope("elsewhere"):
        f = mlp(x)
    assert f.name == "teacher/layer2/f"
    assert fg.Graph(f)["teacher/layer1/h"].children[0].name == "teacher/layer1/a"


def test_every_call_shares_the_parameters(x):
    mlp = fg.MLP([5, 4, 3], rng=0)
    other = fg.Input("other", shape=("M", 5))
    graph = fg.Graph(mlp(x), mlp(other), mlp.logits(x))
    assert set(graph.parameters) == set(mlp.parameters)
    assert mlp.parameters == [p for pair in zip(mlp.weights, mlp.biases, strict=True) for p in pair]
    values = np.random.default_rng(0).normal(size=(2, 5))
    f, same, a = graph.fprop(x=values, other=values).outputs
    np.testing.assert_array_equal(f, same)
    np.testing.assert_array_equal(f, fg.softmax(a))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_dtype_throughout(dtype):
    x = fg.Input("x", shape=("N", 5), dtype=dtype)
    y = fg.Input("y", shape=("N",), dtype=int)
    for hidden in ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu", "linear"):
        mlp = fg.MLP([5, 4, 3], hidden=hidden, rng=0, dtype=dtype, dropout=0.5)
        loss = fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x, training=True), y)) + 0.1 * fg.L2(*mlp.weights)
        run = fg.Graph(loss).fprop(x=np.ones((2, 5), dtype), y=[0, 1])
        assert run[loss].dtype == dtype
        assert {grad.dtype for grad in run.bprop().values()} == {np.dtype(dtype)}


def test_linear_output_has_one_box_less_and_functions_may_be_given(x):
    mlp = fg.MLP([5, 4, 3], hidden=lambda a: a * fg.sigmoid(a), output="linear", rng=0)
    assert mlp(x).name == "layer2/a"
    assert fg.Graph(mlp(x))["layer1/h"].symbol == "×"


def test_an_activation_for_each_hidden_layer(x):
    mlp = fg.MLP([5, 4, 4, 3], hidden=["tanh", fg.relu], rng=0)
    graph = fg.Graph(mlp(x))
    assert [type(box).__name__ for box in graph if box.children] == [
        "Affine", "Tanh", "Affine", "ReLU", "Affine", "Softmax",
    ]  # fmt: skip
    values = np.random.default_rng(0).normal(size=(6, 5))
    (W1, W2, W3), (b1, b2, b3) = ([p.value for p in ps] for ps in (mlp.weights, mlp.biases))
    expected = np.maximum(np.tanh(values @ W1 + b1) @ W2 + b2, 0) @ W3 + b3
    np.testing.assert_allclose(fg.Graph(mlp.logits(x)).fprop(x=values).outputs[0], expected)
    with pytest.raises(UsageError, match=r"found 1 activations in hidden=\['tanh'\], but 2 hidden layers"):
        fg.MLP([5, 4, 4, 3], hidden=["tanh"])
    with pytest.raises(UsageError, match=r"found hidden=\['tanh'\], needs a function of a box or one of"):
        fg.MLP([5, 4, 4, 3], hidden=["tanh", ["tanh"]])


def test_same_seed_same_weights_and_he_on_request():
    one, two = fg.MLP([50, 40, 3], rng=5), fg.MLP([50, 40, 3], rng=5)
    assert all(np.array_equal(a.value, b.value) for a, b in zip(one.parameters, two.parameters, strict=True))
    he = fg.MLP([50, 40, 3], rng=5, init="he_normal")
    assert he.weights[0].value.std() == pytest.approx(np.sqrt(2 / 50), rel=0.05)
    assert repr(he) == "<MLP 50 -> 40 -> 3: 2,163 numbers in 4 parameters>"
    assert repr(he.layers[0]) == "<Linear layer1/50 -> 40>"


def test_dropout_only_in_training(x):
    mlp = fg.MLP([5, 400, 3], rng=0, dropout=0.25)
    assert not fg.Graph(mlp(x)).randoms
    graph = fg.Graph(mlp(x, training=True))
    (mask,) = graph.randoms
    assert mask.name == "layer1/dropped/mask"
    drawn = graph.fprop(x=np.zeros((10, 5)), seed=1)[mask]
    assert drawn.shape == (10, 400)
    assert set(np.unique(drawn)) == {0, 1 / 0.75}
    assert np.mean(drawn == 0) == pytest.approx(0.25, abs=0.03)
    assert np.array_equal(drawn, graph.fprop(x=np.zeros((10, 5)), seed=1)[mask])
    assert not np.array_equal(drawn, graph.fprop(x=np.zeros((10, 5)), seed=2)[mask])


def test_one_rate_per_hidden_layer(x):
    graph = fg.Graph(fg.MLP([5, 4, 4, 3], rng=0, dropout=[0.0, 0.5])(x, training=True))
    assert [mask.name for mask in graph.randoms] == ["layer2/dropped/mask"]


def test_gradient_of_dropout_is_its_mask():
    h = fg.Input("h", shape=("N", 6), dtype=np.float32)
    dropped = fg.dropout(h, 0.5, name="dropped")
    assert dropped.name == "dropped"
    run = fg.Graph(dropped).fprop(h=np.ones((3, 6), np.float32), seed=4)
    grad = run.bprop(np.ones((3, 6), np.float32), wrt=h)[h]
    assert grad.dtype == np.float32
    np.testing.assert_array_equal(grad, run["dropped/mask"])
    np.testing.assert_array_equal(grad, run[dropped])


def test_two_masks_of_one_graph_differ():
    h = fg.Input("h", shape=(100,))
    run = fg.Graph(fg.dropout(h, 0.5), fg.dropout(h, 0.5)).fprop(h=np.ones(100))
    assert not np.array_equal(*run.outputs)


def test_dropout_after_a_reshape_follows_the_batch(x):
    dropped = fg.dropout(np.reshape(x, (-1,)), 0.5)
    for n in (0, 3):
        assert fg.Graph(dropped).fprop(x=np.ones((n, 5))).outputs[0].shape == (5 * n,)


@pytest.mark.parametrize("rate", [1, -0.1, 1.5, True, np.nan])
def test_rates_that_make_no_sense(rate, x):
    with pytest.raises(UsageError, match="dropout: found rate="):
        fg.dropout(x, rate)


def test_a_called_function_hands_arrays_to_dropout_and_layers():
    """An argument that is not differentiated by arrives as the array that the caller gave."""
    network, batch = fg.MLP([3, 4, 2], dropout=0.5, rng=0), np.random.default_rng(0).normal(size=(5, 3))

    def loss(scale, x):
        return np.sum(scale * network(fg.dropout(x, 0.5), training=True))

    assert grad(loss, seed=1)(2.0, batch) == grad(loss, (0, 1), seed=1)(2.0, batch)[0] != 0.0


def test_dropout_needs_floats():
    with pytest.raises(DtypeError, match="of dtype int64, needs floats"):
        fg.dropout(fg.Input("i", shape=(3,), dtype=int), 0.5)


@pytest.mark.parametrize(
    ("sizes", "settings", "text"),
    [
        ([5, 3], {"hidden": "softmax"}, "found hidden='softmax', needs a function of a box or one of linear, sigmoid"),
        ([5, 3], {"output": "argmax"}, "found output='argmax'"),
        ([5, 4, 3], {"dropout": 1.0}, "found dropout=1.0, needs a rate"),
        ([5, 4, 3], {"dropout": [0.1, 0.2]}, "1 of them, one per hidden layer"),
    ],
)
def test_settings_of_mlp_that_make_no_sense(sizes, settings, text):
    with pytest.raises(UsageError, match=text):
        fg.MLP(sizes, **settings)


def test_a_wrong_input_is_refused_on_the_line_that_calls_the_network():
    mlp = fg.MLP([5, 4, 3], rng=0)
    with pytest.raises(fg.ShapeError, match=r"Affine 'layer1/a'") as error:
        mlp(fg.Input("x", shape=("N", 6)))
    assert "test_mlp.py" in str(error.value)


DRAWN = [fg.glorot_uniform, fg.he_uniform, fg.he_normal]


@pytest.mark.parametrize("initialiser", [*DRAWN, zeros, constant(0.5)], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_and_dtype(initialiser, dtype):
    array = initialiser(3, 2, rng=0, dtype=dtype)
    assert array.shape == (3, 2)
    assert array.dtype == dtype


@pytest.mark.parametrize("initialiser", DRAWN, ids=lambda f: f.__name__)
def test_a_seed_fixes_the_draw_and_a_generator_goes_on(initialiser):
    assert np.array_equal(initialiser(5, 4, rng=3), initialiser(5, 4, rng=3))
    generator = np.random.default_rng(3)
    first = initialiser(5, 4, rng=generator)
    assert np.array_equal(first, initialiser(5, 4, rng=3))
    assert not np.array_equal(first, initialiser(5, 4, rng=generator))
    assert not np.array_equal(initialiser(5, 4), initialiser(5, 4))


def test_bounds_and_variances():
    for initialiser, bound in ((fg.glorot_uniform, np.sqrt(6 / 1000)), (fg.he_uniform, np.sqrt(6 / 600))):
        W = initialiser(600, 400, rng=0)
        assert 0.999 * bound < np.abs(W).max() <= bound
        assert W.var() == pytest.approx(bound**2 / 3, rel=0.01)
    assert fg.he_normal(600, 400, rng=0).var() == pytest.approx(2 / 600, rel=0.01)


def test_no_units_at_all():
    assert fg.glorot_uniform(0, 0).shape == fg.he_normal(0, 0).shape == fg.he_uniform(0, 0).shape == (0, 0)
