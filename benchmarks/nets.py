"""The training step of eight networks, LeNet to a variational autoencoder, by everybody: loss, gradients, SGD.

Batches of 64. Each peer has its own process; they measure in turn, several rounds, the best of each, after three steps
have given the parameters of the flow graph that is run box by box in float64, without a plan. "By hand" is NumPy as an
expert writes it, with every trick that is worth its lines; "products" are the matrix products of that alone; four of
the networks have both. Steps by hand use two threads. A ratio is a time divided by that of flowgraph.

    python -m benchmarks nets
    python -m benchmarks nets --quick                             fewer rounds, no peak memory
    python -m benchmarks nets --float64 --cases LSTM,attention --peers "by hand,flowgraph,jax"
    python -m benchmarks nets --source                            what a plan runs, before the tables
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.mlp.case import RATE
from benchmarks.peers.mlp.report import tables
from benchmarks.peers.nets import PEERS, WRITTEN
from benchmarks.peers.nets.case import NETS, Case
from benchmarks.peers.turns import measure, memory, started
from benchmarks.peers.worker import STEPS

TOLERANCE = {"float32": 2e-3, "float64": 1e-9}


@cache
def reference(case: Case) -> tuple[float, list[Any]]:
    """The loss of the last step and the parameters after it, in float64."""
    from benchmarks.peers.nets.with_flowgraph import reference as box_by_box

    return box_by_box(case, STEPS, RATE)


def proved(case: Case, name: str, answer: dict[str, Any]) -> None:
    """Refuse a step that is not the one of the graph: how far the parameters moved, and the loss."""
    if name == "products":
        return
    loss, expected = reference(case)
    tolerance = TOLERANCE[case.dtype]
    start = case.parameters()
    for found, right, (which, first) in zip(answer["parameters"], expected, start.items(), strict=True):
        rounding = 4 * np.finfo(case.dtype).eps * np.abs(right).max()
        allowed = rounding + tolerance * np.abs(right - first).max()
        np.testing.assert_allclose(found, right, rtol=0, atol=allowed, err_msg=f"{name}: {which}")
    np.testing.assert_allclose(answer["loss"], loss, rtol=tolerance, err_msg=name)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks nets", description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--float64", action="store_true", help="in place of float32")
    parser.add_argument("--cases", help=f"by commas: {', '.join(NETS)}")
    parser.add_argument("--peers", help=f"by commas: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of measuring, for a peer in a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--source", action="store_true", help="print the plans")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    options.cases = _named(options.cases, NETS)
    options.peers = _named(options.peers, PEERS)
    options.dtype = "float64" if options.float64 else "float32"
    options.rounds = options.rounds or (3 if options.quick else 8)
    options.seconds = options.seconds or (0.1 if options.quick else 0.4)
    return options


def _named(text: str | None, known: Any) -> list[str]:
    names = list(known) if text is None else [name.strip() for name in text.split(",")]
    if not set(names) <= set(known):
        raise SystemExit(f"found {text!r}, needs some of {', '.join(known)}")
    return names


def main() -> None:
    """Measure, print the tables, write them into out/."""
    arguments = sys.argv[1:]
    options = parsed(arguments[arguments[:1] == ["nets"] :])
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    cases = [Case(name, options.dtype) for name in options.cases]
    peers = started(options.peers, options.threads, "nets")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for case in cases:
        able = [peer for peer in peers if case.name in WRITTEN or peer.name not in ("products", "by hand")]
        result = found[case.name] = measure(case, able, options.rounds, options.seconds, proved)
        print(f"{case.dtype} {case.name}: measured", flush=True)
        for name, one in result.items():
            if options.source and "source" in one:
                print(f"# {case.name}, {name}\n{one['source']}")
    for peer in peers:
        peer.end()
    without = options.quick or options.no_memory
    peaks = {} if without else memory([peer.name for peer in peers], options.threads, cases, "nets")
    print(tables({options.dtype: found}, peaks, options.threads))
    options.out.mkdir(exist_ok=True)
    path = options.out / f"nets_{options.dtype}.json"
    path.write_text(json.dumps({"threads": options.threads, "steps": found, "memory": peaks}, indent=1))


if __name__ == "__main__":
    main()
