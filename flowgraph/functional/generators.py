"""Random generators that draw while a function is called that is to be pure."""

from __future__ import annotations

import gc
import pickle
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from flowgraph.errors import UsageError

_TYPES = frozenset({np.random.Generator, np.random.RandomState, random.Random})


@contextmanager
def refuse_draws(who: str) -> Iterator[None]:
    """Refuse what draws inside from a generator that was there before: NumPy's and Python's own, and those of the user.

    All of them are found, by way of the garbage collector, wherever the function has them from. A thread that draws
    meanwhile is taken for the function; it is called anew by the next call.
    """
    before = [(one, _state(one)) for one in gc.get_objects() if type(one) in _TYPES]
    before += [(one, _state(one)) for one in (np.random.mtrand._rand, random._inst)]
    yield
    for generator, state in before:
        if _state(generator) == state:
            continue
        name = f"{type(generator).__module__.partition('.')[0]}'s {type(generator).__name__}"
        thread = " (if another thread drew them, call it again)" if threading.active_count() > 1 else ""
        raise UsageError(
            f"{who}: found numbers drawn from {name}{thread}, which would be the same in all calls, as the function is "
            f"called once; draw by fg.Random or fg.dropout, which seed= repeats, or give the numbers as an argument"
        )


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return pickle.dumps(generator.get_state(legacy=False))
    return pickle.dumps(generator.bit_generator.state)
