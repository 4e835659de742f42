"""The settings of a plan that are fastest on this machine, found by running copies of it on its first inputs."""

from __future__ import annotations

import copy
import functools
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.plan.backends import BackendName
from flowgraph.plan.emitter import emitter_of
from flowgraph.plan.numpy.threads import MOST

TRIED: tuple[BackendName, ...] = ("numpy", "numba", "jax")
"""The back ends that may run a plan here, NumPy's first: it runs every graph."""

ROUNDS, SECONDS = 5, 0.02
"""How often the candidates take turns, and how long one is called in a turn: 0.1 s for each, beside its compilation."""

MARGIN = 0.95
"""What another setting must take of the time of the one before it: by less than this, turns differ by chance."""

clock = time.perf_counter
"""What turns are measured by: threads gain wall time, not that of the processor."""


def read_tune(tune: bool | Sequence[str], backend: str, threads: int | None) -> tuple[BackendName, ...]:
    """The back ends that are tried, none where nothing is tuned; what is named is there, or an error says so."""
    if tune is False:
        return ()
    if backend != "numpy" or threads is not None:
        found = f"backend={backend!r}" if backend != "numpy" else f"threads={threads!r}"
        raise UsageError(
            f"compile: found tune={tune!r} with {found}, needs one of the two: tune chooses the back end and the "
            f'threads; tune=["numba"] tries one back end alone'
        )
    if tune is True:
        return tuple(name for name in TRIED if why_missing(name) is None)
    if isinstance(tune, str) or not isinstance(tune, Sequence) or not tune:
        raise UsageError(f"compile: found tune={tune!r}, needs True, False or a list of some of {', '.join(TRIED)}")
    for name in tune:
        if name not in TRIED:
            raise UsageError(f"compile: found {name!r} in tune=, needs some of {', '.join(TRIED)}")
        missing = why_missing(name)
        if missing is not None:
            raise UsageError(f"compile: found {name!r} in tune=, which cannot run here: {missing}")
    return tuple(dict.fromkeys(name for name in TRIED if name in tune))


def why_missing(name: str) -> str | None:
    """Why a back end cannot be used on this machine, None where it can."""
    try:
        return emitter_of(name).why_missing()
    except ImportError as error:
        return str(error)


Settings = Mapping[str, Any]
"""Keywords of `fg.compile`."""


def text_of(settings: Settings) -> str:
    """The keywords as they are written in a call."""
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


class Choice(NamedTuple):
    """The keywords of `fg.compile` that were chosen, and the seconds of a call by all that were measured, in order."""

    settings: Settings
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        text, first = text_of(self.settings), next(iter(self.seconds.values()))
        return f"tuned: {text} takes {self.seconds[text] / first:.2f} of the first of {len(self.seconds)} tried"


def tune(plan: Any, backends: Sequence[BackendName], given: Sequence[Any], named: Mapping[str, Any]) -> Choice:
    """The settings by which a plan takes least time for these inputs.

    What is measured are copies, so that the parameters of the plan stay as they are. An error that the inputs raise is
    that of the first of them; a back end that refuses the graph, or makes the same program, is left out.
    """
    own = {name: value for name, value in named.items() if name != "prepare" or name in plan.input_names}
    running: list[tuple[Settings, Any]] = []
    for settings in settings_to_try(backends, min(MOST, count_cores())):
        candidate = copy.deepcopy(plan).with_settings(**settings)
        if _runs(candidate, given, own, [other for _, other in running]):
            running.append((settings, candidate))
    found = measure([functools.partial(candidate, *given, **own) for _, candidate in running])
    best = 0
    for place, seconds in enumerate(found):
        if seconds < MARGIN * found[best]:
            best = place
    listed = [text_of(settings) for settings, _ in running]
    return Choice(running[best][0], dict(zip(listed, found, strict=True)))


def settings_to_try(backends: Sequence[BackendName], cores: int) -> list[Settings]:
    """Each back end; those that compute shards of a batch in threads with one, two, four, and as many as the cores."""
    counts = [1]
    while 2 * counts[-1] < cores:
        counts.append(2 * counts[-1])
    counts += [cores] if cores > 1 else []
    shared = [name for name in backends if name != "jax"]
    alone: list[Settings] = [{"backend": "jax"}] if "jax" in backends else []
    return [*({"backend": name, "threads": count} for count in counts for name in shared), *alone]


def count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _runs(candidate: Any, given: Sequence[Any], named: Mapping[str, Any], others: Sequence[Any]) -> bool:
    """Whether it can be called, twice, and does not do what another one does."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for _ in range(2):
                candidate(*given, **named)
    except (FlowgraphError, ImportError):
        if not others:
            raise
        return False
    return all(candidate.source != other.source for other in others)


def measure(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """The least seconds of each call, in turns."""
    least = [np.inf] * len(calls)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for number in range(ROUNDS):
            turns = [*enumerate(calls)]
            for place, call in turns[:: 1 if number % 2 else -1]:
                start = now = clock()
                while now - start < SECONDS:
                    before = now
                    call()
                    now = clock()
                    least[place] = min(least[place], now - before)
    return least
