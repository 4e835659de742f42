"""Seconds of fg.check beside each framework's own checker, on the same functions in the same run.

    python -m benchmarks checking_seconds                 all functions of public_functions, NumPy's of the catalogue
    python -m benchmarks checking_seconds --every 10      every tenth
    python -m benchmarks checking_seconds --only torch    one framework
    python -m benchmarks checking_seconds --outside       functions of other packages: every set of benchmarks/outside

The checkers take turns on each function. Seconds are those of the processor, in one thread. torch.autograd.gradcheck
and jax.test_util.check_grads (reverse mode) look at the example alone, as do the central differences of a NumPy author.
What a checker cannot be given is left out of its column and counted. Of the sets what is installed is measured; its
functions are called once before the clock starts.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from benchmarks.public_functions import functions
from flowgraph.checking import check

Task = Callable[[], Any]
PEERS = {"torch": "gradcheck", "jax": "check_grads", "numpy": "central differences"}


@dataclass
class Column:
    """Of one checker: the seconds on each function, and how many it could not be given."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0


def outside(framework: str) -> Iterator[tuple[str, Task, Task]]:
    """The same of every entry of other packages, whichever set it is in."""
    from benchmarks.outside.checkers import flowgraph
    from benchmarks.outside.entry import packages
    from benchmarks.outside.fresh.registry import all_packages
    from benchmarks.outside.fresh.worker import called_once

    for package in (*packages(), *all_packages()):
        for entry in package.entries if package.framework == framework and package.installed() else ():
            yield entry.title, partial(flowgraph, entry, called_once(entry.make)), partial(_own, entry, entry.make())


def tasks(framework: str) -> Iterator[tuple[str, Task, Task]]:
    """Name, fg.check and the peer, on one function and its example each."""
    if framework == "numpy":
        from benchmarks.checking import CHECKERS, Counted
        from tests.checking.scoring import ENTRIES

        for entry in (one for one in ENTRIES if one.family == "ok"):
            ours = partial(check, entry.fprop, *entry.inputs, bprop=entry.bprop, **entry.options)
            yield entry.name, ours, partial(CHECKERS["central differences"], Counted(entry), entry.inputs)
        return
    peer = {"torch": _gradcheck, "jax": _check_grads}[framework]
    for name, function, arguments in functions(framework):
        ours = partial(check, function, *arguments, framework=framework)
        yield name, ours, partial(peer, function, arguments)


def _own(entry: Any, case: Any) -> None:
    from benchmarks.outside.checkers import own

    gradcheck = sys.modules.get("torch.autograd.gradcheck")  # its module, which the function of that name hides
    with suppress(AssertionError if gradcheck is None else gradcheck.GradcheckError):
        own(entry, case)


def _gradcheck(function: Any, arguments: tuple[Any, ...]) -> bool:
    import torch

    leaves = [
        x.detach().double().requires_grad_() if isinstance(x, torch.Tensor) and x.is_floating_point() else x
        for x in arguments
    ]
    return bool(torch.autograd.gradcheck(function, leaves, raise_exception=False))


def _check_grads(function: Any, arguments: tuple[Any, ...]) -> None:
    import jax
    from jax.test_util import check_grads

    with jax.enable_x64(True):
        places = [i for i, x in enumerate(arguments) if jax.numpy.issubdtype(np.asarray(x).dtype, np.floating)]
        places = [i for i in places if not isinstance(arguments[i], float)]

        def of_floats(*values: Any) -> Any:
            changed = dict(zip(places, values, strict=True))
            return function(*(changed.get(i, x) for i, x in enumerate(arguments)))

        wide = [jax.numpy.asarray(arguments[i], np.float64) for i in places]
        check_grads(of_floats, wide, order=1, modes=("rev",))


def measured(task: Task, column: Column) -> None:
    """Adds the seconds; a peer that says that a gradient is wrong has done its work."""
    began = time.process_time()
    try:
        task()
    except AssertionError:
        pass
    except Exception:
        column.refused += 1
        return
    finally:
        took = time.process_time() - began
    column.seconds.append(took)


def row(framework: str, name: str, column: Column) -> str:
    """Median, the slowest twentieth, and the slowest."""
    seconds = np.array(column.seconds or [np.nan])
    return (
        f"{framework:<8}{name:<22}{len(column.seconds):>10}{column.refused:>9}"
        f"{np.median(seconds):>10.3f}{np.quantile(seconds, 0.95):>10.3f}{seconds.max():>10.2f}"
    )


def main() -> None:
    """Print the table."""
    words = sys.argv
    every = int(words[words.index("--every") + 1]) if "--every" in words else 1
    chosen = [words[words.index("--only") + 1]] if "--only" in words else list(PEERS)
    source = outside if "--outside" in words else tasks
    print(f"{'':<8}{'checker':<22}{'functions':>10}{'refused':>9}{'median s':>10}{'95 % s':>10}{'most s':>10}")
    for framework in chosen:
        _one_thread(framework)
        ours, theirs = Column(), Column()
        for k, (_, check_it, peer) in enumerate(source(framework)):
            if k % every and k:
                continue
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                if not k:  # imports, and what is compiled once
                    measured(check_it, Column())
                    measured(peer, Column())
                measured(check_it, ours)
                measured(peer, theirs)
        print(row(framework, "fg.check", ours), flush=True)
        print(row(framework, PEERS[framework], theirs), flush=True)


def _one_thread(framework: str) -> None:
    if framework == "torch":
        import torch

        torch.set_num_threads(1)


if __name__ == "__main__":
    main()
