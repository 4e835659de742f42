"""Locks that are free in a forked child process, where the threads that held them do not exist."""

from __future__ import annotations

import os
import threading
from typing import Any
from weakref import WeakSet

_locks: WeakSet[Any] = WeakSet()


def new_lock() -> Any:
    """A `threading.RLock` that is released in a forked child if another thread held it at the fork.

    What such a lock guards must be whole at every instant, since the child never sees the end of what was going on.
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free_in_child() -> None:
    for lock in list(_locks):
        if not lock._is_owned():
            lock._at_fork_reinit()  # as the standard library does with its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_in_child)
