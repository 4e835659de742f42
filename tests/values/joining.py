"""Independent values of the boxes that join arrays: lists added up along the axis."""

import numpy as np


def concatenate(*arrays, axis):
    return np.moveaxis(np.array([row for a in arrays for row in np.moveaxis(a, axis, 0)]), 0, axis)


def split_like(a, *likes, axis):
    rows = list(np.moveaxis(a, axis, 0))
    return tuple(np.moveaxis(np.array([rows.pop(0) for _ in range(like.shape[axis])]), 0, axis) for like in likes)


def stack(*arrays, axis):
    return np.moveaxis(np.array(arrays), 0, axis)


VALUES = {"Concatenate": concatenate, "SplitLike": split_like, "Stack": stack}
