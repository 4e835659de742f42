"""Threads that compute shards of a batch; NumPy releases the GIL in its loops."""

from __future__ import annotations

import _thread
import contextvars
import os
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

from flowgraph.errors import UsageError

_tasks: SimpleQueue[Task | None] = SimpleQueue()
_count = 0
"""The threads that there are."""
_working: contextvars.ContextVar[bool] = contextvars.ContextVar("working in threads", default=False)


MOST = 64
"""Threads that the shards of plans run in, of all that are called at once: a bound on the memory of their stacks."""


def threads_asked() -> int:
    """Threads of plans for which nobody said a number: what FLOWGRAPH_THREADS says, else one."""
    text = os.environ.get("FLOWGRAPH_THREADS", "1")
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise UsageError(f"FLOWGRAPH_THREADS: found {text!r}, needs a number of threads from 1 to {MOST}")
    return int(text)


class Task:
    """A share of some work, for a thread that computes it in the context of the caller; it runs once.

    The locks of `concurrent.futures` are taken in Python, where an interrupt could leave them taken for good.
    """

    __slots__ = ("_claim", "_context", "_done", "_share", "_work", "ended", "error")

    def __init__(self, work: Callable[[Sequence[Any]], None], share: Sequence[Any]) -> None:
        self._context, self._work, self._share = contextvars.copy_context(), work, share
        self._claim, self._done = _thread.allocate_lock(), _thread.allocate_lock()
        self._done.acquire()
        self.ended = False
        self.error: BaseException | None = None

    def run(self) -> None:
        """Compute it, unless a thread does or has."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._context.run(self._work, self._share)
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True
            self._done.release()

    def wait(self) -> None:
        """Return when it has ended; where an interrupt comes after the lock was taken, the flag says so."""
        while not self.ended:
            self._done.acquire(timeout=0.05)


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
    tasks: list[Task] = []
    try:
        for share in others:
            tasks.append(Task(work, share))
            _hand_out(tasks[-1], len(tasks))
        work(first)
    except BaseException:
        for task in tasks:
            _hand_out(task, 1)  # the last one may not have been, and none runs twice
        raise
    finally:
        _working.reset(token)
        _finish(tasks)
    for task in tasks:
        if task.error is not None:
            raise task.error


def _finish(tasks: Sequence[Task]) -> None:
    """Wait for all, also through interruptions, the last of which is raised afterwards."""
    interruption: BaseException | None = None
    while True:
        try:
            for task in tasks:
                task.wait()
            break
        except BaseException as error:
            interruption = error
    if interruption is not None:
        raise interruption


def _hand_out(task: Task, needed: int) -> None:
    """Let a thread compute the task; a new one where there are fewer than needed, or than tasks that wait."""
    global _count
    _tasks.put(task)
    if _count < MOST and _count < max(needed, _tasks.qsize()):
        _count += 1
        _thread.start_new_thread(serve, (_tasks,))


def serve(tasks: SimpleQueue[Task | None]) -> None:
    """Compute tasks, until there is None."""
    while (task := tasks.get()) is not None:
        task.run()
        del task  # what it holds must not wait for the next one


def forget_threads() -> None:
    """Make threads anew when they are needed; a child process has none of its parent's."""
    global _tasks, _count
    _tasks, _count = SimpleQueue(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_threads)
