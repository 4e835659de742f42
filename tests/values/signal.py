"""Independent values of signals: pair by pair, and angles step by step."""

import numpy as np


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


VALUES = {"Convolve": convolve, "Correlate": correlate, "Unwrap": unwrap}
