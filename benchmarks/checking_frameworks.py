"""Findings of fg.check on public functions of autograd, PyTorch, JAX and MyGrad, each with an example of a user.

    python -m benchmarks checking_frameworks                 all that are installed
    python -m benchmarks checking_frameworks autograd torch  these
    python -m benchmarks checking_frameworks --quick         every fifth function
    python -m benchmarks checking_frameworks torch --full    with the whole report of each finding
    python -m benchmarks checking_frameworks jax --only special   functions with this word in their names
    python -m benchmarks checking_frameworks jax --keep FILE      a run that was stopped goes on where it was

The time is that of the processor in this process, so that other work of the machine does not count. A finding is a
report that says "fail". The page docs/what-the-checker-found.md repeats the clearest of them in the framework's own
words.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks import public_functions
from benchmarks.stored import Stored
from flowgraph.checking import check


def findings(framework: str, version: str, options: list[str], stored: Stored) -> dict[str, Any]:
    """Checks all functions of one framework; prints what is found as it is found."""
    listed = public_functions.functions(framework)
    listed = listed[::5] if "--quick" in options else listed
    word = options[options.index("--only") + 1] if "--only" in options else ""
    listed = [one for one in listed if word in one[0]]
    found: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    seconds = 0.0
    for place, (name, function, arguments) in enumerate(listed):
        if framework == "jax" and place % 20 == 0:
            sys.modules["jax"].clear_caches()  # a program for every shape of every function is a lot of memory
        one = stored(f"{framework} {version} {name}", lambda f=function, a=arguments: checked(f, a, framework, options))
        seconds += one["seconds"]
        if "refused" in one:
            refused[name] = one["refused"]
            print(f"  {name}: could not be checked, {refused[name]}", flush=True)
        elif one["verdict"] == "fail":
            found[name] = one["failures"]
            print(f"  {name}", *found[name], sep="\n      ", flush=True)
        elif one["verdict"] == "undecided":
            print(f"  {name}: undecided", flush=True)
    return {"functions": len(listed), "findings": found, "refused": refused, "seconds": seconds}


def checked(function: Any, arguments: tuple[Any, ...], framework: str, options: list[str]) -> dict[str, Any]:
    """Verdict and failures of one function, or why it could not be checked; seconds of the processor."""
    start = time.process_time()
    try:
        report = check(function, *arguments, framework=framework)
    except Exception as error:
        result: dict[str, Any] = {"refused": f"{type(error).__name__}: {error}"[:200]}
    else:
        failures = [f"{one.child or ''}: {one.message} [{one.test_case}]" for one in report.failures]
        result = {"verdict": report.verdict, "failures": failures}
        if "--full" in options and failures:
            print(report)
    return {**result, "seconds": time.process_time() - start}


def main() -> None:
    """Print findings, then functions tried, findings and time of each framework; the same as JSON."""
    names = [name for name in sys.argv[1:] if name in public_functions.FRAMEWORKS] or list(public_functions.FRAMEWORKS)
    results = {}
    stored = Stored(sys.argv)
    for name in names:
        try:
            version = public_functions.version(name)
        except ImportError as error:
            print(f"{name}: left out ({error})")
            continue
        print(f"{name} {version}")
        results[f"{name} {version}"] = findings(name, version, sys.argv, stored)
    for name, result in results.items():
        print(
            f"{name:<20}{result['functions']:>5} functions{len(result['findings']):>5} with findings"
            f"{len(result['refused']):>5} not checked{result['seconds']:>8.1f} s"
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
