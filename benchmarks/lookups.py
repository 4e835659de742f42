"""A training step of a table of words: 10,000 rows of 64 numbers, 8 words an example, their mean, a linear layer.

A batch of 64 examples looks up 5 % of the rows, and gradient descent changes no other. A plan, the same plan over all
rows, and PyTorch with `sparse=True` and without make the same steps in turn; the tables are compared first.

    python -m benchmarks lookups
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROWS, WIDTH, WORDS, CLASSES, BATCH = 10_000, 64, 8, 10, 64
RATE, ROUNDS, STEPS = 0.1, 60, 20

Step = Callable[[Any, Any], Any]


def values(seed: int = 0) -> dict[str, Any]:
    """The parameters at the start."""
    rng = np.random.default_rng(seed)
    shapes = {"table": (ROWS, WIDTH), "W": (WIDTH, CLASSES), "b": (CLASSES,)}
    return {name: (0.1 * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}


def of_flowgraph(without: tuple[str, ...] = ()) -> tuple[Step, Callable[[], Any]]:
    """The step of a plan, and what tells the table."""
    import flowgraph as fg

    table, W, b = (fg.Parameter(value, name=name) for name, value in values().items())
    x, y = fg.Input("x", shape=("N", WORDS), dtype=int), fg.Input("y", shape=("N",), dtype=int)
    loss = fg.mean(fg.SoftmaxCrossEntropy(np.mean(table[x], axis=1) @ W + b, y))
    slopes = fg.gradient(loss, [table, W, b])
    updates = {p: p - np.float32(RATE) * slope for p, slope in zip((table, W, b), slopes, strict=True)}
    step = fg.compile([loss], updates=updates, without=list(without))
    return (lambda X, Y: step(x=X, y=Y)[0]), lambda: table.value


def of_torch(sparse: bool) -> tuple[Step, Callable[[], Any]]:
    """The step of PyTorch, and what tells the table."""
    import torch

    start = {name: torch.tensor(value) for name, value in values().items()}
    table = torch.nn.Embedding(ROWS, WIDTH, sparse=sparse, _weight=start["table"])
    W, b = start["W"].requires_grad_(), start["b"].requires_grad_()
    optimiser = torch.optim.SGD([table.weight, W, b], lr=RATE)

    def step(X: Any, Y: Any) -> Any:
        scores = table(torch.from_numpy(X)).mean(1) @ W + b
        loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(Y))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return loss.item()

    return step, lambda: table.weight.detach().numpy()


def main() -> None:
    """Print the microseconds of a step of each, the least of many rounds in turn."""
    made = {"plan": of_flowgraph(), "plan over all rows": of_flowgraph(("sparse_rows",))}
    try:
        made |= {"PyTorch, sparse": of_torch(True), "PyTorch": of_torch(False)}
    except ImportError as error:
        print(f"PyTorch: left out ({error})")
    rng = np.random.default_rng(1)
    batches = [(rng.integers(0, ROWS, (BATCH, WORDS)), rng.integers(0, CLASSES, BATCH)) for _ in range(STEPS)]
    for step, _ in made.values():
        for X, Y in batches:
            step(X, Y)
    tables = [table() for _, table in made.values()]
    for other in tables[1:]:
        np.testing.assert_allclose(other, tables[0], rtol=1e-4, atol=1e-6)
    best = dict.fromkeys(made, np.inf)
    for _ in range(ROUNDS):
        for name, (step, _) in made.items():
            start = time.perf_counter()
            for X, Y in batches:
                step(X, Y)
            best[name] = min(best[name], (time.perf_counter() - start) / STEPS * 1e6)
    for name, micros in best.items():
        print(f"{name:<20} {micros:8.1f} µs   {micros / best['plan']:5.2f} times the plan")
    print(json.dumps(best))


if __name__ == "__main__":
    main()
