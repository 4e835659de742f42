"""The embedding by hand: only the vectors of the words in the batch are read and changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import add, matmul, multiply, subtract

from benchmarks.peers.nets.case import BATCH, LENGTH, WIDTH, Case
from benchmarks.peers.nets.halves import Loss


class Step:
    """Both copies of the table that all-or-nothing needs: the other one first gets the rows of the last step."""

    def __init__(self, case: Case) -> None:
        given = case.parameters()
        dtype = given["E"].dtype
        self.tables = [given["E"], given["E"].copy()]
        self.w, self.b = given["W"], given["b"]
        self.touched = np.zeros(0, np.intp)
        self.vectors = np.empty((BATCH, LENGTH, WIDTH), dtype)
        self.mean, self.dmean = np.empty((BATCH, WIDTH), dtype), np.empty((WIDTH, BATCH), dtype)
        self.dw, self.db = np.empty_like(self.w), np.empty_like(self.b)
        self.part, self.loss = np.asarray(1 / LENGTH, dtype), Loss(BATCH, dtype)
        self.first = np.empty(BATCH * LENGTH, bool)
        self.first[0] = True

    def __call__(self, x: Any, y: Any, rate: float) -> float:
        """One step; the loss before it."""
        table, other = self.tables
        other[self.touched] = table[self.touched]
        words = x.ravel()
        table.take(words, 0, self.vectors.reshape(-1, WIDTH), "clip")
        add.reduce(self.vectors, 1, None, self.mean)
        multiply(self.mean, self.part, self.mean)
        h = self.mean.T
        matmul(self.w.T, h, self.loss.scores)
        total = self.loss(self.b, y)
        self.loss.top_layer(h, self.w, (self.dw, self.db, self.dmean))
        multiply(self.dmean, self.part * self.part.dtype.type(rate), self.dmean)
        self.touched, changes = self._changes(words)
        other[self.touched] = table[self.touched] - changes
        self.tables.reverse()
        subtract(self.w, self.dw * rate, self.w)
        subtract(self.b, self.db * rate, self.b)
        return total / BATCH

    def _changes(self, words: Any) -> tuple[Any, Any]:
        """The words of the batch, each once, and what their vectors lose."""
        order = words.argsort(kind="stable")
        ranked = words[order]
        np.not_equal(ranked[1:], ranked[:-1], self.first[1:])
        starts = self.first.nonzero()[0]
        rows = self.dmean.T[order // LENGTH]
        if len(starts) == len(words):
            return ranked, rows
        again = (~self.first).nonzero()[0]
        changes = rows[starts]
        add.at(changes, np.cumsum(self.first)[again] - 1, rows[again])
        return ranked[starts], changes

    def parameters(self) -> list[Any]:
        """As they are now."""
        return [self.tables[0], self.w, self.b]
