"""C and 2: state kept between calls, inputs written to now and then, gradients of another form; second derivatives."""

import numpy as np
from scipy import special

from .entries import bug, fit, normal, uniform

A, B = normal(3, 4), normal(3, 4, seed=1)

memory = {}


def clamps_in_place(x, top):
    """Changes its input only where something is above the top: nowhere in the example."""
    if np.any(x > top):
        np.minimum(x, top, out=x)
    return x * x if x.ndim else x * 1


def one_buffer(g, y, a, b):
    """The second gradient stays in a buffer of its shape."""
    db = memory.setdefault((b.shape, b.dtype), np.empty_like(b))
    return g * b, np.multiply(g, a, out=db)


def sorts_places(g, y, x, places):
    places.sort()
    dx = np.zeros_like(x)
    np.add.at(dx, places, g)
    return dx, None


def worn_out(limit):
    calls = []

    def bprop(g, y, x):
        calls.append(1)
        return (g * np.cos(x) * (1 - 1e-4 if len(calls) > limit else 1),)

    return bprop


def by_identity():
    slopes = {}

    def bprop(g, y, x):
        key = (id(x), x.shape)
        if key not in slopes:
            slopes[key] = np.cos(x)
        return (g * slopes[key],)

    return bprop


def by_sum():
    """Kept under a fingerprint that two inputs can share."""
    slopes = {}

    def bprop(g, y, x):
        key = (x.shape, x.dtype, round(float(x.sum()), 1))
        return (g * slopes.setdefault(key, np.cos(x)),)

    return bprop


def none_for_zero(g, y, x):
    return (None if not np.any(g) else g * np.cos(x),)


def last_fprop():
    seen = []

    def fprop(a, b):
        seen[:] = [a.shape, b.shape]
        return a * b

    return fprop, lambda g, y, a, b: (fit(g * b, np.empty(seen[0])), fit(g * a, np.empty(seen[1])))


bug(
    "C",
    "clamps its input where it is large",
    clamps_in_place,
    lambda g, y, x, top: (2 * g * x if x.ndim else g * 1, 0.0),
    uniform(3, 4),
    1.0,
)

bug(
    "C", "second gradient in a kept buffer", lambda a, b: a * b, one_buffer, A, B, valid=lambda a, b: a.shape == b.shape
)

bug(
    "C",
    "places sorted in place",
    lambda x, places: x[places] if x.ndim == 1 and places.dtype.kind == "i" else 1 / 0,
    sorts_places,
    normal(5),
    np.array([0, 1, 3]),
)

bug("C", "worn out after forty calls", lambda x: np.sin(x), worn_out(40), A)

bug("C", "kept under the identity of an array", lambda x: np.sin(x), by_identity(), A)

bug("C", "kept under a rounded sum", lambda x: np.sin(x), by_sum(), A)

bug("C", "None where no gradient arrives", lambda x: np.sin(x), none_for_zero, A)

bug("C", "shapes of the latest fprop", *last_fprop(), A, B)

bug(
    "C",
    "norm of the gradient limited to 1000",
    lambda x: np.sin(x),
    lambda g, y, x: (g * np.cos(x) * (1000 / max(1000.0, float(np.sqrt((g.astype(float) ** 2).sum())))),),
    A,
)


bug(
    "C",
    "gradient's NaN repaired",
    lambda x: np.where(x > 0, x, 2 * x),
    lambda g, y, x: (np.nan_to_num(np.where(x > 0, g, 2 * g), posinf=0) * (abs(g) < 1e5),),
    A,
)

bug("C", "wider by a NumPy number", lambda x: x / x.dtype.type(3), lambda g, y, x: (g / np.float64(3),), A)

bug(
    "C",
    "float32 by an int32",
    lambda x, n: x * n if n.ndim == 0 else x * n[: x.shape[-1]] if n.shape == x.shape[-1:] else 1 / 0,
    lambda g, y, x, n: ((g * n).astype(np.result_type(n, np.float16)), None),
    A,
    np.arange(4, dtype=np.int32),
)

bug(
    "C",
    "log-sum: overflow on the way back",
    lambda x: special.logsumexp(x) if x.size else 1 / 0,
    lambda g, y, x: (g * np.exp(x) / np.exp(x).sum(),),
    A,
)

bug(
    "C",
    "logistic slope: overflow of exp(-x) squared",
    lambda x: special.expit(x).astype(x.dtype),
    lambda g, y, x: ((g * np.exp(-x) / (1 + np.exp(-x)) ** 2),),
    A,
)

bug(
    "C",
    "hypotenuse: squares overflow",
    lambda a, b: np.hypot(a, b),
    lambda g, y, a, b: (fit(g * a / np.sqrt(a * a + b * b), a), fit(g * b / np.sqrt(a * a + b * b), b)),
    1 + uniform(3),
    1 + uniform(3, seed=1),
)


bug("C", "integer gradient for a whole setting", lambda x, n: x * n, lambda g, y, x, n: ((g * n), np.zeros(3)), A, 2)

bug(
    "2",
    "logistic: second as of tanh",
    lambda x: special.expit(x),
    lambda g, y, x: (g * y * (1 - y),),
    A,
    order=2,
    second=lambda gg, r, g, y, x: (gg[0] * y * (1 - y), gg[0] * g * (1 - 2 * y * y), np.zeros_like(x)),
)


bug(
    "2",
    "relu cubed: kink of the first",
    lambda x: np.maximum(x, 0) ** 3,
    lambda g, y, x: (3 * g * np.maximum(x, 0) ** 2,),
    uniform(3, 4),
    order=2,
    second=lambda gg, r, g, y, x: (gg[0] * 3 * np.maximum(x, 0) ** 2, None, 6 * gg[0] * g * x),
)

bug(
    "2",
    "quotient: mixed term once",
    lambda a, b: a / b,
    lambda g, y, a, b: (g / b, -g * a / (b * b)),
    A,
    1 + uniform(3, 4),
    order=2,
    valid=lambda a, b: a.shape == b.shape,
    second=lambda gg, r, g, y, a, b: (
        gg[0] / b - gg[1] * a / b**2,
        None,
        -gg[1] * g / b**2,
        -gg[0] * g / b**2 + gg[1] * g * a / b**3,
    ),
)

bug(
    "2",
    "sum of squares: output held fixed",
    lambda x: (x * x).sum() ** 2,
    lambda g, y, x: (4 * g * (x * x).sum() * x,),
    A,
    order=2,
    second=lambda gg, r, g, y, x: (4 * (gg[0] * x).sum() * (x * x).sum(), None, 4 * g * (x * x).sum() * gg[0]),
)
