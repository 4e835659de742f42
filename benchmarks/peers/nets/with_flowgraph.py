"""The step in flowgraph: fg.compile of loss and updates, on NumPy or through Numba; and box by box, in float64."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import flowgraph as fg
from benchmarks.peers.nets.case import Case


class Functions:
    """What the networks call."""

    relu = staticmethod(lambda a: np.maximum(a, 0))
    conv = staticmethod(lambda x, w, padding=0: fg.Conv2d(x, w, padding=padding))
    pool = staticmethod(fg.MaxPool)
    sigmoid = staticmethod(fg.sigmoid)
    tanh = staticmethod(np.tanh)
    sqrt = staticmethod(np.sqrt)
    transpose = staticmethod(np.transpose)
    softmax = staticmethod(fg.softmax)
    zeros = staticmethod(lambda x, units: x[:, 0, :1] * np.zeros(units, x.dtype))
    mean = staticmethod(lambda a, axis, keepdims: np.mean(a, axis, keepdims=keepdims))
    sum = staticmethod(np.sum)
    exp = staticmethod(np.exp)
    softplus = staticmethod(fg.softplus)
    cross_entropy = staticmethod(lambda scores, labels: fg.mean(fg.SoftmaxCrossEntropy(scores, labels)))


class Step:
    """The plan that NumPy runs."""

    options: dict[str, Any] = {}

    def __init__(self, case: Case) -> None:
        self.all, loss, updates = graph_of(case)
        threads = (
            2 if case.name in ("attention", "transformer") and os.environ["OMP_NUM_THREADS"] != "1" else None
        )  # as by hand
        self.has_labels = case.has_labels
        self.step = fg.compile([loss], updates=updates, threads=threads, **self.options)

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        return (self.step(x=x, y=y, lr=rate) if self.has_labels else self.step(x=x, lr=rate))[0]

    def parameters(self) -> list[Any]:
        """As they are now."""
        return [p.value for p in self.all]

    @property
    def source(self) -> str:
        """What ran."""
        return self.step.source


class NativeStep(Step):
    """The same plan as one compiled function."""

    options = {"backend": "numba"}


def graph_of(case: Case) -> tuple[list[fg.Parameter], fg.Box, dict[fg.Parameter, Any]]:
    """The parameters, the loss, and their new values."""
    x, _ = case.data()
    p = {name: fg.Parameter(value, name=name) for name, value in case.parameters().items()}
    examples = fg.Input("x", shape=("N", *x.shape[1:]), dtype=x.dtype)
    labels = fg.Input("y", shape=("N",), dtype=int)
    loss = case.loss(Functions, p, examples, labels)
    rate = fg.Input("lr", shape=(), dtype=case.dtype)
    grads = fg.gradient(loss, list(p.values()))
    return list(p.values()), loss, {one: one - rate * grad for one, grad in zip(p.values(), grads, strict=True)}


def reference(case: Case, steps: int, rate: float) -> tuple[float, list[Any]]:
    """Loss of the last of these steps and the parameters after it: the graph box by box, in float64, without a plan."""
    exact = Case(case.name, "float64")
    parameters, loss, _ = graph_of(exact)
    x, y = case.data()
    value, graph = np.nan, fg.Graph(loss)
    for p, given in zip(parameters, case.parameters().values(), strict=True):
        p.value = given.astype(float)
    for _ in range(steps):
        run = graph.fprop(x=x if x.dtype.kind == "i" else x.astype(float), **({"y": y} if case.has_labels else {}))
        grads = run.bprop()
        value = float(run)
        for p in parameters:
            p.value = p.value - rate * grads[p]
    return value, [p.value for p in parameters]
