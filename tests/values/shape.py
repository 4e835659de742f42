"""Independent values of the boxes that shape, rearrange, pad, join and split arrays, or take the shape of another."""

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


def looked_up(a, shape, source):
    """The array of this shape whose element at a place is that of `a` at source(place)."""
    h = np.empty(shape)
    for place in np.ndindex(*shape):
        h[place] = a[source(list(place))]
    return h


def transpose(a, axes):
    order = [x % a.ndim for x in (axes if axes is not None else reversed(range(a.ndim)))]
    return looked_up(a, [a.shape[x] for x in order], lambda place: tuple(place[order.index(i)] for i in range(a.ndim)))


def flip(a, axis):
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    flipped = {x % a.ndim for x in axes}
    return looked_up(a, a.shape, lambda place: tuple(~p if i in flipped else p for i, p in enumerate(place)))


def roll(a, shift, axis):
    if axis is None:
        return np.array([a.flat[(i - shift) % a.size] for i in range(a.size)]).reshape(a.shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
    by = {x % a.ndim: s for x, s in zip(axes, shifts, strict=True)}
    return looked_up(a, a.shape, lambda place: tuple((p - by.get(i, 0)) % a.shape[i] for i, p in enumerate(place)))


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


def concatenate(*arrays, axis):
    return np.moveaxis(np.array([row for a in arrays for row in np.moveaxis(a, axis, 0)]), 0, axis)


def split_like(a, *likes, axis):
    rows = list(np.moveaxis(a, axis, 0))
    return tuple(np.moveaxis(np.array([rows.pop(0) for _ in range(like.shape[axis])]), 0, axis) for like in likes)


def stack(*arrays, axis):
    return np.moveaxis(np.array(arrays), 0, axis)


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
    "Reshape": reshape,
    "ExpandDims": expand_dims,
    "Squeeze": squeeze,
    "BroadcastTo": broadcast_to,
    "BroadcastArrays": lambda *arrays: tuple(a + 0 * sum(arrays) for a in arrays),
    "Transpose": transpose,
    "Flip": flip,
    "Roll": roll,
    "Pad": pad,
    "Concatenate": concatenate,
    "SplitLike": split_like,
    "Stack": stack,
    "Split": split,
    "Unstack": lambda a, axis: tuple(np.take(a, i, axis) for i in range(a.shape[axis])),
    "SumLike": lambda a, like: (
        np.einsum("ij->" + {0: "", 1: "j", 2: "i"}[like.ndim], a).reshape(like.shape) if like.shape != a.shape else a
    ),
    "Barrier": lambda a, *after: a,
    "BroadcastLike": lambda a, like: a + np.zeros(like.shape),
    "ReshapeLike": lambda a, like: np.array(list(a.flat)).reshape(like.shape),
    "CountLike": lambda like, axis: np.ones(like.shape).sum(axis).flat[0],
}
