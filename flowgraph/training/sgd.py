"""Minibatch stochastic gradient descent: the training loop of the lecture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.errors import FeedError, UsageError
from flowgraph.graph import Graph


def sgd(
    objective: Box,
    examples: Mapping[Any, Any],
    *,
    epochs: int,
    batch_size: int = 32,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    seed: int = 0,
    on_epoch: Callable[[int, float], Any] | None = None,
) -> list[float]:
    """Minimise a scalar box over its parameters, and return its mean over each epoch.

    `examples` gives each input, by box or by name, an array whose first axis counts the examples. In every epoch
    each example is used once, in an order that `seed` fixes; the last batch may be smaller, and counts by its size in
    the mean. Each step changes every parameter by its velocity v: v becomes momentum · v − learning_rate · gradient.
    `on_epoch(epoch, mean)` is called after each epoch, from epoch 1 on.

    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.training import sgd
    >>> x, w = fg.Input("x", shape=("N",)), fg.Parameter(0.0, name="w")
    >>> means = sgd(fg.mean((x - w) ** 2), {x: np.arange(10.0)}, epochs=50, batch_size=10)
    >>> round(float(w.value), 2)
    4.5

    Source: Larochelle, Training neural networks, "stochastic gradient descent".
    """
    graph = Graph(objective)
    if not graph.parameters:
        raise UsageError("sgd: the objective depends on no parameter, so there is nothing to train")
    feeds = {graph.box(key): np.asarray(value) for key, value in examples.items()}
    count = _count(graph, feeds)
    generator = np.random.default_rng(seed)
    velocities = {parameter: np.zeros_like(parameter.value) for parameter in graph.parameters}
    means = []
    for epoch in range(1, epochs + 1):
        total = 0.0
        for batch in batches(count, batch_size, generator):
            run = graph.fprop({box: array[batch] for box, array in feeds.items()}, seed=int(generator.integers(2**32)))
            grads = run.bprop()
            for parameter, velocity in velocities.items():
                velocity *= momentum
                velocity -= learning_rate * grads[parameter]
                parameter.value = parameter.value + velocity
            total += float(run) * len(batch)
        means.append(total / count)
        if on_epoch is not None:
            on_epoch(epoch, means[-1])
    return means


def batches(count: int, batch_size: int, generator: np.random.Generator) -> Iterator[Array]:
    """The numbers 0 to count - 1 in a random order, in batches; the last one holds what is left."""
    if batch_size < 1:
        raise UsageError(f"sgd: found batch_size={batch_size}, needs 1 or more")
    order = generator.permutation(count)
    for start in range(0, count, batch_size):
        yield order[start : start + batch_size]


def _count(graph: Graph, feeds: Mapping[Box, Array]) -> int:
    """The number of examples, the same for every input."""
    lengths = {graph.names[box]: len(array) if array.ndim else 0 for box, array in feeds.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        found = ", ".join(f"{length} in {name!r}" for name, length in lengths.items()) or "none"
        raise FeedError(f"sgd: found {found}; needs the same number of examples, 1 or more, for every input")
    return next(iter(lengths.values()))
