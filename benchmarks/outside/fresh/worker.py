"""The entries of one package under one checker: `python -m benchmarks.outside.fresh.worker CHECKER TITLE...`.

The function of an entry, and a backward pass of torch, are called once before the clock starts: many import what they
need at the first call, torch half a second of SymPy, and that is no part of a check.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from benchmarks.outside.entry import Case
from benchmarks.outside.fresh.registry import found
from benchmarks.outside.worker import guarded, import_before


def called_once(make: Callable[[], Case]) -> Case:
    """The case, made anew after its function has been called."""
    case = make()
    case.function(*case.inputs)
    if torch := sys.modules.get("torch"):
        x = torch.ones(3, requires_grad=True)
        torch.autograd.grad(2 * x, x, torch.ones(3))
    return make()


def main(name: str, *titles: str) -> None:
    """One line of JSON for each title."""
    warnings.simplefilter("ignore")
    entries = [found(title) for title in titles]
    import_before(entries[0])
    for one in entries:
        print(json.dumps({one.title: guarded(name, replace(one, make=partial(called_once, one.make)))}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
