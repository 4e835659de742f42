"""The layer of a transformer by hand: gains and biases in the next weights, heads as views, W2 after the mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import add, copyto, greater, matmul, maximum, multiply, subtract, vecdot

from benchmarks.peers.nets.case import HEADS, TOKENS, WIDTH, Case
from benchmarks.peers.nets.halves import Flat, Halves, Loss

PART = WIDTH // HEADS
WIDER = PART + 1
"""A head of the values has one more column, of ones: the same product subtracts Σ dO · O from the gradients."""

QK = 2 * WIDTH


class Step(Halves):
    """The whole step."""

    def __init__(self, case: Case) -> None:
        self.weights = Weights(case.dtype)
        super().__init__(case, self.half)
        self.weights.read(self.all)

    def half(self, p: Flat, grads: Flat, n: int) -> Callable[[Any, Any], float]:
        """A function of half of the batch."""
        return Half(self.weights, p, grads, n)

    def __call__(self, x: Any, y: Any, rate: float) -> float:
        """One step; the loss before it."""
        self.weights.read(self.all)
        return super().__call__(x, y, rate)

    def finish(self, grads: Flat) -> None:
        """Gradients of weights with gain and bias in them become those of weights, gains and biases."""
        p, w = self.all, self.weights
        one, other = self.halves
        qkv = one.dqkv + other.dqkv
        of_rows, of_bias = qkv[:-1], qkv[-1]
        d = of_rows * p["g1"][:, None] + p["e1"][:, None] * of_bias
        multiply(d[:, :WIDTH], w.scale, grads["Q"])
        copyto(grads["K"], d[:, WIDTH:QK])
        copyto(grads["V"], d[:, QK:])
        vecdot(of_rows, w.joined, grads["g1"])
        matmul(w.joined, of_bias, grads["e1"])
        mlp = one.dmlp + other.dmlp
        of_rows, of_bias = mlp[:-1], mlp[-1]
        add(of_rows * p["g2"][:, None], p["e2"][:, None] * of_bias, grads["W1"])
        copyto(grads["b1"], of_bias)
        vecdot(of_rows, p["W1"], grads["g2"])
        matmul(p["W1"], of_bias, grads["e2"])
        copyto(grads["O"].reshape(HEADS, PART, WIDTH), (one.dout + other.dout).reshape(HEADS, WIDER, WIDTH)[:, :PART])


class Weights:
    """Weights as the products take them: gain and bias of the norm before them, copies of transposes in rows."""

    def __init__(self, dtype: str) -> None:
        self.joined = np.empty((WIDTH, 3 * WIDTH), dtype)
        self.qkv = np.zeros((WIDTH + 1, QK + HEADS * WIDER), dtype)
        self.values = self.qkv[:, QK:].reshape(WIDTH + 1, HEADS, WIDER)
        self.values[-1, :, -1] = 1
        self.mlp, self.mlp_back = np.empty((WIDTH + 1, 4 * WIDTH), dtype), np.empty((4 * WIDTH, WIDTH), dtype)
        self.w2_back = np.empty((WIDTH, 4 * WIDTH), dtype)
        self.out, self.out_back = np.zeros((HEADS, WIDER, WIDTH), dtype), np.zeros((WIDTH, HEADS, WIDER), dtype)
        self.scale = np.asarray(PART**-0.5, dtype)

    def read(self, p: Flat) -> None:
        """Make them of the parameters as they are now."""
        joined, gain = self.joined, p["g1"][:, None]
        multiply(p["Q"], self.scale, joined[:, :WIDTH])
        copyto(joined[:, WIDTH:QK], p["K"])
        copyto(joined[:, QK:], p["V"])
        bias = p["e1"] @ joined
        multiply(joined[:, :QK], gain, self.qkv[:-1, :QK])
        multiply(joined[:, QK:].reshape(WIDTH, HEADS, PART), gain[:, None], self.values[:-1, :, :PART])
        self.qkv[-1, :QK], self.values[-1, :, :PART] = bias[:QK], bias[QK:].reshape(HEADS, PART)
        multiply(p["W1"], p["g2"][:, None], self.mlp[:-1])
        add(p["e2"] @ p["W1"], p["b1"], self.mlp[-1])
        subtract(self.mlp[:-1].T, self.mlp[:-1].mean(0)[:, None], self.mlp_back)
        copyto(self.w2_back, p["W2"].T)
        copyto(self.out[:, :PART], p["O"].reshape(HEADS, PART, WIDTH))
        copyto(self.out_back[:, :, :PART], p["O"].T.reshape(WIDTH, HEADS, PART))


class Norm:
    """Rows without their mean, of variance 1, and a column of ones for the bias beside them."""

    def __init__(self, rows: int, dtype: Any) -> None:
        padded = np.zeros((rows, WIDTH + 16), dtype)
        padded[:, WIDTH] = 1
        self.rows, self.with_ones = padded[:, :WIDTH], padded[:, : WIDTH + 1]
        self.mean, self.factor = np.empty(rows, dtype), np.empty(rows, dtype)
        self.part = np.full(WIDTH, 1 / WIDTH, dtype)
        self.numbers = [np.asarray(number, dtype) for number in (1 / WIDTH, 1e-5, 1)]

    def __call__(self, x: Any) -> None:
        """Normalise the rows of x."""
        share, small, one = self.numbers
        matmul(x, self.part, self.mean)
        subtract(x, self.mean[:, None], self.rows)
        vecdot(self.rows, self.rows, self.factor)
        multiply(self.factor, share, self.factor)
        add(self.factor, small, self.factor)
        np.sqrt(self.factor, self.factor)
        np.divide(one, self.factor, self.factor)
        multiply(self.rows, self.factor[:, None], self.rows)


class Half:
    """Buffers of half of the batch."""

    def __init__(self, weights: Weights, p: Flat, grads: Flat, n: int) -> None:
        dtype, rows = p.flat.dtype, n * TOKENS

        def empty(*shape: int) -> Any:
            return np.zeros(shape, dtype)

        self.weights, self.p, self.grads, self.n = weights, p, grads, n
        self.one, self.two = Norm(rows, dtype), Norm(rows, dtype)
        self.qkv, self.dqk = empty(n, TOKENS, QK + HEADS * WIDER), empty(n, TOKENS, 3 * WIDTH)
        self.q, self.k, self.v = (
            _heads(self.qkv[..., :WIDTH]),
            _heads(self.qkv[..., WIDTH:QK]),
            _heads(self.qkv[..., QK:]),
        )
        self.dq, self.dk, self.dv = (_heads(self.dqk[..., i : i + WIDTH]) for i in (0, WIDTH, QK))
        self.s, self.ds = empty(n, HEADS, TOKENS, TOKENS), empty(n, HEADS, TOKENS, TOKENS)
        self.tree = [empty(n, HEADS, size, TOKENS) for size in (16, 8, 4, 2, 1)]
        self.mixed, self.dmixed = empty(n, TOKENS, HEADS, WIDER), empty(n, TOKENS, HEADS, WIDER)
        self.products, self.minus = empty(rows, HEADS * WIDER), empty(rows, HEADS)
        self.blocks = np.kron(np.eye(HEADS), [[-1.0]] * PART + [[0.0]]).astype(dtype)
        self.x2, self.dx = empty(n, TOKENS, WIDTH), empty(n, TOKENS, WIDTH)
        self.h, self.dh, self.on = empty(n, TOKENS, 4 * WIDTH), empty(n, TOKENS, 4 * WIDTH), None
        self.on = np.empty(self.h.shape, bool)
        self.zeros = np.zeros(4096, dtype)
        self.part = np.full((1, TOKENS), 1 / TOKENS, dtype)
        self.mean_h, self.mean_x, self.dmean, self.dmean_h = (
            empty(n, 1, 4 * WIDTH),
            empty(n, 1, WIDTH),
            empty(WIDTH, n),
            empty(n, 4 * WIDTH),
        )
        self.spare, self.sums, self.shares = empty(rows, WIDTH), empty(rows), np.asarray(1 / WIDTH, dtype)
        self.loss, self.ones, self.share = Loss(n, dtype), np.ones(n, dtype), np.asarray(1 / TOKENS, dtype)
        self.dqkv, self.dmlp, self.dout = (
            empty(WIDTH + 1, 3 * WIDTH),
            empty(WIDTH + 1, 4 * WIDTH),
            empty(HEADS * WIDER, WIDTH),
        )

    def __call__(self, x: Any, y: Any) -> float:
        """The sum of the losses; the gradients stay in `grads`, `dqkv`, `dmlp` and `dout`."""
        self._attend(x)
        pooled = self._mlp()
        matmul(self.p["W3"].T, pooled.T, self.loss.scores)
        total = self.loss(self.p["b3"], y)
        self.loss.top_layer(pooled.T, self.p["W3"], (self.grads["W3"], self.grads["b3"], self.dmean))
        self._mlp_back(self.dmean.T)
        self._attend_back()
        return total

    def _attend(self, x: Any) -> None:
        w, s = self.weights, self.s
        self.one(x.reshape(-1, WIDTH))
        matmul(self.one.with_ones.reshape(self.n, TOKENS, -1), w.qkv, self.qkv)
        matmul(self.k, self.q.mT, s)
        self._halving(maximum)
        subtract(s, self.tree[-1], s)
        np.exp(s, s)
        self._halving(add)
        np.divide(1, self.tree[-1], self.tree[-1])
        multiply(s, self.tree[-1], s)
        matmul(s.mT, self.v[..., :PART], _heads(self.mixed)[..., :PART])
        matmul(self.mixed.reshape(self.n, TOKENS, -1), w.out.reshape(-1, WIDTH), self.x2)
        add(self.x2, x, self.x2)

    def _halving(self, ufunc: Any) -> None:
        """Reduce the scores over the keys: the first half with the second, until one is left."""
        a = self.s
        for out in self.tree:
            middle = out.shape[2]
            ufunc(a[:, :, :middle], a[:, :, middle:], out=out)
            a = out

    def _mlp(self) -> Any:
        """The mean over the tokens of the second half of the layer; the mean of ReLU comes before W2."""
        self.two(self.x2.reshape(-1, WIDTH))
        matmul(self.two.with_ones.reshape(self.n, TOKENS, -1), self.weights.mlp, self.h)
        flat = self.h.reshape(-1, len(self.zeros))
        maximum(flat, self.zeros, out=flat)
        matmul(self.part, self.h, self.mean_h)
        matmul(self.part, self.x2, self.mean_x)
        pooled = self.mean_h[:, 0] @ self.p["W2"]
        add(pooled, self.mean_x[:, 0], pooled)
        return add(pooled, self.p["b2"], pooled)

    def _mlp_back(self, dmean: Any) -> None:
        grads, dx, two = self.grads, self.dx, self.two
        rows = dx.reshape(-1, WIDTH)
        matmul(self.ones, dmean, grads["b2"])
        matmul(self.mean_h[:, 0].T, dmean, grads["W2"])
        multiply(dmean, self.share, dmean)
        matmul(dmean, self.weights.w2_back, self.dmean_h)
        greater(self.h, 0, self.on)
        multiply(self.on, self.dmean_h[:, None], self.dh)
        matmul(two.with_ones.T, self.dh.reshape(-1, 4 * WIDTH), self.dmlp)
        matmul(self.dh, self.weights.mlp_back, dx)
        vecdot(rows, two.rows, self.sums)
        multiply(self.sums, self.shares, self.sums)
        multiply(two.rows, self.sums[:, None], self.spare)
        subtract(rows, self.spare, rows)
        multiply(rows, two.factor[:, None], rows)
        add(dx, dmean[:, None], dx)

    def _attend_back(self) -> None:
        mixed, dmixed = self.mixed.reshape(-1, HEADS * WIDER), self.dmixed.reshape(-1, HEADS * WIDER)
        matmul(mixed.T, self.dx.reshape(-1, WIDTH), self.dout)
        matmul(self.dx, self.weights.out_back.reshape(WIDTH, -1), self.dmixed.reshape(self.n, TOKENS, -1))
        multiply(dmixed, mixed, self.products)
        matmul(self.products, self.blocks, self.minus)
        dmixed[:, PART::WIDER] = self.minus
        d = _heads(self.dmixed)
        matmul(self.v, d.mT, self.ds)
        matmul(self.s, d[..., :PART], self.dv)
        multiply(self.ds, self.s, self.ds)
        matmul(self.ds, self.q, self.dk)
        matmul(self.ds.mT, self.k, self.dq)
        matmul(self.one.with_ones.T, self.dqk.reshape(-1, 3 * WIDTH), self.dqkv)


def _heads(a: Any) -> Any:
    """(example, token, head and column) as (example, head, token, column)."""
    return a.reshape(*a.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)
