"""What it takes before anything runs: a box, a chain of 100,000 boxes, its graph, plans, and the import of the package.

The import is measured in processes of its own, from bytecode, without NumPy, which is imported before. Times are of the
processor, the least of several rounds, so that other work counts little.

    python -m benchmarks building
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import flowgraph as fg
from benchmarks.peers.networks import lstm, sgd

ROUNDS, CALLS, LENGTH, IMPORTS = 15, 2000, 100_000, 5

_IMPORT = "import numpy, time; start = time.process_time(); import flowgraph; print(time.process_time() - start)"


def builders() -> dict[str, Callable[[], Any]]:
    """What builds one box, of those that a network is made of."""
    x = fg.Input("x", shape=("N", 8))
    w, b = fg.Parameter(np.ones((8, 8)), name="w"), fg.Parameter(np.ones(8), name="b")
    h = x @ w
    return {
        "fg.Tanh(x)": lambda: fg.Tanh(x),
        "np.tanh(x)": lambda: np.tanh(x),  # type: ignore[call-overload]
        "x * x": lambda: x * x,
        "x @ w + b": lambda: h + b,
        "x @ w": lambda: x @ w,
        "2.0 * h, two boxes": lambda: 2.0 * h,
        "np.sum(x)": lambda: np.sum(x),  # type: ignore[call-overload]
        "x[0]": lambda: x[0],
        "np.reshape(x, (N, 8))": lambda: np.reshape(x, (x.shape[0], 8)),  # type: ignore[call-overload]
        "np.concatenate([x, x])": lambda: np.concatenate([x, x]),  # type: ignore[arg-type]
    }


def micros(build: Callable[[], Any]) -> float:
    """Microseconds of one call."""
    best = np.inf
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS):
            build()
        best = min(best, time.process_time() - start)
    return float(best / CALLS * 1e6)


def plan_seconds(steps: int) -> tuple[int, float]:
    """Boxes of the plan of a recurrent network over so many steps, and seconds until it may run, loss to source."""
    best, boxes = np.inf, 0
    for _ in range(3):
        start = time.process_time()
        network = lstm("float32", steps=steps)
        plan, _ = sgd(network)
        plan.prepare(**network.feeds, lr=np.float32(0.1))
        best, boxes = min(best, time.process_time() - start), len(plan.graph.boxes)
    return boxes, float(best)


def import_seconds() -> float:
    """Seconds of an import of flowgraph beyond that of NumPy."""
    with tempfile.TemporaryDirectory() as folder:
        own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        own |= {"PYTHONPYCACHEPREFIX": folder}
        run = [sys.executable, "-c", _IMPORT]
        runs = [subprocess.run(run, env=own, capture_output=True, text=True, check=True) for _ in range(IMPORTS + 1)]
    return min(float(one.stdout) for one in runs[1:])


def main() -> None:
    """Print the table."""
    for name, build in builders().items():
        print(f"{name:<24} {micros(build):8.2f} µs")
    step, total = fg.Parameter(np.ones(8), name="b"), fg.Input("x", shape=("N", 8)) * 1.0
    start = time.process_time()
    for _ in range(LENGTH):
        total = total + step
    built = time.process_time()
    graph = fg.Graph(total)
    print(f"{f'{len(graph.boxes):,} boxes':<24} {built - start:8.2f} s")
    print(f"{'their graph':<24} {time.process_time() - built:8.2f} s")
    for steps in (20, 160):
        boxes, seconds = plan_seconds(steps)
        print(f"{f'plan of {boxes:,} boxes':<24} {seconds:8.2f} s")
    print(f"{'import beyond NumPy':<24} {import_seconds():8.3f} s")


if __name__ == "__main__":
    main()
