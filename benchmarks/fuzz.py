"""Random programs on every path: NumPy, graph, bprop, gradient graph, plans, batches, copies, files, other packages.

    python -m benchmarks fuzz                                 a minute, from a random seed
    python -m benchmarks fuzz --seconds 600 --seed random
    python -m benchmarks fuzz --programs 50000 --seed 7       so many programs, however long it takes
    python -m benchmarks fuzz --programs 2000 --paths "native,plan in JAX"       only these paths, of each program
    python -m benchmarks fuzz --put-back --seconds 60         mistakes of old put back: are they found, how soon?

Prints the programs, how many were compared on each path, how many differed, and each that did as code, and
ends with exit code 1 then. The same seed draws the same programs.
"""

from __future__ import annotations

import argparse
import sys
import time


def main() -> None:
    """Run one session and print its table."""
    from tests.fuzz.session import PATHS, Session
    from tests.seed import random_seed

    parser = argparse.ArgumentParser(prog="python -m benchmarks fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="seconds of the processor; 60 if --programs is not given either")
    parser.add_argument("--programs", type=int, default=10**9, help="most programs")
    parser.add_argument("--seed", default="random", help="a number, or random")
    parser.add_argument("--put-back", action="store_true", help="five seeds for each mistake that plans once had")
    parser.add_argument("--paths", default="", help="names of paths, between commas: only these, of each program")
    given = parser.parse_args([one for one in sys.argv[1:] if one != "fuzz"])
    seed = random_seed() if given.seed == "random" else int(given.seed)
    seconds = given.seconds if given.seconds is not None else 60.0 if given.programs == 10**9 else float("inf")
    if given.put_back:
        _put_back(seed, seconds)
        return
    start = time.monotonic()
    only = frozenset(given.paths.split(",")) if given.paths else frozenset()
    unknown = sorted(only - set(PATHS))
    if unknown:
        sys.exit(f"--paths: found {unknown[0]!r}, needs some of {', '.join(PATHS)}")
    session = Session(seed, only).run(given.programs, seconds, stop=_printed)
    print(session.table())
    print(f"{time.monotonic() - start:.0f} s")
    if session.failures:
        sys.exit(f"{len(session.failures)} programs differ; each goes into tests/fuzz/found.py, see CONTRIBUTING.md")


def _put_back(seed: int, seconds: float) -> None:
    """Whether each mistake is found in so many seconds, from five seeds."""
    import pytest

    from tests.fuzz.mistakes import PUT_BACK, in_plans
    from tests.fuzz.session import Session

    for mistake in PUT_BACK:
        found = []
        for one in range(seed, seed + 5):
            with pytest.MonkeyPatch.context() as monkeypatch:
                mistake(monkeypatch)
                start = time.monotonic()
                session = Session(one).run(seconds=seconds, stop=in_plans)
                took = time.monotonic() - start
            found.append(f"{took:.0f} s" if any(map(in_plans, session.failures)) else "no")
        print(f"{mistake.__name__:<28}{'  '.join(found)}", flush=True)


def _printed(failure: object) -> bool:
    print(failure, end="\n\n", flush=True)
    return False
