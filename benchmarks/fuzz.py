"""Random programs on every path: NumPy, graph, bprop, gradient graph, plans, batches, copies, files, other packages.

    python -m benchmarks fuzz                                 a minute, from a random seed
    python -m benchmarks fuzz --seconds 600 --seed random
    python -m benchmarks fuzz --programs 50000 --seed 7       so many programs, however long it takes

Prints the programs, how many were compared on each path, how many differed, and each that did as code. The same seed
draws the same programs.
"""

from __future__ import annotations

import argparse
import sys
import time


def main() -> None:
    """Run one session and print its table."""
    from tests.fuzz.session import Session, random_seed

    parser = argparse.ArgumentParser(prog="python -m benchmarks fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="seconds of the clock; 60 if --programs is not given either")
    parser.add_argument("--programs", type=int, default=10**9, help="most programs")
    parser.add_argument("--seed", default="random", help="a number, or random")
    given = parser.parse_args([one for one in sys.argv[1:] if one != "fuzz"])
    seed = random_seed() if given.seed == "random" else int(given.seed)
    seconds = given.seconds if given.seconds is not None else 60.0 if given.programs == 10**9 else float("inf")
    start = time.monotonic()
    session = Session(seed).run(seconds, given.programs, stop=_printed)
    print(session.table())
    print(f"{time.monotonic() - start:.0f} s")


def _printed(failure: object) -> bool:
    print(failure, end="\n\n", flush=True)
    return False
