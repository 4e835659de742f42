"""Random generators that draw while a function is called that is to be pure."""

from __future__ import annotations

import gc
import pickle
import random
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from flowgraph.errors import UsageError

_TYPES = frozenset({np.random.Generator, np.random.RandomState, random.Random})


@contextmanager
def refuse_draws(who: str) -> Iterator[None]:
    """Refuse what draws inside from a generator that was there before: NumPy's and Python's own, and those of the user.

    All of them are found, by way of the garbage collector, wherever the function has them from. While other threads
    run one of them may have drawn; then it is a warning.
    """
    before = [(one, _state(one)) for one in gc.get_objects() if type(one) in _TYPES]
    before += [(one, _state(one)) for one in (np.random.mtrand._rand, random._inst)]
    yield
    for generator, state in before:
        if _state(generator) == state:
            continue
        name = f"{type(generator).__module__.partition('.')[0]}'s {type(generator).__name__}"
        text = (
            f"{who}: found numbers drawn from {name}, which would be the same in all calls, as the function is called "
            f"once; draw by fg.Random or fg.dropout, which seed= repeats, or give the numbers as an argument"
        )
        if threading.active_count() == 1:
            raise UsageError(text)
        warnings.warn(f"{text}; unless another thread drew them", UserWarning, stacklevel=2)
        return


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return pickle.dumps(generator.get_state(legacy=False))
    return pickle.dumps(generator.bit_generator.state)
