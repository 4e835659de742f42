"""Independent values of the boxes that give the same elements another shape: counted out one by one."""

import itertools

import numpy as np


def reshape(a, to):
    sizes = [int(np.prod(a.shape[s.start : s.stop])) if isinstance(s, range) else s for s in to]
    sizes = [a.size // -int(np.prod(sizes)) if s == -1 else s for s in sizes]
    h = np.empty(sizes)
    for number, place in zip(a.flat, itertools.product(*map(range, sizes)), strict=True):
        h[place] = number
    return h


def expand_dims(a, axis):
    axes = axis if isinstance(axis, tuple) else (axis,)
    ndim = a.ndim + len(axes)
    return a[tuple(None if i in {x % ndim for x in axes} else slice(None) for i in range(ndim))]


def squeeze(a, axis):
    axes = axis if isinstance(axis, tuple) else (axis,)
    return a[tuple(0 if i in {x % a.ndim for x in axes} else slice(None) for i in range(a.ndim))]


def broadcast_to(a, to):
    shape = [a.shape[i - len(to) + a.ndim] if s == -1 else s for i, s in enumerate(to)]
    return a + np.zeros(shape)


VALUES = {
    "Reshape": reshape,
    "ExpandDims": expand_dims,
    "Squeeze": squeeze,
    "BroadcastTo": broadcast_to,
    "BroadcastArrays": lambda *arrays: tuple(a + 0 * sum(arrays) for a in arrays),
}
