"""Every formula of the lecture, in closed form, against the engine.

Source: Larochelle, Training neural networks. The lecture writes vectors as columns and one example at a time; here
examples stand in rows, so that a = b + W h becomes a = h W + b, and a sum over examples appears in the gradients of
the parameters.
"""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.training import constant

D, H, C = 5, 4, 3
G = {
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda g: g * (1 - g)),
    "tanh": (np.tanh, lambda g: 1 - g**2),
    "relu": (lambda a: a * (a > 0), lambda g: (g > 0) * 1.0),
}


def e(y, classes=C):
    """The rows e(y): 1 at place y."""
    return np.eye(classes)[y]


class Lecture:
    """The lecture's network on some examples: its boxes, a run, all gradients."""

    def __init__(self, hidden="tanh", examples=1, init="glorot_uniform", sizes=(D, H, C)):
        rng = np.random.default_rng(7)
        self.X, self.Y = rng.normal(size=(examples, sizes[0])), rng.integers(sizes[-1], size=examples)
        self.x = fg.Input("x", shape=("N", sizes[0]))
        self.y = fg.Input("y", shape=("N",), dtype=int)
        self.mlp = fg.MLP(sizes, hidden=hidden, output="softmax", rng=1, init=init)
        for b in self.mlp.biases:
            b.value = rng.normal(size=b.shape) * 0.1 if init == "glorot_uniform" else b.value
        self.f = self.mlp(self.x)
        self.loss = fg.NegativeLogLikelihood(self.f, self.y)
        self.graph = fg.Graph(fg.sum(self.loss))
        self.run = self.graph.fprop(x=self.X, y=self.Y)
        self.grads = self.run.bprop(keep="all")
        self.probabilities = self.run[self.f]


@pytest.fixture(params=list(G))
def net(request):
    return Lecture(request.param, examples=6)


def same(found, needed):
    np.testing.assert_allclose(found, needed, rtol=1e-10, atol=1e-13)


def test_fprop_layer_by_layer(net):
    g, _ = G[net.mlp.hidden.__name__]
    W1, b1, W2, b2 = (p.value for p in net.mlp.parameters)
    a1 = b1 + net.X @ W1
    a2 = b2 + g(a1) @ W2
    same(net.run["layer1/a"], a1)
    same(net.run["layer1/h"], g(a1))
    same(net.run["layer2/a"], a2)
    same(net.run["layer2/f"], np.exp(a2) / np.exp(a2).sum(axis=1, keepdims=True))


def test_loss_is_the_negative_log_likelihood(net):
    same(net.run[net.loss], [-np.log(f[y]) for f, y in zip(net.probabilities, net.Y, strict=True)])


def test_gradient_at_the_output(net):
    """∇f(x) −log f(x)_y = −e(y) / f(x)_y."""
    f_y = net.probabilities[np.arange(6), net.Y]
    same(net.grads["layer2/f"], -e(net.Y) / f_y[:, None])


def test_gradient_at_the_output_pre_activation(net):
    """∇a(x) −log f(x)_y = −(e(y) − f(x))."""
    same(net.grads["layer2/a"], -(e(net.Y) - net.probabilities))


def test_the_loss_from_logits_has_the_same_gradient(net):
    loss = fg.SoftmaxCrossEntropy(net.graph["layer2/a"], net.y)
    run = fg.Graph(fg.sum(loss)).fprop(x=net.X, y=net.Y)
    same(run[loss], net.run[net.loss])
    same(run.bprop(wrt="layer2/a")["layer2/a"], -(e(net.Y) - net.probabilities))


def test_gradient_of_hidden_values(net):
    """∇h = Wᵀ ∇a, of the layer above."""
    same(net.grads["layer1/h"], net.grads["layer2/a"] @ net.mlp.weights[1].value.T)


def test_gradient_of_hidden_pre_activations(net):
    """∇a = ∇h ⊙ g'(a)."""
    _, slope = G[net.mlp.hidden.__name__]
    same(net.grads["layer1/a"], net.grads["layer1/h"] * slope(net.run["layer1/h"]))


@pytest.mark.parametrize(("layer", "below"), [("layer1", "x"), ("layer2", "layer1/h")])
def test_gradients_of_the_parameters(net, layer, below):
    """∇W = ∇a hᵀ and ∇b = ∇a, summed over the examples."""
    grad, h = net.grads[f"{layer}/a"], net.run[below]
    same(net.grads[f"{layer}/W"], sum(np.outer(h[n], grad[n]) for n in range(6)))
    same(net.grads[f"{layer}/b"], sum(grad[n] for n in range(6)))


