"""Independent values of the activations: number by number with Python's math, rows by loops."""

import math

import numpy as np


def each(function):
    return lambda a, **settings: np.vectorize(lambda x: function(float(x), **settings), otypes=[float])(a)


def softmax(a, axis):
    axes = (axis,) if isinstance(axis, int) else range(a.ndim) if axis is None else axis
    largest = np.array(a, dtype=np.longdouble)
    total = np.zeros_like(largest)
    for index in np.ndindex(a.shape):
        row = tuple(slice(None) if i in {x % a.ndim for x in axes} else one for i, one in enumerate(index))
        total[index] = sum(np.exp(np.longdouble(x)) for x in np.ravel(a[row]))
    return (np.exp(largest) / total).astype(float)


VALUES = {
    "NormalCdf": each(lambda x: (1 + math.erf(x / math.sqrt(2))) / 2),
    "Sigmoid": each(lambda x: (1 + math.tanh(x / 2)) / 2),
    "ReLU": each(lambda x: x if x > 0 else 0.0),
    "LeakyReLU": each(lambda x, slope: x if x > 0 else slope * x),
    "ELU": each(lambda x, alpha: x if x > 0 else alpha * (math.exp(x) - 1)),
    "Softplus": each(lambda x: math.log(1 + math.exp(x))),
    "GELU": each(
        lambda x, approximate: (
            x * (1 + math.erf(x / math.sqrt(2))) / 2
            if approximate == "none"
            else x / (1 + math.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        )
    ),
    "SiLU": each(lambda x: x / (1 + math.exp(-x))),
    "Softmax": softmax,
    "LogSoftmax": lambda a, axis: np.log(softmax(a, axis)),
}
