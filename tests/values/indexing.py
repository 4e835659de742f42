"""Independent values of indexing, taking, choosing and searching: one element after the other."""

import numpy as np


def places(index, shape, indices):
    """The places that an index names, as tuples, in an array of the shape of the result."""
    arrays = iter(indices)
    filled = tuple(next(arrays) if isinstance(item, str) else item for item in index)
    named = np.empty(shape, object)
    for place in np.ndindex(*shape):
        named[place] = place
    return np.asarray(named[filled], object) if shape else named


def index(a, *indices, index):
    named = places(index, a.shape, indices)
    return np.array([a.item(*place) for place in named.flat]).reshape(named.shape)


def index_add(a, like, *indices, index):
    h = np.zeros(like.shape)
    for place, number in zip(places(index, like.shape, indices).flat, a.flat, strict=True):
        h[place] += number
    return h


def set_at(a, value, *indices, index):
    h = a.copy()
    for place, number in zip(places(index, a.shape, indices).flat, value.flat, strict=True):
        h[place] = number
    return h


def add_at_rows(a, change, rows):
    h = a.copy()
    for row, number in zip(rows.ravel(), change.reshape(rows.size, *a.shape[1:]), strict=True):
        h[row] += number
    return h


def places_of_rows(rows, at, like):
    names = [int(row) % len(like) for row in np.ravel(rows)]
    last = {row: place for place, row in enumerate(names)}
    return np.array([last.get(int(row) % len(like), len(names)) for row in np.ravel(at)]).reshape(np.shape(at))


def take_along_axis(a, indices, axis):
    shape = list(np.broadcast_shapes(np.take(a, [0], axis).shape, np.take(indices, [0], axis).shape))
    shape[axis] = indices.shape[axis]
    h = np.empty(shape)
    for place in np.ndindex(*shape):
        there = list(place)
        there[axis] = indices[tuple(min(p, size - 1) for p, size in zip(place, indices.shape, strict=True))]
        h[place] = a[tuple(there)]
    return h


def argsort(a, axis):
    lines = np.moveaxis(a, axis, -1)
    h = np.empty(lines.shape, int)
    for *place, i in np.ndindex(*lines.shape):
        line = lines[tuple(place)]
        rank = sum(x < line[i] or (x == line[i] and j < i) for j, x in enumerate(line))
        h[(*place, rank)] = i
    return np.moveaxis(h, -1, axis)


def choose(number, *choices, mode):
    number, *choices = np.broadcast_arrays(number, *choices)
    h = np.empty(number.shape)
    for place in np.ndindex(h.shape):
        i = int(number[place])
        if mode == "wrap":
            i %= len(choices)
        elif mode == "clip":
            i = sorted([0, i, len(choices) - 1])[1]
        h[place] = choices[i][place]
    return h


def search_sorted(a, v, side):
    return np.vectorize(lambda x: sum(y < x or (side == "right" and y == x) for y in a), otypes=[int])(v)


def digitize(x, bins, right):
    below = (lambda edge, x: edge < x) if right else (lambda edge, x: edge <= x)
    ascending = bins[0] <= bins[-1]
    return np.vectorize(lambda x: sum(bool(below(e, x)) == ascending for e in bins), otypes=[int])(x)


def nonzero(a):
    found = [place for place in np.ndindex(a.shape) if a[place] != 0]
    columns = tuple(np.array([place[i] for place in found], int) for i in range(a.ndim))
    return columns if a.ndim > 1 else columns[0]


def interp(x, xp, fp):
    def hat(j, at):
        up = 1.0 if j == 0 or at >= xp[j] else (at - xp[j - 1]) / (xp[j] - xp[j - 1])
        down = 1.0 if j == len(xp) - 1 or at <= xp[j] else (xp[j + 1] - at) / (xp[j + 1] - xp[j])
        return max(min(up, down), 0.0)

    return np.vectorize(lambda at: sum(hat(j, at) * f for j, f in enumerate(fp)), otypes=[float])(x)


VALUES = {
    "PlacesOfRows": places_of_rows,
    "AddAtRows": add_at_rows,
    "SetAt": set_at,
    "Index": index,
    "IndexAdd": index_add,
    "ArangeLike": lambda like, axis: np.array(list(range(np.moveaxis(like, axis, 0).shape[0]))),
    "TakeAlongAxis": take_along_axis,
    "ArgSort": argsort,
    "Choose": choose,
    "SearchSorted": search_sorted,
    "Digitize": digitize,
    "Nonzero": nonzero,
    "UnitRows": lambda like: np.array(
        [[float(i == j) for j in range(like.size)] for i in range(like.size)], like.dtype
    ).reshape(like.size, *like.shape),
    "RepeatRows": lambda a, rows: np.stack([a] * len(rows)),
    "RowsAs": lambda a, like: np.array(list(a.flat)).reshape(like.shape + a.shape[1:]),
    "Interp": interp,
}
