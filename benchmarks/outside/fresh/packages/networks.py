"""Small libraries of networks in NumPy: their layers, activations and losses."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case
from benchmarks.outside.examples import normal, uniform
from benchmarks.outside.fresh import sources
from benchmarks.outside.fresh.adapters import Repository, gradient, layer, slope

TINYNN = Repository("borgwang/tinynn", "numpy")
NPDL = Repository("oujago/NumpyDL", "numpy")
HYBRID = Repository("zidny-z/hybridnn", "numpy")
FEMTO = Repository("TQCB/femto-flow", "numpy")
JOELNET = Repository("joelgrus/joelnet", "numpy")
MLA = Repository("rushter/MLAlgorithms", "numpy")
NEEDLE = Repository("purepisces/DeepLearningSystem", "numpy")
PACKAGES = [TINYNN, NPDL, HYBRID, FEMTO, JOELNET, MLA, NEEDLE]

X, W, B = normal(4, 3), normal(3, 2), normal(2)
ROUNDED = "the value is rounded to float32, and so is the gradient: compared at that precision"
ONE_HOT = np.eye(3)[[0, 2, 1, 1]]
PROBABILITIES = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.25, 0.35, 0.4], [0.1, 0.1, 0.8]])


def _forward(one: Any, x: Any, *rest: Any) -> Any:
    return one.forward(x)


def _tinynn(name: str) -> Any:
    sources.on_path(TINYNN.name)
    sources.stub("tinynn.utils.downloader")
    return importlib.import_module(f"tinynn.core.{name}")


def _tiny(make: Any, x: Any, **parameters: Any) -> Case:
    names = list(parameters)

    def made(x: Any, *values: Any) -> Any:
        one = make()
        one.params.update(dict(zip(names, values, strict=True)))
        one._is_init = True
        return one

    def backward(one: Any, g: Any) -> Any:
        return (one.backward(g), *(one.grads[name] for name in names))

    return layer(made, _forward, backward, x, *parameters.values())


def _tiny_layer(name: str, *settings: Any, **options: Any) -> Any:
    return getattr(_tinynn("layer"), name)(*settings, **options)


def _tiny_activation(name: str) -> Case:
    return _tiny(partial(_tiny_layer, name), X)


for _name in ("Sigmoid", "Softplus", "Tanh", "ReLU", "LeakyReLU", "GELU"):
    TINYNN.add(_name, partial(_tiny_activation, _name))
TINYNN.add(
    "ELU",
    lambda: _tiny(lambda: _tiny_layer("ELU"), X),
    "wrong",
    "x > 0.0 + (x < 0.0) * alpha * exp(x) compares x with a sum: the slope at negative x is 0 instead of exp(x)",
)
TINYNN.add("Dense", lambda: _tiny(lambda: _tiny_layer("Dense", 2), X, w=W, b=B))
TINYNN.add(
    "Conv2D",
    lambda: _tiny(lambda: _tiny_layer("Conv2D", [3, 3, 2, 2]), normal(2, 4, 4, 2), w=normal(3, 3, 2, 2), b=B),
    proof=ROUNDED,
)
TINYNN.add(
    "MaxPool2D",
    lambda: _tiny(lambda: _tiny_layer("MaxPool2D", (2, 2)), normal(2, 4, 4, 3)),
    proof=ROUNDED,
)
TINYNN.add(
    "RNN",
    lambda: _tiny(lambda: _tiny_layer("RNN", 2), normal(2, 3, 3), W=normal(2, 5), b=B),
    proof=ROUNDED,
)
TINYNN.add(
    "LSTM",
    lambda: _tiny(
        lambda: _tiny_layer("LSTM", 2),
        normal(2, 3, 3),
        W_g=normal(6, 5),
        b_g=normal(6),
        W_c=normal(2, 5),
        b_c=B,
    ),
    proof=ROUNDED,
)
TINYNN.add(
    "BatchNormalization",
    lambda: _tiny(
        lambda: _tiny_layer("BatchNormalization"), normal(5, 3), gamma=uniform(3, low=0.5, high=1.5), beta=normal(3)
    ),
)


def _tiny_loss(name: str, targets: Any, predictions: Any, **options: Any) -> Case:
    def loss() -> Any:
        return getattr(_tinynn("loss"), name)(**options)

    return gradient(lambda p: loss().loss(p, targets), lambda p: loss().grad(p, targets), predictions)


TINYNN.add("MSE", lambda: _tiny_loss("MSE", normal(4, 3, seed=1), X))
TINYNN.add("MAE", lambda: _tiny_loss("MAE", normal(4, 3, seed=1), X))
TINYNN.add("Huber", lambda: _tiny_loss("Huber", normal(4, 3, seed=1), 2 * X))
TINYNN.add("SoftmaxCrossEntropy", lambda: _tiny_loss("SoftmaxCrossEntropy", ONE_HOT, X))
TINYNN.add(
    "SoftmaxCrossEntropy with weights",
    lambda: _tiny_loss("SoftmaxCrossEntropy", ONE_HOT, X, weights=[0.5, 1.0, 2.0]),
    "wrong",
    "the loss of an example has the weight of its label, the gradient of an element that of its column",
)
TINYNN.add(
    "SoftmaxCrossEntropy with temperature",
    lambda: _tiny_loss("SoftmaxCrossEntropy", ONE_HOT, X, T=2.0),
    "wrong",
    "the factor 1 / T of the logits is left out: twice as large at T = 2",
)
TINYNN.add(
    "SigmoidCrossEntropy with weights",
    lambda: _tiny_loss("SigmoidCrossEntropy", np.array([[1.0], [0.0], [1.0]]), normal(3, 1), weights=[0.5, 2.0]),
)


def _npdl(name: str) -> Any:
    sources.on_path(NPDL.name)
    return importlib.import_module(f"npdl.{name}")


def _npdl_act(name: str) -> Case:
    def backward(one: Any, g: Any) -> Any:
        return (g * one.derivative(),)

    return layer(lambda x: getattr(_npdl("activations"), name)(), _forward, backward, X)


for _name in ("Sigmoid", "Tanh", "ReLU", "Elliot", "SymmetricElliot", "SoftPlus", "SoftSign"):
    NPDL.add(_name, partial(_npdl_act, _name))


def _npdl_loss(name: str, targets: Any, outputs: Any) -> Case:
    def loss() -> Any:
        return getattr(_npdl("objectives"), name)()

    return gradient(lambda p: loss().forward(p, targets), lambda p: loss().backward(p, targets), outputs)


MEAN = "the value is the mean over the rows, the gradient is not divided by their number"
NPDL.add("MeanSquaredError", lambda: _npdl_loss("MeanSquaredError", normal(4, 3, seed=1), X), "wrong", MEAN)
NPDL.add("HellingerDistance", lambda: _npdl_loss("HellingerDistance", ONE_HOT, PROBABILITIES), "wrong", MEAN)


@NPDL.right("Embedding")
def _embedding() -> Case:
    index = np.array([[0, 2, 2], [4, 1, 2]])

    def make(words: Any) -> Any:
        one = _npdl("layers").Embedding(words, static=False, nb_batch=2, nb_seq=3)
        one.connect_to()
        return one

    def backward(one: Any, g: Any) -> Any:
        one.backward(g)
        return (one.d_embed_words,)

    return layer(make, lambda one, words: one.forward(index), backward, normal(5, 3))


@NPDL.wrong(
    "BatchNormal", "var is np.std of the rows, its gradient that of a variance: the factor 1 / (2 std) is left out"
)
def _npdl_batch() -> Case:
    def make(x: Any, gamma: Any, beta: Any) -> Any:
        one = _npdl("layers").BatchNormal()
        one.gamma, one.beta = gamma, beta
        return one

    return layer(
        make,
        _forward,
        lambda one, g: (one.backward(g), one.dgamma, one.dbeta),
        normal(5, 3), uniform(3, low=0.5, high=1.5), normal(3, seed=1),
    )  # fmt: skip


class _Before:
    """The layer before, of which its shape alone is asked."""

    def __init__(self, *shape: int) -> None:
        self.out_shape = shape


def _npdl_pool(name: str) -> Case:
    def make(x: Any) -> Any:
        one = getattr(_npdl("layers"), name)((2, 2))
        one.connect_to(_Before(*x.shape))
        return one

    return layer(make, _forward, lambda one, g: (one.backward(g),), normal(2, 2, 4, 4))


NPDL.add(
    "MeanPooling",
    lambda: _npdl_pool("MeanPooling"),
    "wrong",
    "the value takes windows that begin at h and w, the gradient such that begin at 2 h and 2 w",
)
NPDL.add(
    "MaxPooling",
    lambda: _npdl_pool("MaxPooling"),
    "wrong",
    "the value takes windows that begin at h and w, the gradient is put elsewhere and read at pre_grad[a, b, a, w]",
)


def _hybrid(name: str) -> Case:
    sources.stub("pandas")
    one = getattr(sources.loaded(HYBRID.name, "src/hybridnn/activation.py"), name)()
    return slope(one.forward, one.backward, X)


for _name in ("Sigmoid", "ReLU", "Tanh", "Swish", "Mish", "Elu", "Selu", "Gelu"):
    HYBRID.add(_name, partial(_hybrid, _name))
HYBRID.add("Softmax", lambda: _hybrid("Softmax"), "wrong", "the diagonal of the Jacobian alone, -p_i p_j is left out")


def _femto(name: str) -> Any:
    return sources.loaded(FEMTO.name, f"femto_flow/{name}.py")


def _femto_act(name: str) -> Case:
    one = getattr(_femto("activations"), name)()
    return slope(one.forward, one.backward, X)


FEMTO.add("TanH", lambda: _femto_act("TanH"))
FEMTO.add("Sigmoid", lambda: _femto_act("Sigmoid"))
FEMTO.add("Softmax", lambda: _femto_act("Softmax"), "wrong", "the diagonal of the Jacobian alone, -p_i p_j is left out")


@FEMTO.wrong("mse", "the value is the mean of all 12 elements, the gradient divides by the 4 rows")
def _femto_mse() -> Case:
    y = normal(4, 3, seed=1)
    return gradient(lambda p: _femto("losses").mse(y, p), lambda p: _femto("losses").d_mse(y, p), X)


@FEMTO.right("mse of a vector")
def _femto_vector() -> Case:
    y = normal(5, seed=1)
    return gradient(lambda p: _femto("losses").mse(y, p), lambda p: _femto("losses").d_mse(y, p), normal(5))


@FEMTO.wrong("bce", "the value is a mean, the gradient is not divided by the number of elements")
def _femto_bce() -> Case:
    y = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    return gradient(lambda p: _femto("losses").bce(y, p), lambda p: _femto("losses").d_bce(y, p), uniform(5))


def _joelnet(name: str) -> Any:
    sources.on_path(JOELNET.name)
    return importlib.import_module(f"joelnet.{name}")


@JOELNET.right("Linear")
def _linear() -> Case:
    def make(x: Any, w: Any, b: Any) -> Any:
        one = _joelnet("layers").Linear(3, 2)
        one.params.update(w=w, b=b)
        return one

    return layer(make, _forward, lambda one, g: (one.backward(g), one.grads["w"], one.grads["b"]), X, W, B)


JOELNET.add("Tanh", lambda: layer(lambda x: _joelnet("layers").Tanh(), _forward, lambda one, g: (one.backward(g),), X))


@JOELNET.right("MSE")
def _joel_mse() -> Case:
    y = normal(4, 3, seed=1)
    return gradient(lambda p: _joelnet("loss").MSE().loss(p, y), lambda p: _joelnet("loss").MSE().grad(p, y), X)


def _mla(name: str) -> Any:
    sources.on_path(MLA.name)
    return importlib.import_module(f"mla.neuralnet.{name}")


def _mla_layer(make: Any, x: Any, **parameters: Any) -> Case:
    names = list(parameters)

    def made(x: Any, *values: Any) -> Any:
        one = make()
        if hasattr(one, "is_training"):
            one.is_training = True
        one.setup(x.shape)
        for name, value in zip(names, values, strict=True):
            one.parameters[name] = value
        if names and names[0].startswith("W_"):
            one.W = [one.parameters[name] for name in ("W_i", "W_f", "W_o", "W_c")]
            one.U = [one.parameters[name] for name in ("U_i", "U_f", "U_o", "U_c")]
        return one

    def backward(one: Any, g: Any) -> Any:
        found = one.backward_pass(g)
        return (found, *(one.parameters.grad[name] for name in names))

    return layer(made, lambda one, x, *rest: one.forward_pass(x), backward, x, *parameters.values())


MLA.add("Dense", lambda: _mla_layer(lambda: _mla("layers").Dense(2), X, W=W, b=B))
MLA.add(
    "TimeDistributedDense",
    lambda: _mla_layer(lambda: _mla("layers").TimeDistributedDense(2), normal(2, 4, 3), W=W, b=B),
)
MLA.add(
    "BatchNormalization",
    lambda: _mla_layer(
        lambda: _mla("layers").BatchNormalization(), normal(5, 3), W=uniform(3, low=0.5, high=1.5), b=normal(3, seed=1)
    ),
)
MLA.add(
    "BatchNormalization of pictures",
    lambda: _mla_layer(
        lambda: _mla("layers").BatchNormalization(),
        normal(2, 3, 2, 2),
        W=uniform(3, low=0.5, high=1.5), b=normal(3, seed=1),
    ),
)  # fmt: skip
MLA.add(
    "TimeStepSlicer",
    lambda: _mla_layer(lambda: _mla("layers").TimeStepSlicer(), normal(2, 2, 3)),
    "wrong",
    "the value is the last time step alone, the gradient is given to both",
)


def _mla_conv(make: Any, x: Any, **parameters: Any) -> Case:
    return _mla_layer(make, x, **parameters)


MLA.add(
    "Convolution",
    lambda: _mla_conv(
        lambda: _mla("layers").Convolution(2, (3, 3), padding=(1, 1)), normal(2, 2, 4, 4), W=normal(2, 2, 3, 3), b=B
    ),
)
MLA.add("MaxPooling", lambda: _mla_conv(lambda: _mla("layers").MaxPooling((2, 2), stride=(2, 2)), normal(2, 2, 4, 4)))
MLA.add("Flatten", lambda: _mla_conv(lambda: _mla("layers").Flatten(), normal(2, 3, 2)))


def _needle(make: Any, *inputs: Any) -> Case:
    sources.on_path(NEEDLE.name, "hw2/hw2-solution/python")

    def value(*inputs: Any) -> Any:
        return make().compute(*inputs)

    def backward(grad: Any, value: Any, *inputs: Any) -> Any:
        needle = importlib.import_module("needle")
        op = make()
        nodes = [needle.Tensor(x, dtype="float64") for x in inputs]
        found = op.gradient(needle.Tensor(grad, dtype="float64"), op(*nodes))
        return tuple(part.numpy() for part in (found if isinstance(found, tuple) else (found,)))

    return Case(value, inputs, backward)


def _op(name: str, *settings: Any) -> Any:
    return lambda: getattr(importlib.import_module("needle.ops.ops_mathematic"), name)(*settings)


NEEDLE.add("EWiseDiv", lambda: _needle(_op("EWiseDiv"), X, uniform(4, 3)))
NEEDLE.add("EWiseMul", lambda: _needle(_op("EWiseMul"), X, normal(4, 3, seed=1)))
NEEDLE.add("DivScalar", lambda: _needle(_op("DivScalar", 2.5), X))
NEEDLE.add("Transpose", lambda: _needle(_op("Transpose", (0, 2)), normal(2, 3, 4)))
NEEDLE.add("BroadcastTo", lambda: _needle(_op("BroadcastTo", (3, 2)), normal(3, 1)))
NEEDLE.add("Summation", lambda: _needle(_op("Summation", (1,)), normal(2, 3, 4)))
NEEDLE.add("MatMul", lambda: _needle(_op("MatMul"), normal(2, 4, 3), W))
NEEDLE.add("Log", lambda: _needle(_op("Log"), uniform(4)))
NEEDLE.add("Exp", lambda: _needle(_op("Exp"), X))
NEEDLE.add("ReLU", lambda: _needle(_op("ReLU"), X))
NEEDLE.add(
    "LogSumExp",
    lambda: _needle(lambda: importlib.import_module("needle.ops.ops_logarithmic").LogSumExp((1,)), X),
)
