"""Independent values of the boxes that rearrange elements: each element looked up where it comes from."""

import numpy as np


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


VALUES = {"Transpose": transpose, "Flip": flip, "Roll": roll}
