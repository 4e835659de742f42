"""A call of NumPy on boxes held against the same call on arrays: value, gradient, gradient graph, every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import flowgraph as fg


def listed(results: Any) -> list[Any]:
    """The results of a call, one or several."""
    return list(results) if isinstance(results, tuple | list) else [results]


def assert_multilinear_as_numpy(function: Callable[..., Any], *arrays: np.ndarray) -> None:
    """What `function` gives on boxes is what it gives on arrays, and its gradients are its transpose.

    The function must be linear in each argument: then <g, f(.., v, ..)> = <gradient, v> for every v, exactly.
    """
    rng = np.random.default_rng(0)
    boxes = [fg.Parameter(a) for a in arrays]
    results, needed = listed(function(*boxes)), listed(function(*arrays))
    assert len(results) == len(needed)
    with fg.debug():
        run = fg.Graph(*results).fprop()
    for box, value in zip(results, needed, strict=True):
        assert box.shape == np.shape(value)
        np.testing.assert_allclose(run[box], value, rtol=1e-12, atol=1e-12, strict=False)
    seeds = [rng.normal(size=np.shape(value)) for value in needed]
    with fg.debug():
        grads = run.bprop(seeds[0] if len(seeds) == 1 else seeds, unused="zeros")
    total = sum((np.sum(box * seed) for box, seed in zip(results, seeds, strict=True)), start=np.zeros(()))
    built = fg.gradient(total, boxes)
    again = fg.Graph(*built).fprop()
    for i, (box, graph) in enumerate(zip(boxes, built, strict=True)):
        assert grads[box].shape == box.shape
        np.testing.assert_allclose(again[graph], grads[box], rtol=1e-10, atol=1e-10)
        direction = rng.normal(size=box.shape)
        moved = listed(function(*(direction if j == i else a for j, a in enumerate(arrays))))
        slope = sum(np.sum(seed * value) for seed, value in zip(seeds, moved, strict=True))
        np.testing.assert_allclose(np.sum(grads[box] * direction), slope, rtol=1e-9, atol=1e-9)


def assert_every_batch(function: Callable[..., Any], *shapes: tuple[Any, ...], batches: Any = (0, 1, 7)) -> list[Any]:
    """Built once at N (and M), the call serves every batch that NumPy takes; its gradient graph too."""
    inputs = [fg.Input(f"x{i}", shape=shape) for i, shape in enumerate(shapes)]
    results = listed(function(*inputs))
    total = sum((np.sum(box * box) for box in results), start=np.zeros(()))
    graph, backwards = fg.Graph(total, *results), fg.Graph(*fg.gradient(total, inputs))
    rng = np.random.default_rng(1)
    for number in batches:
        sizes = {"N": number, "M": 3}
        arrays = {f"x{i}": rng.normal(size=[sizes.get(size, size) for size in shape]) for i, shape in enumerate(shapes)}
        needed = listed(function(*arrays.values()))
        with fg.debug():
            run = graph.fprop(**arrays)
            grads = run.bprop(grad=(1.0, *(np.zeros(np.shape(value)) for value in needed)), wrt=inputs)
            again = backwards.fprop({name: a for name, a in arrays.items() if name in backwards})
        for box, value in zip(results, needed, strict=True):
            np.testing.assert_allclose(run[box], value, rtol=1e-12, atol=1e-12)
        for box, built in zip(inputs, backwards.outputs, strict=True):
            np.testing.assert_allclose(again[built], grads[box], rtol=1e-10, atol=1e-10)
    return [box.shape for box in results]
