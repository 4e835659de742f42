"""Plans of graphs that are no common MLP: long arrays, a wide graph, 1,000 matrices in a row, and the time to compile.

Each peer in its own process, in turn, several rounds, the best of each; results compared first.

    python -m benchmarks plan_graphs
    python -m benchmarks plan_graphs --quick           smaller graphs to compile, fewer rounds
    python -m benchmarks plan_graphs --threads 1
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlp_step import proved
from benchmarks.peers.graphs import SECTIONS
from benchmarks.peers.mlp.case import DEEP, Case
from benchmarks.peers.turns import measure as measure_steps
from benchmarks.peers.turns import started

DEEP_PEERS = ("products", "by hand", "flowgraph", "torch", "jax", "autograd")
_held: dict[str, Any] = {}


def build(section: str, peer: str) -> tuple[float, float]:
    """In the peer's process: its result, and the seconds until it was there."""
    start = time.perf_counter()
    _held["call"] = SECTIONS[section][peer]()
    return _held["call"](), time.perf_counter() - start


def best_of(seconds: float) -> float:
    """In the peer's process: the shortest of the calls that fit."""
    best, start = np.inf, time.perf_counter()
    while time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        _held["call"]()
        best = min(best, time.perf_counter() - begin)
    return best


def measure(section: str, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Seconds of a call and until the first result, of each peer; who cannot is left out by name."""
    context = multiprocessing.get_context("spawn")
    pools, results = {}, {}
    for peer in SECTIONS[section]:
        pool = ProcessPoolExecutor(1, mp_context=context)
        try:
            value, first = pool.submit(build, section, peer).result()
            pools[peer], results[peer] = pool, {"seconds": np.inf, "first": first, "value": value}
        except Exception as error:
            print(f"{peer}: left out ({type(error).__name__}: {str(error)[:200]})", flush=True)
            pool.shutdown()
    values = [result["value"] for result in results.values()]
    np.testing.assert_allclose(values, values[0], rtol=1e-4, err_msg=", ".join(results))
    for _ in range(rounds):
        for peer, pool in pools.items():
            results[peer]["seconds"] = min(results[peer]["seconds"], pool.submit(best_of, seconds).result())
    for pool in pools.values():
        pool.shutdown()
    return results


def compile_times(counts: list[int]) -> dict[int, float]:
    """Seconds from boxes to a function that can run, for chains of so many boxes."""
    import flowgraph as fg

    def seconds(count: int) -> float:
        x = fg.Input("x", shape=(8,))
        h: Any = x
        for i in range(count - 1):
            h = h * x if i % 2 else np.tanh(h)
        start = time.perf_counter()
        fg.compile([h]).prepare(x=np.ones(8))
        return time.perf_counter() - start

    seconds(100)
    return {count: min(seconds(count) for _ in range(2)) for count in counts}


def _print(title: str, results: dict[str, dict[str, float]], key: str) -> None:
    base = results.get("flowgraph", next(iter(results.values())))["seconds"]
    print(f"\n{title}")
    for name, result in results.items():
        own = result["seconds"]
        print(f"{name:<24}{own * 1e3:12.3f} ms   {own / base:7.2f} x flowgraph   first result {result[key]:8.2f} s")


def main() -> None:
    """Measure, print, write into out/."""
    arguments = sys.argv[1:]
    parser = argparse.ArgumentParser(prog="python -m benchmarks plan_graphs", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments[arguments[:1] == ["plan_graphs"] :])
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    rounds, seconds = (2, 0.2) if options.quick else (6, 0.5)
    found: dict[str, Any] = {}
    for section in SECTIONS:
        found[section] = measure(section, rounds, seconds)
        _print(section, found[section], "first")
    name = next(iter(DEEP))
    peers = started(list(DEEP_PEERS), options.threads)
    found[name] = measure_steps(Case(name, "float32"), peers, rounds, seconds, proved)
    _print(f"training step, {name}", found[name], "compile")
    for peer in peers:
        peer.end()
    counts = [250, 500, 1000] if options.quick else [1250, 2500, 5000, 10_000]
    found["compile"] = compile_times(counts)
    print("\ncompile a chain")
    for count, value in found["compile"].items():
        print(f"{count:>8} boxes {value:8.2f} s   {value / count * 1e6:7.1f} µs a box")
    options.out.mkdir(exist_ok=True)
    (options.out / "plan_graphs.json").write_text(json.dumps({"threads": options.threads, **found}, indent=1))


if __name__ == "__main__":
    main()
