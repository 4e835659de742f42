"""Multithreading over tiles of large arrays; NumPy releases the GIL in its loops."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from flowgraph.box.leaves import new_lock

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Tile = TypeVar("Tile")

_pool: ThreadPoolExecutor | None = None
_making = new_lock()
_working: contextvars.ContextVar[bool] = contextvars.ContextVar("working in threads", default=False)


def count_threads() -> int:
    """How many threads share the work: the cores that this process may use, or FLOWGRAPH_THREADS."""
    given = os.environ.get("FLOWGRAPH_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared(tiles: Sequence[Tile]) -> list[Sequence[Tile]]:
    """The tiles in their order, divided into a share for each thread."""
    shares = max(1, min(count_threads(), len(tiles)))
    ends = [len(tiles) * number // shares for number in range(shares + 1)]
    return [tiles[start:stop] for start, stop in pairwise(ends)]


def in_threads(work: Callable[[Sequence[Any]], None], shares: Sequence[Sequence[Any]]) -> None:
    """Call `work` on all shares at the same time, on the first of them in this thread.

    It returns, or raises, only when no thread works any more: nothing is written behind the caller's back. Called by
    such work itself, it does one share after the other, as all threads are busy.
    """
    if _working.get():
        for share in shares:
            work(share)
        return
    first, *others = shares
    token = _working.set(True)
    futures: list[Future[None]] = []
    try:
        for share in others:
            futures.append(_threads().submit(contextvars.copy_context().run, work, share))
        work(first)
    finally:
        _working.reset(token)
        _finish(futures)
    for future in futures:
        future.result()


def _finish(futures: Sequence[Future[None]]) -> None:
    """Wait for all, also through interruptions, the last of which is raised afterwards."""
    from concurrent.futures import wait

    interruption: BaseException | None = None
    while True:
        try:
            wait(futures)
            break
        except BaseException as error:
            interruption = error
    if interruption is not None:
        raise interruption


def _threads() -> ThreadPoolExecutor:
    global _pool
    from concurrent.futures import ThreadPoolExecutor  # takes 5 ms, which an import of flowgraph need not wait for

    with _making:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, count_threads() - 1), thread_name_prefix="flowgraph")
        return _pool


def forget_threads() -> None:
    """Make threads anew when they are needed; a child process has none of its parent's."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_threads)
