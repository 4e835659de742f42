"""What a user writes, as type checkers see it: `tests/test_types.py` runs mypy and pyright over this file."""

from typing import Any, assert_type

import numpy as np

import flowgraph as fg
from flowgraph.box import Array, Box


class Scaled(fg.Elementwise):
    """h = factor · a · b, without annotations but for its setting."""

    factor: float = 2.0

    def fprop(self, a, b):  # type: ignore[no-untyped-def]
        return self.factor * a * b

    def bprop(self, grad, h, a, b):  # type: ignore[no-untyped-def]
        return self.factor * grad * b, self.factor * grad * a


class Mirrored(fg.Box):
    """A box that says its own shape."""

    def fprop(self, a: Array) -> Array:
        return np.flip(a)

    def bprop(self, grad: Array, h: Array, a: Array) -> tuple[Array]:
        return (np.flip(grad),)

    def infer(self, a: fg.Spec) -> fg.Spec:
        return a


x = fg.Input("x", shape=("N", 3))
y = fg.Input("y", shape=("N",), dtype=int)
W = fg.Parameter(np.zeros((3, 2)), name="W")
b = fg.Parameter(np.zeros(2), name="b")

a = x @ W + b
assert_type(a, Box)
assert_type(2.0 * a - 1, Box)
assert_type(-(abs(a) ** 2) / 3, Box)
assert_type(a > 0, Box)
assert_type(a == 0, Box)
assert_type(a.sum(axis=0), Box)
assert_type(a.T.reshape(2, -1)[0], Box)
assert_type(a.ndim, int)
assert_type(Scaled(a, a, factor=3.0), Scaled)
assert_type(Scaled(a, a).factor, float)
assert_type(fg.relu(a), Box)

loss = fg.mean(fg.SoftmaxCrossEntropy(Mirrored(a), y)) + 1e-4 * fg.L2(W)
assert_type(loss, Box)

graph = fg.Graph(loss)
assert_type(graph["W"], Box)
run = graph.fprop(x=np.zeros((4, 3)), y=np.zeros(4, int))
assert_type(run[loss], Array)
assert_type(run["W"], Array)
assert_type(float(run), float)

grads = run.bprop(wrt=[W, "b"], keep="all", unused="zeros")
assert_type(grads[W], Array)
assert_type(grads["b"], Array)

assert_type(fg.gradient(loss, [W]), list[Box])
(dW,) = fg.gradient(loss, W, fallback="central differences")
assert_type(dW, Box)
assert_type(fg.hessian(loss, [W]), Box)
assert_type(fg.jacobian(a, [W], mode="rows"), list[Box])

step = fg.compile([loss], updates={W: W - 0.1 * dW}, backend="numpy")
step(x=np.zeros((4, 3)), y=np.zeros(4, int))
assert_type(step.source, str)

# NumPy's own annotations say that a function of NumPy returns an array: boxes are taken in that form too.
h = np.tanh(a)
fg.Graph(h, np.where(a > 0, a, 0.0)).fprop(x=np.zeros((4, 3)))[h]
total: Any = np.sum(h)
fg.gradient(fg.mean(h @ W.T) + total, [W])
