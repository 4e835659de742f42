"""Independent values of Fourier transforms and signals: the sums of the definitions, pair by pair."""

import cmath

import numpy as np

SCALES = {
    -1: {None: 0, "backward": 0, "ortho": 0.5, "forward": 1},
    1: {None: 1, "backward": 1, "ortho": 0.5, "forward": 0},
}


def resized(a, axis, n):
    """The first n elements along an axis, zeros where there are none."""
    rows = [np.take(a, i, axis) if i < a.shape[axis] else np.zeros_like(np.take(a, 0, axis)) for i in range(n)]
    return np.stack(rows, axis)


def along(a, axis, n, sign, norm):
    a = resized(a, axis, n)
    sums = [sum(np.take(a, j, axis) * cmath.exp(sign * 2j * cmath.pi * j * k / n) for j in range(n)) for k in range(n)]
    return np.stack(sums, axis) / n ** SCALES[sign][norm]


def plan(a, axes, s):
    axes = list(range(a.ndim)) if axes is None else [axis % a.ndim for axis in axes]
    sizes = [-1] * len(axes) if s is None else s
    return [(axis, a.shape[axis] if n == -1 else n) for axis, n in zip(axes, sizes, strict=True)]


def transform(sign):
    def value(a, axes, s, norm):
        for axis, n in plan(a, axes, s):
            a = along(a, axis, n, sign, norm)
        return a

    return value


def rfft(a, axes, s, norm):
    axis, n = plan(a, axes, s)[-1]
    return np.take(transform(-1)(a, axes, s, norm), range(n // 2 + 1), axis)


def irfft(a, axes, s, norm):
    *others, (axis, n) = plan(a, axes, s)
    n = 2 * (n - 1) if s is None else n
    for other, size in others:
        a = along(a, other, size, 1, norm)
    half = resized(a, axis, n // 2 + 1)
    whole = [np.take(half, k, axis) if k <= n // 2 else np.conj(np.take(half, n - k, axis)) for k in range(n)]
    whole = [part.real if k in (0, n / 2) else part for k, part in enumerate(whole)]
    return along(np.stack(whole, axis), axis, n, 1, norm).real


def both_halves(a, like, axis):
    """Each point as often as its frequency or the opposite one occurs."""
    n = like.shape[axis]
    count = [len({k, -k % n}) for k in range(n // 2 + 1)]
    return np.moveaxis(np.moveaxis(a, axis, -1) * count, -1, axis)


def shift(a, axes, inverse):
    for axis in range(a.ndim) if axes is None else axes:
        n = a.shape[axis]
        place = n // 2 if inverse else n - n // 2
        a = np.take(a, [(i + place) % n for i in range(n)], axis)
    return a


def fit_like(a, like, axes):
    for axis in axes:
        a = resized(a, axis, like.shape[axis])
    return a


def convolve(a, v):
    h = np.zeros(len(a) + len(v) - 1)
    for i, j in np.ndindex(len(a), len(v)):
        h[i + j] += a[i] * v[j]
    return h


def correlate(a, v):
    return np.array([sum(x * y for x, y in zip(a[k:], v, strict=False)) for k in range(len(a) - len(v) + 1)])


def unwrap(p, discont, axis, period):
    """Each angle as near to the one before as whole periods bring it, if the step was too large."""
    lines = np.moveaxis(p, axis, -1).copy()
    for line in lines.reshape(-1, lines.shape[-1]):
        original = line.copy()
        for i in range(1, len(line)):
            step = original[i] - original[i - 1]
            large = abs(step) >= (period / 2 if discont is None else discont)
            line[i] = line[i - 1] + (step - period * round(step / period) if large else step)
    return np.moveaxis(lines, -1, axis)


VALUES = {
    "Fft": transform(-1),
    "Ifft": transform(1),
    "Rfft": rfft,
    "Irfft": irfft,
    "BothHalves": both_halves,
    "FftShift": shift,
    "FitLike": fit_like,
    "Convolve": convolve,
    "Correlate": correlate,
    "Unwrap": unwrap,
}
