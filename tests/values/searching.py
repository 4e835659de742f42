"""Independent values of places: counted, element by element."""

import numpy as np


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


VALUES = {"SearchSorted": search_sorted, "Digitize": digitize, "Nonzero": nonzero}
