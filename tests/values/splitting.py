"""Independent values of the boxes that take an array apart."""

import itertools

import numpy as np


def split(a, at, axis, uneven):
    size = a.shape[axis]
    if isinstance(at, int):
        lengths = [len(range(i, size, at)) for i in range(at)]
        at = np.cumsum(lengths)[:-1]
    starts = [0, *(place if place >= 0 else size + place for place in at), size]
    return tuple(
        np.take(a, range(min(start, size), min(stop, size)), axis) for start, stop in itertools.pairwise(starts)
    )


VALUES = {
    "Split": split,
    "Unstack": lambda a, axis: tuple(np.take(a, i, axis) for i in range(a.shape[axis])),
}
