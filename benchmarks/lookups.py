"""A training step of a table of words: 10,000 rows of 64 numbers, 8 words an example, their mean, a linear layer.

A batch of 64 examples looks up 5 % of the rows. Gradient descent and Adagrad change no other, momentum and Adam none
with `lazy=True`. Plans, the same plans over all rows, and PyTorch with `sparse=True` and without make the same steps in
turn, after their tables have been compared. The seconds are those of the processor, which other programs do not
lengthen. PyTorch has one thread: of two it would count the waiting too.

    python -m benchmarks lookups
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROWS, WIDTH, WORDS, CLASSES, BATCH = 10_000, 64, 8, 10, 64
RATE, ROUNDS, STEPS = 0.01, 30, 20
EPSILON = 1e-12
"""So small that it does not matter where Adam adds it, which PyTorch does elsewhere than in the dense rule."""

Step = Callable[[Any, Any], Any]


def values(seed: int = 0) -> dict[str, Any]:
    """The parameters at the start."""
    rng = np.random.default_rng(seed)
    shapes = {"table": (ROWS, WIDTH), "W": (WIDTH, CLASSES), "b": (CLASSES,)}
    return {name: (0.1 * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}


def of_flowgraph(rule: Any, without: tuple[str, ...] = ()) -> tuple[Step, Callable[[], Any]]:
    """The step of a plan, and what tells the table."""
    import flowgraph as fg

    table, W, b = (fg.Parameter(value, name=name) for name, value in values().items())
    x, y = fg.Input("x", shape=("N", WORDS), dtype=int), fg.Input("y", shape=("N",), dtype=int)
    loss = fg.mean(fg.SoftmaxCrossEntropy(np.mean(table[x], axis=1) @ W + b, y))
    slopes = dict(zip((table, W, b), fg.gradient(loss, [table, W, b]), strict=True))
    step = fg.compile([loss], rule.updates(slopes, fg.Constant(np.float32(RATE))), without=list(without))
    return (lambda X, Y: step(x=X, y=Y)[0]), lambda: table.value


def of_torch(make: Callable[[list[Any], list[Any]], list[Any]], sparse: bool) -> tuple[Step, Callable[[], Any]]:
    """The step of PyTorch, and what tells the table; `make` gives the optimisers of the table and of the rest."""
    import torch

    torch.set_num_threads(1)
    torch.sparse.check_sparse_tensor_invariants.disable()  # which is the default, and warns if it is not said
    start = {name: torch.tensor(value) for name, value in values().items()}
    table = torch.nn.Embedding(ROWS, WIDTH, sparse=sparse, _weight=start["table"])
    W, b = start["W"].requires_grad_(), start["b"].requires_grad_()
    optimisers = make([table.weight], [W, b])

    def step(X: Any, Y: Any) -> Any:
        scores = table(torch.from_numpy(X)).mean(1) @ W + b
        loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(Y))
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
        return loss.item()

    return step, lambda: table.weight.detach().numpy()


def contenders() -> dict[str, dict[str, tuple[Step, Callable[[], Any]]]]:
    """By rule the plan, and what else computes the same step; PyTorch where it is installed."""
    import flowgraph as fg

    adam: dict[str, Any] = {"epsilon": EPSILON}
    rules = {"SGD": fg.SGD(), "Adagrad": fg.Adagrad(), "Momentum, lazy": fg.Momentum(lazy=True),
             "Adam, lazy": fg.Adam(lazy=True, **adam), "Adam": fg.Adam(**adam)}  # fmt: skip
    made = {name: {"plan": of_flowgraph(rule)} for name, rule in rules.items()}
    made["SGD"]["plan over all rows"] = of_flowgraph(rules["SGD"], ("sparse_rows",))
    try:
        import torch.optim as peers
    except ImportError as error:
        print(f"PyTorch: left out ({error})")
        return made
    made["SGD"]["PyTorch, sparse"] = of_torch(lambda t, r: [peers.SGD(t + r, lr=RATE)], True)
    made["SGD"]["PyTorch"] = of_torch(lambda t, r: [peers.SGD(t + r, lr=RATE)], False)
    made["Adagrad"]["PyTorch, sparse"] = of_torch(lambda t, r: [peers.Adagrad(t + r, lr=RATE)], True)
    made["Adam, lazy"]["PyTorch, SparseAdam"] = of_torch(
        lambda t, r: [peers.SparseAdam(t, lr=RATE, eps=EPSILON), peers.Adam(r, lr=RATE, eps=EPSILON)], True
    )
    made["Adam"]["PyTorch"] = of_torch(lambda t, r: [peers.Adam(t + r, lr=RATE, eps=EPSILON)], False)
    return made


def measure(step: Step, batches: list[tuple[Any, Any]]) -> float:
    """The seconds of the processor that a step takes, the mean over the batches."""
    start = time.process_time()
    for X, Y in batches:
        step(X, Y)
    return (time.process_time() - start) / len(batches)


def refuse_other_steps(of_rule: dict[str, tuple[Step, Callable[[], Any]]], batches: list[tuple[Any, Any]]) -> None:
    """Check that all make the same steps. Where a gradient is nearly 0, Adam and Adagrad make its rounding large."""
    for step, _ in of_rule.values():
        measure(step, batches)
    first, *others = (table() for _, table in of_rule.values())
    for other in others:
        assert np.abs(other - first).mean() < 1e-6, "the tables differ"


def main() -> None:
    """Print the microseconds of a step of each, the least of many rounds in turn."""
    made = contenders()
    rng = np.random.default_rng(1)
    batches = [(rng.integers(0, ROWS, (BATCH, WORDS)), rng.integers(0, CLASSES, BATCH)) for _ in range(STEPS)]
    for of_rule in made.values():
        refuse_other_steps(of_rule, batches)
    best = {rule: dict.fromkeys(of_rule, np.inf) for rule, of_rule in made.items()}
    for _ in range(ROUNDS):
        for rule, of_rule in made.items():
            for name, (step, _) in of_rule.items():
                best[rule][name] = min(best[rule][name], measure(step, batches) * 1e6)
    for rule, times in best.items():
        for name, micros in times.items():
            print(f"{rule:<16}{name:<20} {micros:8.1f} µs   {micros / times['plan']:5.2f} times the plan")
    print(json.dumps(best["SGD"]))


if __name__ == "__main__":
    main()
