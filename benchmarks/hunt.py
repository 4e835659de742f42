"""A hunt: fg.check on public functions of autograd, PyTorch, JAX and MyGrad, each with one example as a user has it.

    python -m benchmarks.hunt                 all that are installed
    python -m benchmarks.hunt autograd torch  these
    python -m benchmarks.hunt --quick         every fifth function
    python -m benchmarks.hunt torch --full    with the whole report of each finding

A finding is a report that says "fail". The page docs/what-the-checker-found.md repeats the clearest of them in the
framework's own words.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks import prey
from flowgraph.checking import check


def hunt(framework: str, quick: bool, full: bool) -> dict[str, Any]:
    """Checks all functions of one framework; prints what is found as it is found."""
    listed = prey.functions(framework)
    listed = listed[::5] if quick else listed
    found: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    start = time.perf_counter()
    for name, function, arguments in listed:
        try:
            report = check(function, *arguments, framework=framework)
        except Exception as error:
            refused[name] = f"{type(error).__name__}: {error}"[:200]
            print(f"  {name}: could not be checked, {refused[name]}")
            continue
        if report.verdict == "fail":
            found[name] = [f"{one.child or ''}: {one.message} [{one.regime}]" for one in report.failures]
            print(f"  {name}", *found[name], sep="\n      ", flush=True)
            if full:
                print(report)
        elif report.verdict == "undecided":
            print(f"  {name}: undecided")
        if framework == "jax":
            sys.modules["jax"].clear_caches()  # a program for every shape of every function is a lot of memory
    seconds = time.perf_counter() - start
    return {"functions": len(listed), "findings": found, "refused": refused, "seconds": seconds}


def main() -> None:
    """Print findings, then functions tried, findings and time of each framework; the same as JSON."""
    names = [name for name in sys.argv[1:] if name in prey.FRAMEWORKS] or list(prey.FRAMEWORKS)
    results = {}
    for name in names:
        try:
            version = prey.version(name)
        except ImportError as error:
            print(f"{name}: left out ({error})")
            continue
        print(f"{name} {version}")
        results[f"{name} {version}"] = hunt(name, "--quick" in sys.argv, "--full" in sys.argv)
    for name, result in results.items():
        print(
            f"{name:<20}{result['functions']:>5} functions{len(result['findings']):>5} with findings"
            f"{len(result['refused']):>5} not checked{result['seconds']:>8.1f} s"
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
