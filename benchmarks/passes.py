"""What each pass of a plan gains: the time of training steps without it, divided by that with all passes.

Each step is compiled anew for every pass, with parameters of its own; all take turns in one process, several rounds,
the best of each. A number of 1.10 says that the step takes 10 % longer without the pass. A step whose source is the
same without the pass is not measured: its place has a dot. The last column is the time of the step with all passes,
divided by that of the step whose batch two threads compute: `fg.compile(..., threads=2)`.

    python -m benchmarks passes
    python -m benchmarks passes --quick                            three small steps, few rounds
    python -m benchmarks passes --steps LSTM,LeNet --passes labels --dtype float64
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.networks import STEPS
from flowgraph.plan import PASSES

QUICK = ("MLP 1: 64-32-10", "momentum 32: 64-64-10", "attention")
BATCH_SECONDS = 2e-3
THREADS = "threads"
"""The column of two threads."""

COLUMNS = (*PASSES, THREADS)


class Candidate:
    """A step compiled without some passes, and the best of its times."""

    def __init__(self, step: Callable[..., Any], dtype: str, **options: Any) -> None:
        self.plan, self.call = step(dtype, **options)
        self.call()
        start = time.perf_counter()
        self.call()
        self.calls = max(1, int(BATCH_SECONDS / (time.perf_counter() - start)))
        self.best = np.inf

    def measure(self, seconds: float) -> None:
        """Call it for a while."""
        call, calls, clock, start = self.call, range(self.calls), time.perf_counter, time.perf_counter()
        while True:
            begin = clock()
            for _ in calls:
                call()
            now = clock()
            self.best = min(self.best, (now - begin) / len(calls))
            if now - start > seconds:
                return


def gains(name: str, dtype: str, passes: Sequence[str], rounds: int, seconds: float) -> dict[str, float]:
    """For each pass that changes the step, its time without the pass by that with all; and that, under ""."""
    whole = Candidate(STEPS[name], dtype)
    others = {one: Candidate(STEPS[name], dtype, without=(one,)) for one in passes if one != THREADS}
    others |= {THREADS: Candidate(STEPS[name], dtype, threads=2)} if THREADS in passes else {}
    source = whole.plan.source
    others = {one: candidate for one, candidate in others.items() if candidate.plan.source != source}
    for number in range(rounds):
        turns = [whole, *others.values()]
        for candidate in turns[:: 1 if number % 2 else -1]:
            candidate.measure(seconds)
    ratios = {one: candidate.best / whole.best for one, candidate in others.items()}
    return {"": whole.best, **{one: 1 / ratio if one == THREADS else ratio for one, ratio in ratios.items()}}


def table(found: dict[str, dict[str, float]], passes: Sequence[str]) -> str:
    """A line for each step, a column for each pass; the most that any step gains below."""
    width = max(map(len, found))
    lines = [f"{'':{width}} {'all, µs':>10} " + " ".join(f"{one[:9]:>9}" for one in passes)]
    for name, by_pass in found.items():
        cells = " ".join(f"{by_pass[one]:9.3f}" if one in by_pass else f"{'.':>9}" for one in passes)
        lines.append(f"{name:{width}} {1e6 * by_pass['']:10.2f} {cells}")
    most = [max((by_pass.get(one, 1.0) for by_pass in found.values()), default=1.0) for one in passes]
    lines.append(f"{'the most':{width}} {'':10} " + " ".join(f"{number:9.3f}" for number in most))
    return "\n".join(lines)


def _named(text: str | None, known: Sequence[str]) -> list[str]:
    """The names asked for, by commas; a step may be given by the beginning of its name."""
    if text is None:
        return list(known)
    found = [[name for name in known if name.startswith(part.strip())] for part in text.split(",")]
    if not all(found):
        raise SystemExit(f"found {text!r}, needs some of {', '.join(known)}")
    return [name for names in found for name in names]


def parsed(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks passes", description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--steps", help=f"by commas: {', '.join(STEPS)}")
    parser.add_argument("--passes", help=f"by commas: {', '.join(COLUMNS)}")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of measuring, for a pass in a round")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    options.steps = _named(options.steps, QUICK if options.quick else list(STEPS))
    options.passes = _named(options.passes, COLUMNS)
    options.rounds = options.rounds or (2 if options.quick else 10)
    options.seconds = options.seconds or (0.005 if options.quick else 0.03)
    return options


def main() -> None:
    """Measure, print the table, write it into out/."""
    arguments = sys.argv[1:]
    options = parsed(arguments[arguments[:1] == ["passes"] :])
    found: dict[str, dict[str, float]] = {}
    for name in options.steps:
        found[name] = gains(name, options.dtype, options.passes, options.rounds, options.seconds)
        print(f"{name}: measured", flush=True)
    print(table(found, options.passes))
    options.out.mkdir(exist_ok=True)
    (options.out / "passes.json").write_text(json.dumps({"dtype": options.dtype, "steps": found}, indent=1))


if __name__ == "__main__":
    main()
