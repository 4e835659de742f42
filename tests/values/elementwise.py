"""Values of the elementwise boxes: NumPy's own, or number by number with Python's arithmetic and math."""

import cmath
import decimal
import math

import numpy as np

from flowgraph.box.numpy_dispatch import builder_of


def each(function, otype=float):
    """The function on Python numbers, element by element."""

    def value(*arrays, **settings):
        plain = [[x.item() for x in np.ravel(a)] for a in np.broadcast_arrays(*arrays)]
        numbers = [function(*row, **settings) for row in zip(*plain, strict=True)]
        return np.array(numbers, otype).reshape(np.broadcast_shapes(*(a.shape for a in arrays)))

    return value


def rounded(x, decimals):
    """To the nearest, the even one in the middle, in decimal arithmetic."""
    return float(decimal.Decimal(x).quantize(decimal.Decimal(1).scaleb(-decimals), decimal.ROUND_HALF_EVEN))


def sinc(x):
    """Euler's product over the halved angles: sin(t)/t = cos(t/2) cos(t/4) ..."""
    return math.prod(math.cos(math.pi * x / 2**k) for k in range(1, 60))


def finite(x, nan, posinf, neginf):
    if math.isnan(x):
        return nan
    largest = float(np.finfo(float).max)
    if math.isinf(x):
        return (largest if posinf is None else posinf) if x > 0 else (-largest if neginf is None else neginf)
    return x


UFUNCS = {
    builder.__name__: function
    for function in vars(np).values()
    if isinstance(function, np.ufunc) and isinstance(builder := builder_of(function), type)
}
"""What a box does that stands for a function of NumPy is defined by that function."""

COMPOSED = {
    "ConstantPower": each(lambda a, exponent: math.pow(a, exponent)),
    "Sinc": each(sinc),
    "Clip": each(lambda a, low, high: sorted([low, a, high])[1]),
    "Where": each(lambda condition, a, b: a if condition else b),
    "NanToNum": each(finite),
    "Round": each(rounded),
    "Cast": lambda a, to: each(int, int)(a) if to is np.int64 else each(to, to)(a),
    "Power": np.power,
    "Conjugate": np.conjugate,
    "Real": each(lambda z: abs(z) * math.cos(cmath.phase(z))),
    "Imag": each(lambda z: abs(z) * math.sin(cmath.phase(z))),
    "Angle": each(lambda z: cmath.log(z).imag),
}


def polyval(p, x):
    powers = range(len(p) - 1, -1, -1)
    one = np.vectorize(lambda at: math.fsum(c * at**k for c, k in zip(p, powers, strict=True)), otypes=[float])
    return one(x)


VALUES = UFUNCS | COMPOSED | {"PolyVal": polyval}
