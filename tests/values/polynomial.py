"""Independent values of polynomials: a sum of powers, number by number."""

import math

import numpy as np


def polyval(p, x):
    powers = range(len(p) - 1, -1, -1)
    one = np.vectorize(lambda at: math.fsum(c * at**k for c, k in zip(p, powers, strict=True)), otypes=[float])
    return one(x)


VALUES = {"PolyVal": polyval}
