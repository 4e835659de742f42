"""A call for every promised function: one of a few that serve most, or one of its own."""

import numpy as np

MATRIX = np.array([[0.9, 0.2, 0.3], [0.2, 0.8, 0.1], [0.3, 0.1, 0.7]])
VECTOR = np.array([0.3, 0.8, 0.5])

COMMON = (
    lambda f, x, v: f(x),
    lambda f, x, v: f(x, x),
    lambda f, x, v: f(v),
    lambda f, x, v: f(v, v),
    lambda f, x, v: f(x, 1),
    lambda f, x, v: f([x, x]),
    lambda f, x, v: f(x, x, x),
)

OWN = {
    "select": lambda f, x, v: f([x > 0.5, x > 0.2], [x, 2 * x]),
    "piecewise": lambda f, x, v: f(x, [x > 0.5], [np.sin, np.cos]),
    "interp": lambda f, x, v: f(v, np.array([0.0, 0.5, 1.0]), v),
    "digitize": lambda f, x, v: f(x, np.array([0.2, 0.5])),
    "einsum": lambda f, x, v: f("ij,j", x, v),
    "linalg.tensorsolve": lambda f, x, v: f(x, v),
    "reshape": lambda f, x, v: f(x, (1, 9)),
    "swapaxes": lambda f, x, v: f(x, 0, 1),
    "moveaxis": lambda f, x, v: f(x, 0, 1),
    "broadcast_to": lambda f, x, v: f(x, (2, 3, 3)),
    "dsplit": lambda f, x, v: f(x[None], 3),
    "roll": lambda f, x, v: f(x, 1),
    "insert": lambda f, x, v: f(v, 1, 0.5),
    "astype": lambda f, x, v: f(x, np.float32),
    "take_along_axis": lambda f, x, v: f(x, np.array([[0], [2], [1]]), axis=1),
    "compress": lambda f, x, v: f([True, False, True], x, axis=0),
    "choose": lambda f, x, v: f(np.array([0, 1, 0]), [v, 2 * v]),
    "polyval": lambda f, x, v: f(v, x),
    "polyfit": lambda f, x, v: f(v, 2 * v, 1),
    "fg.set_at": lambda f, x, v: f(x, 0, v),
    "fg.add_at": lambda f, x, v: f(x, 0, v),
    "fg.Conv2d": lambda f, x, v: f(x[None, None], x[None, None, :2, :2]),
    "fg.MaxPool": lambda f, x, v: f(x[None, None], size=2),
}


def flat(results):
    """The results of a call, tuples and lists in them opened."""
    return [part for one in results for part in flat(one)] if isinstance(results, tuple | list) else [results]
