"""The entries of one package under one checker: `python -m benchmarks.outside.worker CHECKER TITLE...`.

Each entry runs in a fork of this process, which has imported the package already: with a limit of time, a bound on
memory, and without harm to the next one if it crashes. One line of JSON is printed for each. The function of an entry,
and a backward pass of torch, are called once before the clock starts: many import what they need at the first call,
torch half a second of SymPy, and that is no part of a check.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

import flowgraph  # noqa: F401  # imported once for all forks
from benchmarks.outside.checkers import timed
from benchmarks.outside.entry import Case, Entry, packages
from benchmarks.outside.fresh.registry import all_packages

MEMORY = 16 * 2**30
SECONDS = 240.0


def answered(name: str, one: Entry, pipe: Connection) -> None:
    """Sends the answer; memory is bounded, so that a runaway allocation raises here."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        pipe.send(timed(name, one))


def guarded(name: str, one: Entry, seconds: float = SECONDS) -> dict[str, Any]:
    """The answer of a fork, or that it crashed or took too long."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=answered, args=(name, one, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            return {"verdict": "timeout", "seconds": seconds}
        return dict(receiver.recv())
    except EOFError:
        process.join()
        return {"verdict": "crash", "seconds": 0.0, "reasons": [f"exit code {process.exitcode}"]}
    finally:
        process.kill()
        process.join()


def import_before(one: Entry) -> None:
    """What can be imported once for all; JAX must not have computed anything before a fork."""
    if one.framework == "jax":
        import jax  # noqa: F401
    else:
        one.make()


def called_once(make: Callable[[], Case]) -> Case:
    """The case, made anew after its function has been called."""
    case = make()
    case.function(*case.inputs)
    if torch := sys.modules.get("torch"):
        x = torch.ones(3, requires_grad=True)
        torch.autograd.grad(2 * x, x, torch.ones(3))
    return make()


def main(name: str, *titles: str) -> None:
    """One line for each title."""
    warnings.simplefilter("ignore")
    known = {one.title: one for package in (*packages(), *all_packages()) for one in package.entries}
    entries = [known[title] for title in titles]
    import_before(entries[0])
    for one in entries:
        print(json.dumps({one.title: guarded(name, replace(one, make=partial(called_once, one.make)))}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
