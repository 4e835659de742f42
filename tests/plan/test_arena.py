"""What a plan keeps in memory: its arena and its parameters, whatever was made to find out how values lie in it."""

import gc
import tracemalloc

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan import arena

FEW, MANY = 64, 4096


def kept_bytes(build, count):
    """Bytes that compiling a plan for so many examples leaves behind, and the bytes of its arena."""
    step, feeds = build(count)
    gc.collect()
    tracemalloc.start()
    step.prepare(**feeds)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept, step.bytes


def views(count):
    """Views of views of values in memory of the plan, one of which cannot be a view and is copied."""
    x, w = fg.Input("x", shape=("N", 8, 4)), fg.Parameter(np.ones((4, 4)), name="w")
    h = np.tanh(x @ w)
    turned = h.transpose(1, 0, 2)
    loss = fg.mean((turned.reshape(-1, 2) * 2.0) ** 2) + fg.mean(np.exp(turned[1:3].reshape(2, -1)))
    (grad,) = fg.gradient(loss, [w])
    return fg.compile([loss], updates={w: w - 0.1 * grad}), {"x": np.ones((count, 8, 4))}


def convolutions(count):
    """Values with the examples last."""
    x, w = fg.Input("x", shape=("N", 1, 6, 6)), fg.Parameter(np.ones((2, 1, 3, 3)), name="w")
    h = fg.MaxPool(np.maximum(fg.Conv2d(x, w), 0))
    loss = fg.mean(h.reshape(-1, 8) ** 2)
    (grad,) = fg.gradient(loss, [w])
    return fg.compile([loss], updates={w: w - 0.1 * grad}), {"x": np.ones((count, 1, 6, 6))}


@pytest.mark.parametrize("build", [views, convolutions])
def test_a_plan_keeps_no_array_beside_its_arena(build):
    """Arrays by which kinds are found out were kept: 19 MB beside the 10 MB of attention."""
    kept_bytes(build, FEW)  # what is imported and kept once
    few, many = kept_bytes(build, FEW), kept_bytes(build, MANY)
    grown = many[1] - few[1]
    assert grown > 100_000
    # A view that would have to be copied may have a constant index or two of its own.
    assert many[0] - few[0] < 1.1 * grown


def test_free_memory_is_returned_where_much_was_freed(monkeypatch):
    called = []
    monkeypatch.setattr("flowgraph.plan.store.return_free_memory", lambda: called.append(True))
    for size, expected in ((2, []), (400, [True])):
        w = fg.Parameter(np.ones((size, size)), name="w")
        step = fg.compile([fg.sum(w)], updates={w: 0.5 * w})
        for _ in range(3):
            step()
        assert called == expected, "once, where the parameter's own array went"


def test_another_c_library_returns_nothing_by_this(monkeypatch):
    arena.return_free_memory()
    arena._trim.cache_clear()
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    try:
        arena.return_free_memory()
        assert arena._trim() is None
    finally:
        arena._trim.cache_clear()
