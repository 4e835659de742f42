"""Independent values of padding: each element looked up where its mode says that it comes from."""

import numpy as np


def source(place, size, mode):
    """Where the element at a place before, inside or after an axis comes from; None is the constant."""
    if 0 <= place < size:
        return place
    if mode == "edge":
        return 0 if place < 0 else size - 1
    if mode == "wrap":
        return place % size
    if mode == "reflect":
        period = 2 * (size - 1)
        return min(place % period, -place % period)
    if mode == "symmetric":
        return min(place % (2 * size), (-1 - place) % (2 * size))
    return None


def pad(a, pad_width, mode, constant_values):
    shape = [size + sum(pair) for size, pair in zip(a.shape, pad_width, strict=True)]
    h = np.empty(shape)
    for place in np.ndindex(*shape):
        there = [source(p - pair[0], size, mode) for p, pair, size in zip(place, pad_width, a.shape, strict=True)]
        h[place] = constant_values if None in there else a[tuple(there)]
    return h


VALUES = {"Pad": pad}
