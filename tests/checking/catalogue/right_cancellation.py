"""Right operations that lose digits, stand on steps, or leave the normal numbers."""

import numpy as np

from .entries import fit, normal, ok, uniform

ok(
    "larger root of a quadratic, naive",
    lambda b, c: (-b + np.sqrt(b * b - 4 * c)) / 2,
    lambda g, y, b, c: (fit(-g * y / np.sqrt(b * b - 4 * c), b), fit(-g / np.sqrt(b * b - 4 * c), c)),
    2 + uniform(4),
    uniform(4),
    valid=lambda b, c: np.all(b * b > 4 * c),
)

ok(
    "expanded (x - 1)⁷",
    lambda x: ((((((x - 7) * x + 21) * x - 35) * x + 35) * x - 21) * x + 7) * x - 1,
    lambda g, y, x: (7 * g * (x - 1) ** 6,),
    uniform(5, high=2),
)

ok(
    "sum of an alternating series",
    lambda x: 1 - x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5 * (1 - x / 6))))),
    lambda g, y, x: (-g * (1 - x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5))))),),
    9 + normal(4),
)

ok(
    "area by Heron",
    lambda a, b, c: np.sqrt((a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c))) / 4,
    lambda g, y, a, b, c: (
        g * a * (b * b + c * c - a * a) / (8 * y),
        g * b * (a * a + c * c - b * b) / (8 * y),
        g * c * (a * a + b * b - c * c) / (8 * y),
    ),
    3 + uniform(3),
    4 + uniform(3),
    5 + uniform(3),
    valid=lambda a, b, c: (
        a.shape == b.shape == c.shape
        and np.all(a + b > c)
        and np.all(a + c > b)
        and np.all(b + c > a)
        and np.all(a > 0)
    ),
)

ok(
    "subnormal scale",
    lambda x: x * 1e-310 * 1e300,
    lambda g, y, x: (g * 1e-310 * 1e300,),
    normal(4),
    valid=lambda x: x.dtype.itemsize >= 8,
)

ok("staircase", lambda x: np.floor(10 * x) / 10, lambda g, y, x: (0 * g,), normal(5))

ok("sawtooth times x", lambda x: x * (x - np.floor(x)), lambda g, y, x: (g * (2 * x - np.floor(x)),), normal(5))

ok(
    "hard shrink",
    lambda x, level: np.where(abs(x) > level, x, 0),
    lambda g, y, x, level: (np.where(abs(x) > level, g, 0), 0.0),
    normal(5),
    0.4,
)

ok(
    "power of 0 to 0",
    lambda x, n: x**n if n >= 0 else 1 / 0,
    lambda g, y, x, n: (g * (n * x ** (n - 1) if n else 0 * x), None),
    normal(4),
    2,
)
