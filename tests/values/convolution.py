"""Independent values of convolutions and pooling: element by element, with Python loops over every window."""

import itertools
import math

import numpy as np


def listed(given, count):
    return list(given) if isinstance(given, tuple | list) else [given] * count


def window(size, count, stride, padding, dilation):
    """For each place of a window the sources of its elements along each axis, by the meaning of the settings."""
    gaps = listed(dilation, count)
    if padding == "same":
        padding = tuple((d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for k, d in zip(size, gaps, strict=True))
    before = [one[0] if isinstance(one, tuple) else one for one in listed(padding, count)]
    steps = listed(stride, count)

    def source(place, offset):
        return tuple(s * i + d * u - b for i, u, s, d, b in zip(place, offset, steps, gaps, before, strict=True))

    return source


def pairs(shape, places, size, source):
    """Every place of the window, every element of it, and where that stands, None outside."""
    for place in itertools.product(*map(range, places)):
        for offset in itertools.product(*map(range, size)):
            at = source(place, offset)
            yield place, offset, at if all(0 <= p < n for p, n in zip(at, shape, strict=True)) else None


def places_of(shape, size, stride, padding, dilation):
    """As many places as fit, counted one by one."""
    count = len(size)
    both = (
        [sum(one) if isinstance(one, tuple) else 2 * one for one in listed(padding, count)]
        if padding != "same"
        else [d * (k - 1) for k, d in zip(size, listed(dilation, count), strict=True)]
    )
    return [
        len([i for i in range(n + p) if i * s + d * (k - 1) < n + p])
        for n, p, s, d, k in zip(shape, both, listed(stride, count), listed(dilation, count), size, strict=True)
    ]


def terms(x, w, stride, padding, dilation, groups):
    """The index of h, of w and of x in every product of a convolution."""
    size, shape = w.shape[2:], x.shape[2:]
    places = places_of(shape, size, stride, padding, dilation)
    source = window(size, len(size), stride, padding, dilation)
    of_group, filters = w.shape[1], w.shape[0] // groups
    for place, offset, at in pairs(shape, places, size, source):
        if at is None:
            continue
        for n, f, c in itertools.product(range(x.shape[0]), range(w.shape[0]), range(of_group)):
            yield (n, f, *place), (f, c, *offset), (n, f // filters * of_group + c, *at)


def conv(x, w, **settings):
    h = np.zeros((x.shape[0], w.shape[0], *places_of(x.shape[2:], w.shape[2:], *(settings[s] for s in
                  ("stride", "padding", "dilation")))))  # fmt: skip
    for i, j, k in terms(x, w, **settings):
        h[i] += w[j] * x[k]
    return h


def conv_input(g, w, like, **settings):
    h = np.zeros_like(like)
    for i, j, k in terms(like, w, **settings):
        h[k] += g[i] * w[j]
    return h


def conv_filters(g, x, like, **settings):
    h = np.zeros_like(like)
    for i, j, k in terms(x, like, **settings):
        h[j] += g[i] * x[k]
    return h


def windows(a, size, stride, padding, dilation):
    """For each index of the pooled array the indices of what its window holds, None in the padding."""
    size = listed(size, 2)
    stride = size if stride is None else stride
    count = len(size)
    first, shape = a.shape[: a.ndim - count], a.shape[a.ndim - count :]
    places = places_of(shape, size, stride, padding, dilation)
    held = {}
    for place, _, at in pairs(shape, places, size, window(size, count, stride, padding, dilation)):
        for index in np.ndindex(*first):
            held.setdefault((*index, *place), []).append(None if at is None else (*index, *at))
    return (*first, *places), held


def pool(value):
    def pooled(a, count_padding=True, **settings):
        shape, held = windows(a, **settings)
        h = np.zeros(shape)
        for index, sources in held.items():
            h[index] = value([a[one] for one in sources if one is not None], len(sources) if count_padding else None)
        return h

    return pooled


def largest(a, source, **settings):
    shape, held = windows(source, **settings)
    h = np.zeros(shape)
    for index, held_there in held.items():
        inside = [one for one in held_there if one is not None]
        ties = [one for one in inside if source[one] == max(source[i] for i in inside)]
        h[index] = math.fsum(a[one] for one in ties) / len(ties)
    return h


def spread(shares):
    def value(g, like, count_padding=True, **settings):
        h = np.zeros_like(like)
        for index, sources in windows(like, **settings)[1].items():
            inside = [one for one in sources if one is not None]
            for one, share in shares(like, inside, len(sources) if count_padding else len(inside)):
                h[one] += g[index] * share
        return h

    return value


def to_ties(like, inside, _):
    ties = [one for one in inside if like[one] == max(like[i] for i in inside)]
    return [(one, 1 / len(ties)) for one in ties]


def to_rectified(g, source, pooled, floor=0.0, half=True, **settings):
    """Shares of the largest above the floor, half of one at it, of all in the window."""
    h = spread(to_ties)(g, np.maximum(source, floor), **settings)
    at_floor = h / 2 if half else 0
    return np.where(source > floor, h, np.where(source == floor, at_floor, 0))


VALUES = {
    "Conv1d": conv,
    "Conv2d": conv,
    "Conv3d": conv,
    "ConvInput": conv_input,
    "ConvFilters": conv_filters,
    "MaxPool": pool(lambda values, _: max(values)),
    "MeanPool": pool(lambda values, count: math.fsum(values) / (count or len(values))),
    "MeanOfLargest": largest,
    "SpreadToLargest": spread(to_ties),
    "SpreadToRectified": to_rectified,
    "SpreadEvenly": spread(lambda _, inside, count: [(one, 1 / count) for one in inside]),
}
