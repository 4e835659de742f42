"""The step in NumPy by hand, as fast as NumPy alone allows: what a plan has to reach.

What it does that a first version does not: buffers for everything, views kept, results in place; all weights in one
array and all their changes in another, so that decay and update are two calls; -lr / batch folded into the gradient at
the logits, so that every product is a change already; numbers as 0-d arrays of the dtype; the class axis first, where
NumPy reduces fast; what does not fit the cache in pieces that do; at batch 1 no reduction at all.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy import add, exp, multiply, reciprocal, square, subtract, tanh

from benchmarks.peers.mlp.case import DECAY, Case

PIECE = 1 << 16
WHOLE = 1 << 19


class Step:
    """Parameters, buffers and views of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        n, widths, dtype = case.batch, case.widths, case.dtype
        weights, biases = case.parameters()
        self.all = np.concatenate([p.ravel() for p in weights + biases])
        self.changes = np.empty_like(self.all)
        shapes = [p.shape for p in weights + biases]
        views, dviews = _views(self.all, shapes), _views(self.changes, shapes)
        self.weights, self.biases = views[: len(weights)], views[len(weights) :]
        self.dweights, self.dbiases = dviews[: len(weights)], dviews[len(weights) :]
        count = sum(w.size for w in weights)
        size = PIECE if self.all.size > WHOLE else self.all.size
        bounds = [*range(0, count, size), count] if size < count else [0, count]
        self.pieces = [(self.all[i:j], self.changes[i:j]) for i, j in pairwise(bounds)]
        self.bias_piece = self.all[count:], self.changes[count:]
        self.whole = (self.all[:count], self.all, self.changes) if len(self.pieces) == 1 else None
        self.h = [np.empty((n, m), dtype) for m in widths[1:-1]]
        self.spare = np.empty(n * max(widths[1:-1]), dtype)
        self.one, self.decay, self.scale = (np.ones((), dtype) for _ in range(3))
        self.ones = np.ones(n, dtype)
        self.rate = 0.0
        self._prepare_hidden(n)
        self._prepare_top(n, dtype)

    def _prepare_hidden(self, n: int) -> None:
        self.up, self.down = [], []
        for i, h in enumerate(self.h):
            b = self.biases[i].reshape(1, -1) if n == 1 else self.biases[i]
            rows = max(1, PIECE // h.shape[1]) if h.size > WHOLE else n
            pieces = [h[j : j + rows] for j in range(0, n, rows)]
            self.up.append((self.weights[i], b, h, pieces))
            grad = self.dbiases[i].reshape(1, -1) if n == 1 else self.spare[: h.size].reshape(h.shape)
            below = self.h[i - 1].T if i else None
            slopes = [(grad[j : j + rows], h[j : j + rows]) for j in range(0, n, rows)]
            self.down.append((self.weights[i + 1].T, grad, slopes, h, below, self.dweights[i], self.dbiases[i]))
        self.down.reverse()

    def _prepare_top(self, n: int, dtype: str) -> None:
        m = self.case.widths[-1]
        self.logits = self.dbiases[-1].reshape(1, m) if n == 1 else np.empty((n, m), dtype)
        self.by_class = np.empty((m, n), dtype)
        self.by_class_flat, self.by_class_rows = self.by_class.ravel(), self.by_class.T
        self.peak, self.total, self.picked = (np.empty(n, dtype) for _ in range(3))
        self.column = self.biases[-1].reshape(m, 1)
        self.row = self.biases[-1].reshape(1, m)
        self.places, self.index = np.arange(n), np.empty(n, np.intp)
        self.top_views = self.h[-1].T, self.weights[-1].T

    def __call__(self, x: Any, y: Any, rate: float) -> float:
        """One step; the loss before it."""
        if rate != self.rate:
            self.decay[...] = 1 - 2 * rate * DECAY
            self.rate = rate
        h = x
        for w, b, a, pieces in self.up:
            h.dot(w, a)
            for piece in pieces:
                add(piece, b, piece)
                tanh(piece, piece)
            h = a
        loss, grad = self._one(h, y, rate) if len(x) == 1 else self._many(h, y, rate)
        grad = self._hidden(grad, x)
        return loss + DECAY * self._update()

    def _one(self, h: Any, y: Any, rate: float) -> tuple[float, Any]:
        z, label = self.logits, y.item()
        row = z[0]
        h.dot(self.weights[-1], z)
        add(z, self.row, z)
        self.scale[...] = row[row.argmax()]
        subtract(z, self.scale, z)
        picked = row.item(label)
        exp(z, z)
        total = sum(row.tolist())
        self.scale[...] = -rate / total
        multiply(z, self.scale, z)
        row[label] += rate
        self.top_views[0].dot(z, self.dweights[-1])
        return math.log(total) - picked, z

    def _many(self, h: Any, y: Any, rate: float) -> tuple[float, Any]:
        z, n, total = self.by_class, len(y), self.total
        hT, wT = self.top_views
        if n <= 128:
            wT.dot(hT, z)
        else:
            h.dot(self.weights[-1], self.logits)
            z[...] = self.logits.T
        add(z, self.column, z)
        np.maximum.reduce(z, 0, None, self.peak)
        subtract(z, self.peak, z)
        multiply(y, n, self.index)
        add(self.index, self.places, self.index)
        self.by_class_flat.take(self.index, 0, self.picked, "clip")
        exp(z, z)
        add.reduce(z, 0, None, total)
        loss = float(np.log(total).dot(self.ones) - self.picked.dot(self.ones)) / n
        reciprocal(total, total)
        self.scale[...] = -rate / n
        multiply(total, self.scale, total)
        multiply(z, total, z)
        self.by_class_flat[self.index] += rate / n
        grad = self.by_class_rows
        hT.dot(grad, self.dweights[-1])
        z.dot(self.ones, self.dbiases[-1])
        return loss, grad

    def _hidden(self, above: Any, x: Any) -> None:
        one, alone = self.one, len(x) == 1
        for wT, grad, slopes, h, below, dw, db in self.down:
            above.dot(wT, grad)
            for g, a in slopes:
                square(a, a)
                subtract(one, a, a)
                multiply(g, a, g if alone else a)
            above = grad if alone else h
            (x.T if below is None else below).dot(above, dw)
            if not alone:
                self.ones.dot(above, db)

    def _update(self) -> float:
        """Decay and change; the sum of squares of the weights before."""
        decay, squares = self.decay, 0.0
        if self.whole:
            w, everything, changes = self.whole
            squares = float(w.dot(w))
            multiply(w, decay, w)
            add(everything, changes, everything)
            return squares
        for w, dw in self.pieces:
            squares += float(w.dot(w))
            multiply(w, decay, w)
            add(w, dw, w)
        add(*self.bias_piece, self.bias_piece[0])
        return squares

    def parameters(self) -> list[Any]:
        """Weights, then biases, as they are now."""
        return [*self.weights, *self.biases]


def _views(flat: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    starts = [0, *ends[:-1]]
    return [flat[i:j].reshape(shape) for i, j, shape in zip(starts, ends, shapes, strict=True)]
