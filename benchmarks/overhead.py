"""Overhead per box: time of fprop + bprop on a chain of scalar boxes, divided by the number of boxes.

Peers do the same arithmetic in the same run, in turn, several rounds, the best of each. flowgraph builds its graph once
and runs it many times; micrograd, autograd and torch build it anew in every fprop, as they always do, so the time
to build is also shown for flowgraph.

    python -m benchmarks.overhead
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

BOXES = 600
ROUNDS = 30


def flowgraph_chain() -> tuple[Callable[[], float], int]:
    """fprop and bprop of a graph that stands; boxes are counted as they are: parameter, products and sums."""
    import flowgraph as fg

    w = fg.Parameter(0.5, name="w")
    h = w
    for i in range(BOXES):
        h = h + w if i % 2 else h * w
    graph = fg.Graph(h)
    return lambda: float(graph.fprop().bprop()[w]), len(graph)


def flowgraph_built_anew() -> tuple[Callable[[], float], int]:
    """The same with building and sorting in every call."""

    def call() -> float:
        run, _ = flowgraph_chain()
        return run()

    return call, BOXES + 1


def micrograd_chain() -> tuple[Callable[[], float], int]:
    """micrograd's Value: fprop while it builds, then backward."""
    from micrograd.engine import Value

    def call() -> float:
        w = Value(0.5)
        h = w
        for i in range(BOXES):
            h = h + w if i % 2 else h * w
        h.backward()
        return float(w.grad)

    return call, BOXES + 1


def autograd_chain() -> tuple[Callable[[], float], int]:
    """autograd's grad of a Python function of a float."""
    from autograd import grad

    def chain(w: float) -> float:
        h = w
        for i in range(BOXES):
            h = h + w if i % 2 else h * w
        return h

    slope = grad(chain)
    return lambda: float(slope(0.5)), BOXES + 1


def torch_chain() -> tuple[Callable[[], float], int]:
    """torch, eager, one thread, a 0-d float64 tensor."""
    import torch

    torch.set_num_threads(1)

    def call() -> float:
        w = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        h = w
        for i in range(BOXES):
            h = h + w if i % 2 else h * w
        h.backward()
        return float(w.grad)

    return call, BOXES + 1


CHAINS = {
    "flowgraph": flowgraph_chain,
    "flowgraph, built anew": flowgraph_built_anew,
    "micrograd": micrograd_chain,
    "autograd": autograd_chain,
    "torch": torch_chain,
}


def measure() -> dict[str, float]:
    """Microseconds per box of each, the best of the rounds; who is not installed is left out by name."""
    sys.setrecursionlimit(100_000)
    calls = {}
    for name, chain in CHAINS.items():
        try:
            calls[name] = chain()
        except ImportError as error:
            print(f"{name}: left out ({error})")
    results = {name: call() for name, (call, _) in calls.items()}
    np.testing.assert_allclose(list(results.values()), results["flowgraph"], rtol=1e-12)
    best = dict.fromkeys(calls, np.inf)
    for _ in range(ROUNDS):
        for name, (call, boxes) in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], (time.perf_counter() - start) / boxes * 1e6)
    return best


def main() -> None:
    """Print the table, and the same as JSON."""
    best = measure()
    print(f"fprop + bprop, {BOXES} scalar boxes, best of {ROUNDS} rounds")
    for name, micros in best.items():
        print(f"{name:<24}{micros:8.3f} µs per box   {micros / best['flowgraph']:6.2f} x flowgraph")
    print(json.dumps(best))


if __name__ == "__main__":
    main()
