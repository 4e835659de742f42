"""Independent values of indexing: element by element, by the places that an index names."""

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


VALUES = {
    "PlacesOfRows": places_of_rows,
    "AddAtRows": add_at_rows,
    "SetAt": set_at,
    "Index": index,
    "IndexAdd": index_add,
    "ArangeLike": lambda like, axis: np.array(list(range(np.moveaxis(like, axis, 0).shape[0]))),
}
