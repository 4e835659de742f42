"""Threads that compute pieces of a batch; NumPy releases the GIL in its loops."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flowgraph.box.leaves import new_lock
from flowgraph.errors import UsageError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_pool: ThreadPoolExecutor | None = None
_making = new_lock()
_working: contextvars.ContextVar[bool] = contextvars.ContextVar("working in threads", default=False)


MOST = 64
"""Threads that the pieces of plans run in, of all that are called at once: a bound on the memory of their stacks."""


def threads_asked() -> int:
    """Threads of plans for which nobody said a number: what FLOWGRAPH_THREADS says, else one."""
    text = os.environ.get("FLOWGRAPH_THREADS", "1")
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise UsageError(f"FLOWGRAPH_THREADS: found {text!r}, needs a number of threads from 1 to {MOST}")
    return int(text)


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
    from concurrent.futures import ThreadPoolExecutor  # loads `logging`, which an import of flowgraph need not wait for

    with _making:
        if _pool is None:
            _pool = ThreadPoolExecutor(MOST, thread_name_prefix="flowgraph")
        return _pool


def forget_threads() -> None:
    """Make threads anew when they are needed; a child process has none of its parent's."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_threads)
