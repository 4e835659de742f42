"""A peer in a process of its own: builds a case, proves its step, times it, says how much memory it took."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.mlp.case import RATE

STEPS = 3
BATCH_SECONDS = 2e-3


def work(room: str, peer: str, cores: set[int] | None, connection: Any) -> None:
    """Answer (name of a method of Worker, its arguments) until there is no more."""
    warnings.simplefilter("ignore")
    everywhere = os.sched_getaffinity(0) if cores else set()
    if cores:
        os.sched_setaffinity(0, cores)  # pools of threads take their size from this
    worker = Worker(room, peer)
    connection.send(_attempt(worker.start))
    for thread in os.listdir("/proc/self/task") if cores else ():
        os.sched_setaffinity(int(thread), everywhere)  # and may run wherever a core is free
    with contextlib.suppress(EOFError):
        while True:
            method, *arguments = connection.recv()
            connection.send(_attempt(getattr(worker, method), *arguments))


def _attempt(function: Any, *arguments: Any) -> tuple[Any, str | None]:
    try:
        return function(*arguments), None
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error).strip()[:300]}"


class Worker:
    """One peer of a folder beside this file; one case at a time."""

    def __init__(self, room: str, peer: str) -> None:
        self.room = room
        self.peer = peer
        self.calls = 1

    def start(self) -> str:
        """Import the peer, and let its threads and its compiler start on a case of no account."""
        module, name = importlib.import_module(f"benchmarks.peers.{self.room}").PEERS[self.peer]
        self.build = getattr(importlib.import_module(f"benchmarks.peers.{self.room}.{module}"), name)
        return self.peer

    def prepare(self, case: Any) -> dict[str, Any]:
        """Build the step and do the first ones: seconds to compile, the parameters and loss to be proved."""
        x, y = case.data()
        self.step: Any = None
        start = time.perf_counter()
        self.step = self.build(case)
        self.arguments = (*getattr(self.step, "arrays", lambda *arrays: arrays)(x, y), RATE)
        self.step(*self.arguments)
        first = time.perf_counter() - start
        losses, once = [], np.inf
        for _ in range(STEPS - 1):
            start = time.perf_counter()
            losses.append(self.step(*self.arguments))
            once = min(once, time.perf_counter() - start)
        found = getattr(self.step, "parameters", list)()
        result = {"loss": float(losses[-1]), "parameters": [np.array(p, float) for p in found]}
        self.calls = max(1, int(BATCH_SECONDS / once))
        return {**result, "compile": max(0.0, first - once), "source": getattr(self.step, "source", "")}

    def measure(self, seconds: float) -> tuple[float, float]:
        """Seconds of a step, the best of what fits in `seconds`; cores that others used meanwhile."""
        step, arguments, calls, clock = self.step, self.arguments, range(self.calls), time.perf_counter
        best, start, before = np.inf, clock(), _others()
        while True:
            begin = clock()
            for _ in calls:
                step(*arguments)
            now = clock()
            best = min(best, (now - begin) / len(calls))
            if now - start > seconds:
                return best, max(0.0, _others() - before) / (now - start)

    def memory(self, case: Any) -> dict[str, float | None]:
        """Bytes above those before it was built: of the process at most, and of NumPy's arrays at most.

        It is built once before, and forgotten: what compilers and pools keep for themselves is not counted. The two are
        found one after the other, because the tables of tracemalloc, an entry for each object of Python, would count as
        memory of the process.
        """
        self.prepare(case)
        before = self._forgotten()
        self._built(case)
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again
        for _ in range(STEPS):
            self.step(*self.arguments)
        resident = _resident("VmHWM")
        self._forgotten()
        tracemalloc.start()
        self._built(case)
        tracemalloc.reset_peak()
        self.step(*self.arguments)
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return {"process": None if resident is None or before is None else resident - before, "arrays": float(traced)}

    def _built(self, case: Any) -> None:
        """Build the step, and do the first ones."""
        x, y = case.data()
        self.step = self.build(case)
        self.arguments = (*getattr(self.step, "arrays", lambda *arrays: arrays)(x, y), RATE)
        for _ in range(STEPS):
            self.step(*self.arguments)

    def _forgotten(self) -> float | None:
        """Bytes of the process without the step, once all free memory has been given back."""
        self.step = self.arguments = None
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        return _resident("VmRSS")


def _resident(entry: str) -> float | None:
    """What Linux says of this process; None elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(entry))


def _others() -> float:
    """Seconds of processor time that everybody but this process has used; nan where nobody counts them."""
    try:
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except OSError:
        return np.nan
    busy = sum(fields) - fields[3] - fields[4]
    return busy / os.sysconf("SC_CLK_TCK") - time.process_time()
