"""LeNet by hand: examples last, so that every slice is long; what is pooled is pooled before bias and ReLU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import add, copyto, greater, greater_equal, matmul, maximum, multiply, subtract
from numpy.lib.stride_tricks import as_strided

from benchmarks.peers.nets.case import Case
from benchmarks.peers.nets.halves import Flat, Halves, Loss


class Step(Halves):
    """The whole step."""

    def __init__(self, case: Case) -> None:
        super().__init__(case, half)


def half(p: Flat, grads: Flat, n: int) -> Callable[[Any, Any], float]:
    """A function of half of the batch, which leaves its gradients in `grads`."""
    dtype = p.flat.dtype
    image = np.empty((28, 1, 28, n), dtype)
    image_view = image.reshape(784, n)
    one = Convolution(image, p["C1"], grads["C1"], p["c1"], grads["c1"], n)
    two = Convolution(one.pooled, p["C2"], grads["C2"], p["c2"], grads["c2"], n)
    flat = np.empty((16, 4, 4, n), dtype)
    dflat = np.empty((16, 4, 4, n), dtype)
    three = Dense(p["W3"], p["b3"], grads["W3"], grads["b3"], n)
    four = Dense(p["W4"], p["b4"], grads["W4"], grads["b4"], n)
    loss = Loss(n, dtype)
    rows, drows = flat.reshape(256, n), dflat.reshape(256, n)
    dh4 = four.grad

    def run(x: Any, y: Any) -> float:
        copyto(image_view, x.reshape(n, 784).T)
        one.forward()
        two.forward()
        copyto(flat, two.pooled.transpose(1, 0, 2, 3))
        h4 = four.forward(three.forward(rows))
        matmul(p["W5"].T, h4, loss.scores)
        total = loss(p["b5"], y)
        loss.top_layer(h4, p["W5"], (grads["W5"], grads["b5"], dh4))
        four.backward(three.h, three.grad)
        three.backward(rows, drows)
        copyto(two.dpooled, dflat.transpose(1, 0, 2, 3))
        two.backward()
        two.to_input(one.dpooled)
        one.backward()
        return total

    return run


class Dense:
    """A matrix, a bias and ReLU on columns; the slope stands as a mask."""

    def __init__(self, w: Any, b: Any, dw: Any, db: Any, n: int) -> None:
        self.w, self.b, self.dw, self.db = w, b.reshape(-1, 1), dw, db
        self.h, self.grad = np.empty((len(b), n), w.dtype), np.empty((len(b), n), w.dtype)
        self.on = np.empty((len(b), n), bool)
        self.ones, self.zeros = np.ones(n, w.dtype), np.zeros(n, w.dtype)

    def forward(self, x: Any) -> Any:
        """What the next layer reads."""
        matmul(self.w.T, x, self.h)
        add(self.h, self.b, self.h)
        greater(self.h, 0, self.on)
        return maximum(self.h, self.zeros, out=self.h)

    def backward(self, x: Any, dx: Any) -> None:
        """From `grad` the gradients of weights, bias and x."""
        multiply(self.grad, self.on, self.grad)
        matmul(x, self.grad.T, self.dw)
        matmul(self.grad, self.ones, self.db)
        matmul(self.w, self.grad, dx)


class Convolution:
    """Filters of 5 by 5, pooling of 2 by 2 that keeps where the largest was, bias, ReLU.

    Arrays are (row, channel, column, example). Products are made row by row, so that each fits a kernel of small ones.
    """

    def __init__(self, x: Any, w: Any, dw: Any, b: Any, db: Any, n: int) -> None:
        filters, channels = w.shape[:2]
        rows, dtype = len(x) - 4, w.dtype
        self.w, self.dw, self.n = w.reshape(filters, -1), dw.reshape(filters, -1), n
        self.wT = np.empty(self.w.shape[::-1], dtype)
        step = x.strides
        shape = (rows, channels, 5, 5, rows * n)
        self.windows = as_strided(x, shape, (step[0], step[1], step[0], step[2], step[3]))
        self.columns = np.empty((rows, channels * 25, rows * n), dtype)
        self.columns_view = self.columns.reshape(shape)
        self.y, self.dy = (np.empty((rows, filters, rows * n), dtype) for _ in range(2))
        self.quarters, self.dquarters = _quarters(self.y, n), _quarters(self.dy, n)
        small = (rows // 2, filters, rows // 2, n)
        self.left, self.right, self.pooled, self.dpooled = (np.empty(small, dtype) for _ in range(4))
        self.wins = [np.empty(small, bool) for _ in range(3)]
        self.on = np.empty(small, bool)
        self.b, self.db = b.reshape(1, filters, 1, 1), db.reshape(filters)
        self.zeros, self.ones = np.zeros(n, dtype), np.ones(rows // 2 * n, dtype)
        self.dws = np.empty((rows, filters, channels * 25), dtype)
        self.dcolumns = np.empty_like(self.columns) if channels > 1 else None

    def forward(self) -> None:
        """From x what is pooled."""
        copyto(self.columns_view, self.windows)
        matmul(self.w, self.columns, self.y)
        a, b, c, d = self.quarters
        first, second, third = self.wins
        greater_equal(a, b, first)
        greater_equal(c, d, second)
        maximum(a, b, out=self.left)
        maximum(c, d, out=self.right)
        greater_equal(self.left, self.right, third)
        maximum(self.left, self.right, out=self.pooled)
        add(self.pooled, self.b, self.pooled)
        maximum(self.pooled, self.zeros, out=self.pooled)
        greater(self.pooled, 0, self.on)

    def backward(self) -> None:
        """From the gradient of what was pooled those of bias and filters."""
        multiply(self.dpooled, self.on, self.dpooled)
        by_channel = self.dpooled.reshape(len(self.dpooled), self.dpooled.shape[1], -1)
        add.reduce(by_channel @ self.ones, 0, None, self.db)
        a, b, c, d = self.dquarters
        first, second, third = self.wins
        multiply(self.dpooled, third, self.left)
        subtract(self.dpooled, self.left, self.right)
        multiply(self.left, first, a)
        subtract(self.left, a, b)
        multiply(self.right, second, c)
        subtract(self.right, c, d)
        matmul(self.dy, self.columns.swapaxes(1, 2), self.dws)
        add.reduce(self.dws, 0, None, self.dw)

    def to_input(self, dx: Any) -> None:
        """The gradient of x: each element of the filters at all its places at once."""
        copyto(self.wT, self.w.T)
        matmul(self.wT, self.dy, self.dcolumns)
        sent = self.dcolumns.reshape(self.columns_view.shape)
        rows, n = len(self.y), self.n
        dx[...] = 0
        flat = dx.reshape(len(dx), dx.shape[1], -1)
        for i in range(5):
            for j in range(5):
                place = flat[i : i + rows, :, j * n : (j + rows) * n]
                add(place, sent[:, :, i, j], place)


def _quarters(y: Any, n: int) -> list[Any]:
    """The four elements of each window."""
    rows, filters, _ = y.shape
    v = y.reshape(rows // 2, 2, filters, rows // 2, 2, n)
    return [v[:, i, :, :, j] for i in (0, 1) for j in (0, 1)]
