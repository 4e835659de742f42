"""What a plan costs before its first step: of a graph that is new to the process, and of one that is equal to another.

Four networks of `benchmarks nets`, and `fg.fit` over one epoch of digits: milliseconds of the processor, one thread
of BLAS, the least of some rounds in turn. "first" finds nothing from before; "equal" is a graph of other parameters and
the same boxes, of which four steps have to give the same bits, and "prepare" that without `fg.compile`, which reads the
boxes and writes the call; "a box" is the first plan by the boxes of its graph.

    python -m benchmarks plans
    python -m benchmarks plans --rounds 10 --nets LSTM
    python -m benchmarks plans --stages                 where the time of a first plan goes
    python -m benchmarks plans --memory                 bytes that a plan keeps for each box, beside its arrays
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import flowgraph as fg
from benchmarks.peers.nets import with_flowgraph
from benchmarks.peers.nets.case import Case
from flowgraph import data
from flowgraph.plan import backends, plan, programs
from flowgraph.plan.numpy import emitter as numpy_emitter
from flowgraph.plan.passes import products, simplify
from flowgraph.plan.programs import PROGRAMS

NETS = ("LeNet", "LSTM", "attention", "embedding")
TRAINED = 1257
"""Examples of digits, 70 %: six batches and a smaller one."""


def prepared(case: Case) -> tuple[float, float, Any, int]:
    """The processor seconds of `fg.compile` and of `prepare` for new boxes, the bits of four steps, and the boxes."""
    x, y = case.data()
    _, loss, updates = with_flowgraph.graph_of(case)
    start = time.process_time()
    step = fg.compile([loss], updates=updates)
    compiled = time.process_time()
    step.prepare(x=x, y=y, lr=0.01)
    end = time.process_time()
    values = [np.asarray(step(x=x, y=y, lr=0.01)[0]).tobytes() for _ in range(4)]
    boxes = len(fg.Graph(loss, *updates.values()).boxes)
    bits = values, [parameter.value.tobytes() for parameter in updates]
    return compiled - start, end - compiled, bits, boxes


def forget() -> None:
    """Let go of what a new process would not have."""
    PROGRAMS.forget()
    plan.code_of.cache_clear()


def of_net(name: str, rounds: int) -> tuple[float, float, float, int]:
    """The least seconds of a first plan, of an equal one and of its `prepare`; the boxes."""
    case = Case(name, "float32")
    first = again = preparing = np.inf
    for _ in range(rounds):
        forget()
        compiling, took, bits, boxes = prepared(case)
        first = min(first, compiling + took)
        compiling, took, same, _ = prepared(case)
        again, preparing = min(again, compiling + took), min(preparing, took)
        assert bits == same, f"{name}: an equal plan gives other numbers"
    return first, again, preparing, boxes


def of_training(rounds: int) -> tuple[float, float]:
    """The least seconds of `fg.fit` over one epoch of digits: plans made, and known to the process."""
    examples = data.load_examples("digits")
    x, y = (examples.x / 16.0).astype(np.float32)[:TRAINED], examples.y[:TRAINED]

    def fitted() -> float:
        start = time.process_time()
        mlp = fg.MLP([64, 100, 10], output="softmax", hidden="relu", dtype=x.dtype)
        fg.fit(mlp, (x, y), epochs=1, batch_size=200, l2=1e-4 / 400, seed=0, rule="adam", progress=False)
        return time.process_time() - start

    first = again = np.inf
    for _ in range(rounds):
        forget()
        first, again = min(first, fitted()), min(again, fitted())
    return first, again


def of_memory(name: str) -> tuple[float, float]:
    """Bytes for each box of the graph that a plan keeps beside its arrays, and those that equal plans share of them."""
    case = Case(name, "float32")
    x, y = case.data()
    _, loss, updates = with_flowgraph.graph_of(case)
    fg.compile([loss], updates=updates).prepare(x=x, y=y, lr=0.01)  # what is kept for good is there
    forget()
    gc.collect()
    tracemalloc.start()
    step = fg.compile([loss], updates=updates).prepare(x=x, y=y, lr=0.01)
    arrays = step.bytes + 2 * sum(parameter.value.nbytes for parameter in updates)
    gc.collect()
    whole = tracemalloc.get_traced_memory()[0] - arrays
    boxes = len(fg.Graph(loss, *updates.values()).boxes)
    del step
    gc.collect()
    shared = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return whole / boxes, shared / boxes


# Where the time of a first plan goes: each stage is called through a clock that its callers do not see.

STAGES: tuple[tuple[Any, str], ...] = (
    (programs.Compilation, "key"), (programs, "open_composites"), (products, "sum_before_product"),
    (simplify, "join_slices"), (simplify, "reduce"), (simplify, "move_scales"),
    (simplify, "accumulate"), (numpy_emitter, "keep_rows"),
    (numpy_emitter, "flatten_parameters"), (numpy_emitter, "add_at_rows"), (numpy_emitter, "schedule"),
    (numpy_emitter, "emit"), (numpy_emitter, "lay_out"), (backends, "bind"),
)  # fmt: skip
"""Functions where their callers find them, in the order in which they run; `reduce` runs for several passes."""


def of_stages(name: str, rounds: int) -> dict[str, float]:
    """The least seconds of each stage of a first plan, and of all that is none of them."""
    case = Case(name, "float32")
    least: dict[str, float] = {}
    for _ in range(rounds):
        forget()
        spent: dict[str, float] = {}
        with ExitStack() as stack:
            for module, function in STAGES:
                stack.enter_context(mock.patch.object(module, function, timed(getattr(module, function), spent)))
            took = sum(prepared(case)[:2])
        spent["the rest"] = took - sum(spent.values())
        least = {stage: min(seconds, least.get(stage, np.inf)) for stage, seconds in spent.items()}
    return least


def timed(function: Callable[..., Any], spent: dict[str, float]) -> Callable[..., Any]:
    """The function, which adds what it takes to what was spent under its name."""

    def call(*given: Any, **named: Any) -> Any:
        start = time.process_time()
        try:
            return function(*given, **named)
        finally:
            spent[function.__name__] = spent.get(function.__name__, 0.0) + time.process_time() - start

    return call


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks plans", description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--stages", action="store_true", help="where the time of a first plan goes")
    parser.add_argument("--memory", action="store_true", help="bytes that a plan keeps for each box")
    options = parser.parse_args([one for one in sys.argv[1:] if one != "plans"])
    nets = options.nets.split(",")
    if options.memory:
        print(f"{'bytes a box':20}{'kept':>10}{'shared':>10}")
        for name in nets:
            whole, shared = of_memory(name)
            print(f"{name:20}{whole:10.0f}{shared:10.0f}", flush=True)
        return
    if options.stages:
        found = {name: of_stages(name, options.rounds) for name in nets}
        print(f"{'ms':20}" + "".join(f"{name:>12}" for name in nets))
        for stage in dict.fromkeys(stage for by_stage in found.values() for stage in by_stage):
            print(f"{stage:20}" + "".join(f"{1e3 * found[name].get(stage, 0):12.2f}" for name in nets), flush=True)
        return
    print_whole(nets, max(options.rounds, 2))


def print_whole(nets: Sequence[str], rounds: int) -> None:
    """Print what whole plans cost."""
    print(f"{'ms of the processor':20}{'boxes':>8}{'first':>10}{'a box':>10}{'equal':>10}{'prepare':>10}")
    for name in nets:
        first, again, preparing, boxes = of_net(name, rounds)
        figures = f"{1e3 * first:10.2f}{1e3 * first / boxes:10.3f}{1e3 * again:10.2f}{1e3 * preparing:10.2f}"
        print(f"{name:20}{boxes:8}{figures}", flush=True)
    first, again = of_training(rounds)
    print(f"{'an epoch of digits':20}{'':8}{1e3 * first:10.2f}{'':10}{1e3 * again:10.2f}")


if __name__ == "__main__":
    main()
