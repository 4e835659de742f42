"""The LSTM by hand: rows [state; input; 1] in one product a step, one tanh for all gates, all weights at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import add, copyto, matmul, multiply, subtract, tanh

from benchmarks.peers.nets.case import FEATURES, STEPS, UNITS, Case
from benchmarks.peers.nets.halves import Flat, Halves, Loss

ORDER = (3, 0, 1, 2)
"""The gates as they are computed, of those in the order of the parameters: the three sigmoids are adjacent."""

_INPUTS = UNITS + FEATURES + 1


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
        """Gradients of the rows [state; input; 1] become those of the three parameters."""
        rows = sum(half.drows for half in self.halves).reshape(4, UNITS, _INPUTS)
        U, W, b = (grads[name].reshape(-1, 4, UNITS) for name in ("U", "W", "b"))
        for new, old in enumerate(ORDER):
            copyto(U[:, old], rows[new, :, :UNITS].T)
            copyto(W[:, old], rows[new, :, UNITS:-1].T)
            copyto(b[0, old], rows[new, :, -1])


class Weights:
    """All weights of a step in the rows of one matrix; those of sigmoids halved, since σ(z) = (tanh(z / 2) + 1) / 2."""

    def __init__(self, dtype: str) -> None:
        self.forward = np.empty((4 * UNITS, _INPUTS), dtype)
        self.backward = np.empty((UNITS, 4 * UNITS), dtype)
        self.half = np.asarray(0.5, dtype)

    def read(self, p: Flat) -> None:
        """Copy the parameters as they are now."""
        rows, columns = self.forward.reshape(4, UNITS, _INPUTS), self.backward.reshape(UNITS, 4, UNITS)
        U, W, b = (p[name].reshape(-1, 4, UNITS) for name in ("U", "W", "b"))
        for new, old in enumerate(ORDER):
            copyto(rows[new, :, :UNITS], U[:, old].T)
            copyto(rows[new, :, UNITS:-1], W[:, old].T)
            copyto(rows[new, :, -1], b[0, old])
            copyto(columns[:, new], U[:, old])
        multiply(self.forward[: 3 * UNITS], self.half, self.forward[: 3 * UNITS])


class Half:
    """Buffers of half of the batch, examples last."""

    def __init__(self, weights: Weights, p: Flat, grads: Flat, n: int) -> None:
        dtype = p.flat.dtype

        def zeros(*shape: int) -> Any:
            return np.zeros(shape, dtype)

        self.weights, self.p, self.grads, self.n = weights, p, grads, n
        self.inputs = zeros(_INPUTS, STEPS + 1, n)
        self.inputs[-1] = 1
        self.rows = zeros(_INPUTS, STEPS * n)
        self.z, self.slopes = zeros(STEPS, 4, UNITS, n), zeros(STEPS, 4, UNITS, n)
        self.c, self.tanh_c, self.of_h = zeros(STEPS + 1, UNITS, n), zeros(STEPS, UNITS, n), zeros(STEPS, UNITS, n)
        self.dz = zeros(4, UNITS, STEPS, n)
        self.dh, self.dc, self.spare = zeros(UNITS, n), zeros(UNITS, n), zeros(UNITS, n)
        self.drows = zeros(4 * UNITS, _INPUTS)
        self.loss, self.one = Loss(n, dtype), np.ones((), dtype)

    def __call__(self, x: Any, y: Any) -> float:
        """The sum of the losses; the gradients stay in `grads` and `drows`."""
        copyto(self.inputs[UNITS:-1, :STEPS], x.transpose(2, 1, 0))
        self._forward()
        h, w = self.inputs[:UNITS, STEPS], self.p["V"]
        matmul(w.T, h, self.loss.scores)
        total = self.loss(self.p["v"], y)
        self.loss.top_layer(h, w, (self.grads["V"], self.grads["v"], self.dh))
        self._backward()
        copyto(self.rows.reshape(_INPUTS, STEPS, self.n), self.inputs[:, :STEPS])
        matmul(self.dz.reshape(4 * UNITS, -1), self.rows.T, self.drows)
        return total

    def _forward(self) -> None:
        w, half, spare = self.weights.forward, self.weights.half, self.spare
        for t in range(STEPS):
            z = self.z[t]
            o, i, f, g = z
            flat = z.reshape(4 * UNITS, self.n)
            matmul(w, self.inputs[:, t], flat)
            tanh(flat, flat)
            sigmoids = z[:3]
            multiply(sigmoids, half, sigmoids)
            add(sigmoids, half, sigmoids)
            c = self.c[t + 1]
            multiply(f, self.c[t], c)
            multiply(i, g, spare)
            add(c, spare, c)
            tanh(c, self.tanh_c[t])
            multiply(o, self.tanh_c[t], self.inputs[:UNITS, t + 1])

    def _slopes(self) -> None:
        """All local derivatives of all steps at once."""
        z, s, one = self.z, self.slopes, self.one
        o, i, f, g = (s[:, k] for k in range(4))
        subtract(one, z[:, :3], s[:, :3])
        multiply(s[:, :3], z[:, :3], s[:, :3])
        multiply(z[:, 3], z[:, 3], g)
        subtract(one, g, g)
        multiply(i, z[:, 3], i)
        multiply(f, self.c[:STEPS], f)
        multiply(g, z[:, 1], g)
        multiply(o, self.tanh_c, o)
        multiply(self.tanh_c, self.tanh_c, self.of_h)
        subtract(one, self.of_h, self.of_h)
        multiply(self.of_h, z[:, 0], self.of_h)

    def _backward(self) -> None:
        self._slopes()
        w, dh, dc, spare = self.weights.backward, self.dh, self.dc, self.spare
        dc[...] = 0
        steps = self.dz.reshape(4 * UNITS, STEPS, self.n)
        for t in reversed(range(STEPS)):
            s, dz = self.slopes[t], self.dz[:, :, t]
            multiply(dh, self.of_h[t], spare)
            add(dc, spare, dc)
            multiply(s[1:], dc, dz[1:])
            multiply(dh, s[0], dz[0])
            multiply(dc, self.z[t, 2], dc)
            matmul(w, steps[:, t], dh)
