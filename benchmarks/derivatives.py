"""Derivatives against autograd and JAX: the gradient of a traced function on small arrays, the Hessian of an MLP.

Peers compute the same numbers in the same run, in turn, several rounds, the best of each.

    python -m benchmarks.derivatives
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

SIZES, BATCH = (64, 16, 10), 32
ROUNDS = 30

rng = np.random.default_rng(0)


def weights(sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Matrices and vectors of an MLP."""
    drawn: list[np.ndarray] = []
    for rows, columns in pairwise(sizes):
        drawn += [rng.normal(size=(rows, columns)) / rows**0.5, rng.normal(size=columns) / 9]
    return drawn


def loss(library: Any) -> Callable[..., Any]:
    """The loss of an MLP with one hidden layer, in the functions of a library that speaks NumPy."""

    def mean_loss(parameters: Any, x: Any, targets: Any) -> Any:
        W1, b1, W2, b2 = parameters
        scores = library.tanh(x @ W1 + b1) @ W2 + b2
        low = scores - library.max(scores, axis=1, keepdims=True)
        log_f = low - library.log(library.sum(library.exp(low), axis=1, keepdims=True))
        return -library.mean(library.sum(targets * log_f, axis=1))

    return mean_loss


def best_of(calls: dict[str, Callable[[], Any]], rounds: int, repeats: int) -> dict[str, float]:
    """Seconds per call, the best round of each; the first results are compared."""
    results = {name: np.concatenate([np.ravel(part) for part in call()]) for name, call in calls.items()}
    for found in results.values():
        np.testing.assert_allclose(found, results["flowgraph"], rtol=1e-6, atol=1e-8)
    best = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(repeats):
                call()
            best[name] = min(best[name], (time.perf_counter() - start) / repeats)
    return best


def gradient_calls(sizes: tuple[int, ...], batch: int) -> dict[str, Callable[[], Any]]:
    """The gradient of the loss by all parameters."""
    from flowgraph import functional

    parameters, x = weights(sizes), rng.normal(size=(batch, sizes[0]))
    targets = np.eye(sizes[-1])[rng.integers(0, sizes[-1], batch)]
    slope = functional.grad(loss(np))
    calls: dict[str, Callable[[], Any]] = {"flowgraph": lambda: slope(parameters, x, targets)}
    try:
        import autograd
        import autograd.numpy

        autograd_slope = autograd.grad(loss(autograd.numpy))
        calls["autograd"] = lambda: autograd_slope(parameters, x, targets)
    except ImportError as error:
        print(f"autograd: left out ({error})")
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        jax_slope = jax.jit(jax.grad(loss(jax.numpy)))
        calls["jax, jitted"] = lambda: jax.block_until_ready(jax_slope(parameters, x, targets))
    except ImportError as error:
        print(f"jax: left out ({error})")
    return calls


def hessian_calls() -> dict[str, Callable[[], Any]]:
    """All second derivatives of the loss, by pairs of parameters; and as one matrix from the flow graph."""
    import flowgraph as fg
    from flowgraph import functional

    parameters, x = weights(SIZES), rng.normal(size=(BATCH, SIZES[0]))
    targets = np.eye(SIZES[-1])[rng.integers(0, SIZES[-1], BATCH)]
    curvature = functional.hessian(loss(np))
    boxes = [fg.Parameter(p, name=name) for p, name in zip(parameters, ("W1", "b1", "W2", "b2"), strict=True)]
    matrix = fg.hessian(loss(np)(boxes, x, targets), boxes)
    graph = fg.Graph(matrix)
    whole = graph.fprop(keep="outputs")[matrix]
    assert np.allclose(whole, whole.T)
    calls: dict[str, Callable[[], Any]] = {
        "flowgraph": lambda: [block for line in curvature(parameters, x, targets) for block in line],
    }
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        jax_curvature = jax.jit(jax.hessian(loss(jax.numpy)))

        def jax_blocks() -> Any:
            found = jax.block_until_ready(jax_curvature(parameters, x, targets))
            return [block for line in found for block in line]

        calls["jax, jitted"] = jax_blocks
    except ImportError as error:
        print(f"jax: left out ({error})")
    return calls


def report(title: str, best: dict[str, float]) -> None:
    """A line per peer, as ratios to flowgraph."""
    print(title)
    for name, seconds in best.items():
        print(f"  {name:<14}{seconds * 1e6:12.1f} µs   {seconds / best['flowgraph']:6.2f} x flowgraph")


def main() -> None:
    """Print the tables, and the same as JSON."""
    found = {}
    for sizes, batch in (((4, 5, 3), 2), (SIZES, BATCH)):
        title = f"gradient of an MLP {'-'.join(map(str, sizes))}, batch {batch}"
        found[title] = best_of(gradient_calls(sizes, batch), ROUNDS, 20)
        report(title, found[title])
    title = f"exact Hessian of an MLP {'-'.join(map(str, SIZES))}, batch {BATCH}"
    found[title] = best_of(hessian_calls(), 6, 1)
    report(title, found[title])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
