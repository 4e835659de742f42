"""Courses and books that write a neural network in NumPy: layers with a forward and a backward pass."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case
from benchmarks.outside.examples import normal, uniform
from benchmarks.outside.fresh import sources
from benchmarks.outside.fresh.adapters import Repository, gradient, layer, slope

FISH = Repository("oreilly-japan/deep-learning-from-scratch", "numpy")
FISH2 = Repository("oreilly-japan/deep-learning-from-scratch-2", "numpy")
SCRATCH = Repository("eriklindernoren/ML-From-Scratch", "numpy")
NNET = Repository("andersbll/nnet", "numpy")
DEEPNET = Repository("parasdahal/deepnet", "numpy")
HOMEMADE = Repository("trekhleb/homemade-machine-learning", "numpy")
PACKAGES = [FISH, FISH2, SCRATCH, NNET, DEEPNET, HOMEMADE]

X, W, B = normal(4, 3), normal(3, 2), normal(2)
IMAGES, LABELS = normal(2, 3, 4, 4), np.array([0, 2, 1, 2])


def _book(name: str) -> Any:
    sources.on_path(FISH.name)
    return importlib.import_module(name)


def _forward(one: Any, x: Any, *rest: Any) -> Any:
    return one.forward(x)


@FISH.right("Relu")
def _relu() -> Case:
    return layer(lambda x: _book("common.layers").Relu(), _forward, lambda one, g: (one.backward(g.copy()),), X)


@FISH.right("Sigmoid")
def _sigmoid() -> Case:
    return layer(lambda x: _book("common.layers").Sigmoid(), _forward, lambda one, g: (one.backward(g),), X)


@FISH.right("Affine of pictures")
def _affine() -> Case:
    return layer(
        lambda x, w, b: _book("common.layers").Affine(w, b),
        _forward,
        lambda one, g: (one.backward(g), one.dW, one.db),
        normal(2, 3, 2), normal(6, 2), B,
    )  # fmt: skip


@FISH.right("BatchNormalization")
def _batch() -> Case:
    return layer(
        lambda x, gamma, beta: _book("common.layers").BatchNormalization(gamma, beta),
        _forward,
        lambda one, g: (one.backward(g), one.dgamma, one.dbeta),
        normal(5, 3), uniform(3, low=0.5, high=1.5), normal(3, seed=1),
    )  # fmt: skip


@FISH.right("Convolution")
def _convolution() -> Case:
    return layer(
        lambda x, w, b: _book("common.layers").Convolution(w, b, stride=1, pad=1),
        _forward,
        lambda one, g: (one.backward(g), one.dW, one.db),
        normal(2, 2, 4, 4), normal(2, 2, 3, 3), B,
    )  # fmt: skip


@FISH.right("Pooling")
def _pooling() -> Case:
    return layer(
        lambda x: _book("common.layers").Pooling(2, 2, stride=2), _forward, lambda one, g: (one.backward(g),), IMAGES
    )


def _book2(name: str) -> Any:
    sources.on_path(FISH2.name)
    return importlib.import_module(name)


@FISH2.right("MatMul")
def _matmul() -> Case:
    return layer(
        lambda x, w: _book2("common.layers").MatMul(w), _forward, lambda one, g: (one.backward(g), one.grads[0]), X, W
    )


@FISH2.right("Softmax")
def _softmax() -> Case:
    return layer(lambda x: _book2("common.layers").Softmax(), _forward, lambda one, g: (one.backward(g),), X)


@FISH2.right("Embedding")
def _embedding() -> Case:
    return layer(
        lambda w, index: _book2("common.layers").Embedding(w),
        lambda one, w, index: one.forward(index),
        lambda one, g: (one.backward(g) or one.grads[0], None),
        normal(5, 3), np.array([[0, 2], [4, 2]]),
    )  # fmt: skip


@FISH2.right("RNN step")
def _rnn() -> Case:
    return layer(
        lambda x, h, wx, wh, b: _book2("common.time_layers").RNN(wx, wh, b),
        lambda one, x, h, *rest: one.forward(x, h),
        lambda one, g: (*one.backward(g), *one.grads),
        X, normal(4, 2), W, normal(2, 2), B,
    )  # fmt: skip


@FISH2.right("LSTM step")
def _lstm() -> Case:
    def backward(one: Any, g: Any) -> Any:
        return (*one.backward(*g), *one.grads)

    return layer(
        lambda x, h, c, wx, wh, b: _book2("common.time_layers").LSTM(wx, wh, b),
        lambda one, x, h, c, *rest: one.forward(x, h, c),
        backward,
        X, normal(4, 2), normal(4, 2, seed=1), normal(3, 8), normal(2, 8), normal(8),
    )  # fmt: skip


@FISH2.right("TimeAffine")
def _time_affine() -> Case:
    return layer(
        lambda x, w, b: _book2("common.time_layers").TimeAffine(w, b),
        _forward,
        lambda one, g: (one.backward(g), *one.grads),
        normal(2, 4, 3), W, B,
    )  # fmt: skip


@FISH2.right("TimeLSTM", "the value is rounded to float32, and so is the gradient: compared at that precision")
def _time_lstm() -> Case:
    return layer(
        lambda x, wx, wh, b: _book2("common.time_layers").TimeLSTM(wx, wh, b),
        _forward,
        lambda one, g: (one.backward(g), *one.grads),
        normal(2, 3, 3), normal(3, 8), normal(2, 8), normal(8),
    )  # fmt: skip


@FISH2.right("TimeSoftmaxWithLoss")
def _time_loss() -> Case:
    labels = np.array([[0, 2, 1], [3, 1, -1]])
    return layer(
        lambda x: _book2("common.time_layers").TimeSoftmaxWithLoss(),
        lambda one, x: one.forward(x, labels),
        lambda one, g: (one.backward(g),),
        normal(2, 3, 4),
    )


class _Kept:
    """In the place of an optimizer: keeps the gradient, changes nothing."""

    def update(self, weight: Any, grad: Any) -> Any:
        self.grad = grad
        return weight


def _scratch(name: str) -> Any:
    sources.on_path(SCRATCH.name)
    sources.stub("terminaltables", "progressbar")
    return importlib.import_module(f"mlfromscratch.deep_learning.{name}")


def _act(name: str) -> Any:
    return getattr(_scratch("activation_functions"), name)()


def _scratch_activation(name: str) -> Case:
    return slope(_act(name), _act(name).gradient, X)


for _name in ("Sigmoid", "TanH", "LeakyReLU", "ELU", "SELU", "SoftPlus"):
    SCRATCH.add(_name, partial(_scratch_activation, _name))
SCRATCH.add(
    "Softmax",
    lambda: slope(_act("Softmax"), _act("Softmax").gradient, X),
    "wrong",
    "p (1 - p) is the diagonal of the Jacobian alone; the other terms, -p_i p_j, are left out",
)


@SCRATCH.right("Dense")
def _dense() -> Case:
    def make(x: Any, w: Any, b: Any) -> Any:
        one = _scratch("layers").Dense(2)
        one.W, one.w0, one.W_opt, one.w0_opt = w, b, _Kept(), _Kept()
        return one

    return layer(
        make,
        lambda one, x, *rest: one.forward_pass(x),
        lambda one, g: (one.backward_pass(g), one.W_opt.grad, one.w0_opt.grad),
        X, W, normal(1, 2),
    )  # fmt: skip


def _bptt(truncated: int) -> Case:
    def make(x: Any, u: Any, v: Any, w: Any) -> Any:
        one = _scratch("layers").RNN(2, bptt_trunc=truncated)
        one.U, one.V, one.W = u, v, w
        one.U_opt, one.V_opt, one.W_opt = _Kept(), _Kept(), _Kept()
        return one

    return layer(
        make,
        lambda one, x, *rest: one.forward_pass(x),
        lambda one, g: (one.backward_pass(g), one.U_opt.grad, one.V_opt.grad, one.W_opt.grad),
        normal(2, 3, 3), normal(2, 3), normal(3, 2), normal(2, 2),
    )  # fmt: skip


SCRATCH.add(
    "RNN",
    lambda: _bptt(5),
    "wrong",
    "the gradient by the input has only the path of its own time step, the ones through later states are left out",
)


@SCRATCH.right("Conv2D")
def _conv() -> Case:
    def make(x: Any, w: Any, b: Any) -> Any:
        one = _scratch("layers").Conv2D(2, (3, 3), input_shape=(2, 4, 4))
        one.W, one.w0, one.W_opt, one.w0_opt = w, b, _Kept(), _Kept()
        return one

    return layer(
        make,
        lambda one, x, *rest: one.forward_pass(x),
        lambda one, g: (one.backward_pass(g), one.W_opt.grad, one.w0_opt.grad),
        normal(2, 2, 4, 4), normal(2, 2, 3, 3), normal(2, 1),
    )  # fmt: skip


@SCRATCH.right("BatchNormalization")
def _scratch_batch() -> Case:
    def make(x: Any, gamma: Any, beta: Any) -> Any:
        one = _scratch("layers").BatchNormalization()
        one.gamma, one.beta, one.gamma_opt, one.beta_opt = gamma, beta, _Kept(), _Kept()
        return one

    return layer(
        make,
        lambda one, x, *rest: one.forward_pass(x),
        lambda one, g: (one.backward_pass(g), one.gamma_opt.grad, one.beta_opt.grad),
        normal(5, 3), uniform(3, low=0.5, high=1.5), normal(3, seed=1),
    )  # fmt: skip


def _plain(name: str, *settings: Any, **options: Any) -> Case:
    def make(x: Any) -> Any:
        one = getattr(_scratch("layers"), name)(*settings, **options)
        one.set_input_shape(IMAGES.shape[1:])
        return one

    return layer(make, lambda one, x: one.forward_pass(x), lambda one, g: (one.backward_pass(g),), IMAGES)


SCRATCH.add("ZeroPadding2D", lambda: _plain("ZeroPadding2D", (1, 2)))
SCRATCH.add(
    "UpSampling2D",
    lambda: _plain("UpSampling2D", (2, 2)),
    "wrong",
    "every element is repeated four times, the gradient takes the first of the four instead of their sum",
)


@SCRATCH.right("SquareLoss")
def _square() -> Case:
    loss, y = _scratch("loss_functions").SquareLoss(), normal(5, seed=1)
    return slope(lambda p: loss.loss(y, p), lambda p: loss.gradient(y, p), normal(5))


@SCRATCH.right("CrossEntropy")
def _cross() -> Case:
    loss, y = _scratch("loss_functions").CrossEntropy(), np.array([0.0, 1.0, 1.0, 0.0])
    return slope(lambda p: loss.loss(y, p), lambda p: loss.gradient(y, p), uniform(4))


def _nnet(name: str) -> Any:
    sources.on_path(NNET.name)
    sources.stub("nnet.convnet.conv", "nnet.convnet.pool")
    return importlib.import_module(f"nnet.{name}")


def _activation(name: str) -> Case:
    return layer(
        lambda x: _nnet("layers").Activation(name),
        lambda one, x: one.fprop(x),
        lambda one, g: (one.bprop(g),),
        X,
    )


NNET.add("sigmoid", lambda: _activation("sigmoid"))
NNET.add("relu", lambda: _activation("relu"))
NNET.add(
    "tanh", lambda: _activation("tanh"), "wrong", "tanh_d is (e - 1) / (e + 1) with e = exp(2 x), which is tanh itself"
)


@NNET.right("Linear, the input alone")
def _linear() -> Case:
    def make(x: Any) -> Any:
        one = _nnet("layers").Linear(2, 1.0)
        one.W, one.b = W, B
        return one

    return layer(make, lambda one, x: one.fprop(x), lambda one, g: (one.bprop(g),), X)


def _deepnet(name: str) -> Any:
    sources.on_path(DEEPNET.name)
    return importlib.import_module(f"deepnet.{name}")


def _pointwise(name: str) -> Case:
    def backward(one: Any, g: Any) -> Any:
        found = one.backward(g)
        return (found[0] if isinstance(found, tuple) else found,)

    return layer(lambda x: getattr(_deepnet("layers"), name)(), _forward, backward, X)


DEEPNET.add("ReLU", lambda: _pointwise("ReLU"))
DEEPNET.add("tanh", lambda: _pointwise("tanh"))
DEEPNET.add("Flatten", lambda: _pointwise("Flatten"))
DEEPNET.add(
    "sigmoid",
    lambda: _pointwise("sigmoid"),
    "wrong",
    "the value is 1 / (1 + exp(x)), which falls; the gradient s (1 - s) has the sign of one that rises",
)


def _with_parameters(make: Any, names: tuple[str, str], *inputs: Any) -> Case:
    def made(x: Any, *values: Any) -> Any:
        one = make()
        for name, value in zip(names, values, strict=True):
            setattr(one, name, value)
        return one

    def backward(one: Any, g: Any) -> Any:
        dx, grads = one.backward(g)
        return (dx, *grads)

    return layer(made, _forward, backward, *inputs)


DEEPNET.add(
    "Conv",
    lambda: _with_parameters(
        lambda: _deepnet("layers").Conv((2, 4, 4), 2, 3, 3, 1, 1),
        ("W", "b"),
        normal(2, 2, 4, 4),
        normal(2, 2, 3, 3),
        normal(2, 1),
    ),
)


@DEEPNET.right("FullyConnected, without the bias")
def _full() -> Case:
    def make(x: Any, w: Any) -> Any:
        one = _deepnet("layers").FullyConnected(3, 2)
        one.W = w
        return one

    def backward(one: Any, g: Any) -> Any:
        dx, grads = one.backward(g)
        return dx, grads[0]

    return layer(make, _forward, backward, X, W)


DEEPNET.add(
    "Batchnorm",
    lambda: _with_parameters(
        lambda: _deepnet("layers").Batchnorm((2, 1, 2)),
        ("gamma", "beta"),
        normal(3, 2, 1, 2), normal(1, 4), normal(1, 4, seed=1),
    ),
    "wrong",
    "gamma of one row is shared by all examples, its gradient dout * X_norm is not summed over them",
)  # fmt: skip


@DEEPNET.right("Maxpool")
def _maxpool() -> Case:
    return layer(
        lambda x: _deepnet("layers").Maxpool((3, 4, 4), 2, 2), _forward, lambda one, g: (one.backward(g)[0],), IMAGES
    )


@DEEPNET.right("SoftmaxLoss")
def _softmax_loss() -> Case:
    return gradient(
        lambda x: _deepnet("loss").SoftmaxLoss(x, LABELS)[0], lambda x: _deepnet("loss").SoftmaxLoss(x, LABELS)[1], X
    )


def _homemade(name: str) -> Any:
    sources.on_path(HOMEMADE.name)
    return importlib.import_module(f"homemade.{name}")


@HOMEMADE.right("sigmoid")
def _homemade_sigmoid() -> Case:
    module = _homemade("utils.hypothesis")
    return slope(module.sigmoid, module.sigmoid_gradient, X)


@HOMEMADE.right("LogisticRegression")
def _logistic() -> Case:
    one = _homemade("logistic_regression.logistic_regression").LogisticRegression
    data, labels = np.c_[np.ones(5), normal(5, 2)], np.array([[0], [1], [1], [0], [1]])
    return gradient(
        lambda theta: one.cost_function(data, labels, theta, 0.3),
        lambda theta: one.gradient_step(data, labels, theta, 0.3).reshape(3, 1),
        normal(3, 1),
    )


def _perceptron(regularization: float) -> Case:
    one = _homemade("neural_network.multilayer_perceptron").MultilayerPerceptron
    data, labels, sizes = np.c_[np.ones(4), normal(4, 2)], np.array([[0], [1], [2], [1]]), [2, 3, 3]
    return gradient(
        lambda flat: one.cost_function(data, labels, one.thetas_roll(flat, sizes), sizes, regularization),
        lambda flat: one.gradient_step(data, labels, flat, sizes, regularization),
        normal(21),
    )


HOMEMADE.add("MultilayerPerceptron", lambda: _perceptron(0.0))
HOMEMADE.add(
    "MultilayerPerceptron, regularized",
    lambda: _perceptron(0.2),
    "wrong",
    "the regularization is lambda / n times the deltas of the data, where it should be times the weights",
)
