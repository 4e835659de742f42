"""Work on pieces of large arrays, shared by a thread for each core: NumPy lets go of the interpreter meanwhile."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise
from typing import Any

_pool: ThreadPoolExecutor | None = None
_making = threading.Lock()


def count_threads() -> int:
    """How many threads share the work: the cores that this process may use, or FLOWGRAPH_THREADS."""
    given = os.environ.get("FLOWGRAPH_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(work: Callable[[Sequence[Any]], None], pieces: Sequence[Any]) -> None:
    """Call `work` on shares of the pieces at the same time, one of them in this thread.

    It returns, or raises, only when no thread works any more: nothing is written behind the caller's back.
    """
    shares = min(_shares(), len(pieces))
    if shares < 2:
        work(pieces)
        return
    ends = [len(pieces) * number // shares for number in range(shares + 1)]
    futures = [
        _threads().submit(contextvars.copy_context().run, work, pieces[start:stop])
        for start, stop in pairwise(ends[1:])
    ]
    try:
        work(pieces[: ends[1]])
    finally:
        _finish(futures)
    for future in futures:
        future.result()


def _finish(futures: Sequence[Future[None]]) -> None:
    """Wait for all, also through interruptions, the last of which is raised afterwards."""
    interruption: BaseException | None = None
    while True:
        try:
            wait(futures)
            break
        except BaseException as error:
            interruption = error
    if interruption is not None:
        raise interruption


def _shares() -> int:
    global _number
    if _number == 0:
        _number = count_threads()
    return _number


_number = 0


def _threads() -> ThreadPoolExecutor:
    global _pool
    with _making:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, _shares() - 1), thread_name_prefix="flowgraph")
        return _pool


def forget_threads() -> None:
    """Count the threads anew; a child process has none of its parent's."""
    global _pool, _number
    _pool, _number = None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_threads)
