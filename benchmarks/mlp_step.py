"""The training step of MLPs, by everybody: fprop, bprop, L2 and SGD update in one call, the loss returned.

Tanh units, softmax cross-entropy, plain SGD. Each peer has its own process; they measure in turn, several rounds, the
best of each, after three steps have given the parameters of a textbook version in float64. A ratio is a time divided
by that of flowgraph (of the hand-written version where flowgraph is not asked), and by that of the products alone.

    python -m benchmarks mlp_step
    python -m benchmarks mlp_step --quick                       float32, fewer rounds
    python -m benchmarks mlp_step --cases 0,1,6 --dtypes float64 --peers "products,by hand,flowgraph,jax"
    python -m benchmarks mlp_step --threads 1                   everybody on one thread
    python -m benchmarks mlp_step --no-memory                   without the second table's peak memory
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.mlp import PEERS
from benchmarks.peers.mlp.case import WIDTHS, Case, textbook
from benchmarks.peers.mlp.report import plot, tables
from benchmarks.peers.turns import measure, memory, started
from benchmarks.peers.worker import STEPS

TOLERANCE = {"float32": 2e-3, "float64": 1e-9}
MEMORY_CASES = ("64: 784-128x8-10", "1024: 1024-1024-1024-10")


def proved(case: Case, name: str, answer: dict[str, Any]) -> None:
    """Refuse a step that is not the textbook's: how far the parameters moved, and the loss."""
    if name == "products":
        return
    loss, expected = textbook(case, STEPS)
    start = [p for group in case.parameters() for p in group]
    tolerance = TOLERANCE[case.dtype]
    for found, right, first in zip(answer["parameters"], expected, start, strict=True):
        rounding = 4 * np.finfo(case.dtype).eps * np.abs(right).max()
        allowed = rounding + tolerance * np.abs(right - first).max()
        np.testing.assert_allclose(found, right, rtol=0, atol=allowed, err_msg=name)
    np.testing.assert_allclose(answer["loss"], loss, rtol=tolerance, err_msg=name)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks mlp_step", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cases", help=f"numbers, by commas: {dict(enumerate(WIDTHS))}")
    parser.add_argument("--peers", help=f"names, by commas: {', '.join(PEERS)}")
    parser.add_argument("--dtypes")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of measuring, for a peer in a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    options.cases = [list(WIDTHS)[int(i)] for i in options.cases.split(",")] if options.cases else list(WIDTHS)
    options.peers = [name.strip() for name in options.peers.split(",")] if options.peers else list(PEERS)
    options.dtypes = (options.dtypes or ("float32" if options.quick else "float32,float64")).split(",")
    options.rounds = options.rounds or (3 if options.quick else 8)
    options.seconds = options.seconds or (0.05 if options.quick else 0.2)
    return options


def main() -> None:
    """Measure, print the tables, write them and the picture into out/."""
    arguments = sys.argv[1:]
    options = parsed(arguments[arguments[:1] == ["mlp_step"] :])
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    if options.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    peers = started(options.peers, options.threads)
    steps: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for dtype in options.dtypes:
        for name in options.cases:
            result = measure(Case(name, dtype), peers, options.rounds, options.seconds, proved)
            steps.setdefault(dtype, {})[name] = result
            print(f"{dtype} {name}: measured", flush=True)
    for peer in peers:
        peer.end()
    large = [] if options.no_memory else [name for name in options.cases if name in MEMORY_CASES]
    cases = [Case(name, options.dtypes[0]) for name in large]
    peaks = memory([peer.name for peer in peers], options.threads, cases)
    print(tables(steps, peaks, options.threads))
    options.out.mkdir(exist_ok=True)
    path = options.out / "mlp_step.json"
    path.write_text(json.dumps({"threads": options.threads, "steps": steps, "memory": peaks}, indent=1))
    plot(steps, options.out / "mlp_step.png")


if __name__ == "__main__":
    main()
