"""Independent values of the modified Bessel functions: the integral over a half turn, by equal steps."""

import math

import numpy as np


def bessel(a, order):
    """∫ exp(a cos t) cos(n t) dt / π from 0 to π: for a periodic function the trapezoid rule is exact to rounding."""
    angles = [math.pi * k / 400 for k in range(401)]
    weights = [0.5, *[1.0] * 399, 0.5]

    def one(x):
        terms = (w * math.exp(x * math.cos(t)) * math.cos(order * t) for w, t in zip(weights, angles, strict=True))
        return math.fsum(terms) / 400

    return np.vectorize(one, otypes=[float])(a)


VALUES = {"ModifiedBessel": bessel}
