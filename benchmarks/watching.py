"""What fg.watch costs: the processor's time of a training with a watch and without, in turns.

An MLP on digits by `fg.fit`, and a network of PyTorch of the same layers with SGD, each trained for the same steps. The
order within a pair alternates; the median of the quotients is printed, with how many of the steps were looked at.

    python -m benchmarks watching [--pairs 9]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import flowgraph as fg

WIDTHS = (64, 256, 256, 10)
BATCH = 64


def data() -> tuple[Any, Any]:
    """As many examples as the digits of scikit-learn has, of their size."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(1797, WIDTHS[0])), rng.integers(0, WIDTHS[-1], 1797)


def of_flowgraph(watched: bool) -> tuple[float, int, int]:
    """Seconds of the processor, steps, and steps that were looked at."""
    mlp = fg.MLP(list(WIDTHS), hidden="relu", rng=0)
    seen = fg.watch(mlp)
    steps = []
    callbacks = [*([seen] if watched else []), lambda trainer, epoch: steps.append(trainer.updates)]
    start = time.process_time()
    fg.fit(mlp, data(), epochs=40, batch_size=BATCH, callbacks=callbacks, checks=False, progress=False)
    return time.process_time() - start, steps[-1], len(seen.steps)


def of_torch(watched: bool) -> tuple[float, int, int]:
    """The same of PyTorch."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers: list[Any] = []
    for incoming, outgoing in pairwise(WIDTHS):
        layers += [torch.nn.Linear(incoming, outgoing), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    inputs, targets = (torch.from_numpy(array) for array in data())
    inputs = inputs.float()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    seen = fg.watch(net) if watched else None
    start, steps = time.process_time(), 1200
    for step in range(steps):
        rows = torch.arange(step * BATCH, (step + 1) * BATCH) % len(inputs)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs[rows]), targets[rows]).backward()
        optimizer.step()
    if seen is not None:
        seen.close()
    return time.process_time() - start, steps, 0 if seen is None else len(seen.steps)


def measured(train: Callable[[bool], tuple[float, int, int]], pairs: int) -> str:
    """The median of what the watch adds, in percent, and the share of steps that it saw."""
    train(True), train(False)
    quotients, looked, steps = [], [], 1
    for pair in range(pairs):
        both = {watched: train(watched) for watched in ((True, False), (False, True))[pair % 2]}
        quotients.append(both[True][0] / both[False][0] - 1)
        looked.append(both[True][2])
        steps = both[True][1]
    return f"{statistics.median(quotients):+.1%} for {statistics.median(looked):g} looks at {steps:,} steps"


def main() -> None:
    """Print a line for each library."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks watching")
    parser.add_argument("--pairs", type=int, default=9, help="trainings with and without a watch")
    arguments = parser.parse_args([one for one in sys.argv[1:] if one != "watching"])
    for name, train in {"fg.fit": of_flowgraph, "PyTorch": of_torch}.items():
        print(f"{name:<10}{measured(train, arguments.pairs)}", flush=True)


if __name__ == "__main__":
    main()