def test_derivative_of_each_activation():
    a = np.array([-3.0, -0.5, 0.0, 0.2, 4.0])
    box = fg.Input("a", shape=("N",))
    for activation, slope in (
        (fg.sigmoid, lambda g: g * (1 - g)),
        (np.tanh, lambda g: 1 - g**2),
        (fg.relu, lambda g: np.array([0.0, 0.0, 0.0, 1.0, 1.0])),  # relu'(0) = 0
    ):
        run = fg.Graph(activation(box)).fprop(a=a)
        same(run.bprop(np.ones(5), wrt=box)[box], slope(run.outputs[0]))
    assert fg.linear(box) is box


def test_regularizers():
    """∇W Σ W² = 2 W; ∇W Σ |W| = sign(W) with sign(0) = 0."""
    W1 = fg.Parameter([[1.0, -2.0], [0.0, 0.5]], name="W1")
    W2 = fg.Parameter([[-3.0]], name="W2")
    l2 = fg.Graph(fg.L2(W1, W2)).fprop()
    assert float(l2) == 1 + 4 + 0.25 + 9
    same(l2.bprop()[W1], [[2.0, -4.0], [0.0, 1.0]])
    same(l2.bprop()[W2], [[-6.0]])
    l1 = fg.Graph(fg.L1(W1, W2)).fprop()
    assert float(l1) == 1 + 2 + 0.5 + 3
    same(l1.bprop()[W1], [[1.0, -1.0], [0.0, 1.0]])
    same(l1.bprop()[W2], [[-1.0]])


def test_objective_is_mean_loss_plus_lambda_omega(net):
    """∇θ of 1/T Σ l + λ Ω, with biases left out of Ω."""
    objective = fg.mean(net.loss) + 0.1 * fg.L2(*net.mlp.weights)
    grads = fg.Graph(objective).fprop(x=net.X, y=net.Y).bprop()
    for W, b in zip(net.mlp.weights, net.mlp.biases, strict=True):
        same(grads[W], net.grads[W] / 6 + 0.2 * W.value)
        same(grads[b], net.grads[b] / 6)


def test_glorot_bound():
    """Weights from U[-b, b], b = √6 / √(H_k + H_{k-1}); biases 0."""
    mlp = fg.MLP([300, 200, 10], rng=0)
    for W, b in zip(mlp.weights, mlp.biases, strict=True):
        bound = np.sqrt(6) / np.sqrt(sum(W.shape))
        assert 0.98 * bound < np.abs(W.value).max() <= bound
        assert abs(W.value.mean()) < 0.05 * bound
        assert not b.value.any()


def test_zero_weights_stop_all_gradients_but_that_of_the_output_bias():
    """With tanh, h = 0 and Wᵀ = 0: no weight ever gets a gradient."""
    net = Lecture("tanh", examples=6, init="zeros")
    assert not net.grads["layer1/W"].any()
    assert not net.grads["layer1/b"].any()
    assert not net.grads["layer2/W"].any()
    assert net.grads["layer2/b"].any()


def test_equal_weights_keep_all_hidden_units_equal():
    """Units of equal weights get equal gradients, before and after any number of steps."""
    net = Lecture("tanh", examples=6, init=constant(0.3))
    for _ in range(5):
        run = net.graph.fprop(x=net.X, y=net.Y)
        grads = run.bprop()
        assert grads["layer1/W"].any()
        same(grads["layer1/W"], np.repeat(grads["layer1/W"][:, :1], H, axis=1))
        same(grads["layer2/W"], np.repeat(grads["layer2/W"][:1], H, axis=0))
        for parameter in net.mlp.parameters:
            parameter.value = parameter.value - 0.1 * grads[parameter]
    same(run["layer1/h"], np.repeat(run["layer1/h"][:, :1], H, axis=1))


def test_finite_difference_of_the_lecture():
    """(f(x + ε) − f(x − ε)) / 2ε for every single weight."""
    net = Lecture("sigmoid", examples=3)
    for parameter in net.mlp.parameters:
        for index in np.ndindex(parameter.shape):
            step = np.zeros(parameter.shape)
            step[index] = 1e-5
            up, down = (float(net.run.update({parameter: parameter.value + s})) for s in (step, -step))
            assert net.grads[parameter][index] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-8)


def test_backpropagation_goes_through_the_layers_in_reverse():
    net = Lecture(examples=2, sizes=(D, H, 3, H, C))
    grad = net.grads["layer4/a"]
    for k in (4, 3, 2):
        same(net.grads[f"layer{k - 1}/h"], grad @ net.mlp.weights[k - 1].value.T)
        grad = net.grads[f"layer{k - 1}/h"] * (1 - net.run[f"layer{k - 1}/h"] ** 2)
        same(net.grads[f"layer{k - 1}/a"], grad)
