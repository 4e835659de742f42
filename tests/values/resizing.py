"""Independent values of resizing: along each axis the sum of the weights that ONNX's text gives, number by number."""

import math

import numpy as np


def _along(row, wanted, scale, mode, coordinates, rounding, cubic, exclude_outside):
    count = len(row)
    at = {
        "asymmetric": lambda i: i / scale,
        "half_pixel": lambda i: (i + 0.5) / scale - 0.5,
        "align_corners": lambda i: i * (count - 1) / (wanted - 1) if wanted > 1 else 0.0,
    }[coordinates]

    def weight(x):
        if mode == "linear":
            return max(1 - abs(x), 0)
        if abs(x) <= 1:
            return (cubic + 2) * abs(x) ** 3 - (cubic + 3) * abs(x) ** 2 + 1
        return cubic * (abs(x) ** 3 - 5 * abs(x) ** 2 + 8 * abs(x) - 4) if abs(x) < 2 else 0

    def value(x):
        if mode == "nearest":
            place = math.floor(x) if rounding == "floor" else math.ceil(x - 0.5)
            return row[min(max(place, 0), count - 1)]
        near = range(math.floor(x) - 1, math.floor(x) + 3)
        used = {k: weight(x - k) for k in near if 0 <= k < count or not exclude_outside}
        total = sum(used.values()) if exclude_outside else 1
        return sum(w * row[min(max(k, 0), count - 1)] for k, w in used.items()) / total

    return np.array([value(at(i)) for i in range(wanted)])


def resize(a, *, size, scale, mode, coordinates, rounding, cubic, exclude_outside):
    first = a.ndim - len(size or scale)
    for place, axis in enumerate(range(first, a.ndim)):
        count = a.shape[axis]
        wanted = size[place] if size else math.floor(count * scale[place])
        step = scale[place] if scale else wanted / count
        a = np.apply_along_axis(_along, axis, a, wanted, step, mode, coordinates, rounding, cubic, exclude_outside)
    return a


def resize_input(g, like, **settings):
    """The sum of what each element of the input adds, found by resizing one element at a time."""
    found = np.zeros(like.shape, g.dtype)
    for place in np.ndindex(like.shape):
        unit = np.zeros(like.shape)
        unit[place] = 1
        found[place] = np.sum(resize(unit, **settings) * g)
    return found


VALUES = {"Resize": resize, "ResizeInput": resize_input}
