"""The results of backward passes in a check, written to a file that an environment variable names.

By this `flowgraph mutate` tells a mutant that fg.check cannot tell from the original.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box.value import Value

PLACE = "FLOWGRAPH_ANSWERS"
BYTES = 8  # of a digest: two answers of a million have the same with a chance of 1e-8


def recorded(name: str, bprop: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, of which each call adds a line to the file: a digest of what was asked, and of the answer.

    Without a file it is the function itself.
    """
    place = os.environ.get(PLACE)
    if not place:
        return bprop

    def call(grad: Value, output: Value, *inputs: Value) -> Any:
        asked = digest((name, grad, inputs))
        try:
            answer = bprop(grad, output, *inputs)
        except Exception as error:
            _add(place, asked, digest(type(error).__name__))
            raise
        _add(place, asked, digest(answer))
        return answer

    return call


def digest(value: Value) -> str:
    """A checksum: of arrays by shape, dtype and bytes, with -0.0 as 0.0; of other values by their repr."""
    found = hashlib.blake2b(digest_size=BYTES)
    _feed(found, value)
    return found.hexdigest()


def _feed(found: Any, value: Value) -> None:
    if isinstance(value, tuple | list):
        found.update(b"(")
        for one in value:
            _feed(found, one)
        found.update(b")")
    elif isinstance(value, np.ndarray | np.generic | float) and np.asarray(value).dtype.kind in "fciub":
        array = np.asarray(value)
        array = array + array.dtype.type(0) if array.dtype.kind in "fc" else array
        found.update(f"{array.shape}{array.dtype}".encode())
        found.update(array.tobytes())
    else:
        found.update(f"{type(value).__name__}{value!r}".encode())


def _add(place: str, asked: str, answer: str) -> None:
    with open(place, "a", encoding="ascii") as file:
        file.write(f"{asked} {answer}\n")
