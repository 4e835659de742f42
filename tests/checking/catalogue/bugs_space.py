"""Planted mistakes in geometry and motion."""

import numpy as np

from .entries import bug, normal, uniform
from .right_space import (
    area,
    cells,
    great_circle,
    great_circle_back,
    kepler,
    leapfrog,
    leapfrog_back,
    nearest,
    polar,
    polar_back,
    sin_ratios,
    to_segment,
    turn,
    turn_back,
)


def turn_by_angle(g, y, r, v):
    """No series: 0 / 0 where nothing turns."""
    t = np.sqrt(r @ r)
    a, b = np.sin(t) / t, (1 - np.cos(t)) / t**2
    da, db = (np.cos(t) - a) / (2 * t * t), (a / 2 - b) / t**2
    slope = -a / 2 * (g @ v) + da * (g @ np.cross(r, v)) + db * (g @ r) * (r @ v)
    return (
        2 * r * slope + a * np.cross(v, g) + b * (g * (r @ v) + v * (g @ r)),
        np.cos(t) * g + a * np.cross(g, r) + b * r * (g @ r),
    )


def turn_short_series(g, y, r, v):
    """The series near 0 has one term too few."""
    z = r @ r
    a, b, da, db = sin_ratios(z)
    da = -1 / 6 if z < 1e-2 else da
    slope = -a / 2 * (g @ v) + da * (g @ np.cross(r, v)) + db * (g @ r) * (r @ v)
    return 2 * r * slope + a * np.cross(v, g) + b * (g * (r @ v) + v * (g @ r)), turn_back(g, y, r, v)[1]


bug("R", "turned: NaN where nothing turns", turn, turn_by_angle, normal(3), normal(3, seed=1))

bug("R", "turned: series cut short", turn, turn_short_series, normal(3), normal(3, seed=1))

bug(
    "R",
    "turned: small turns by the first order",
    turn,
    lambda g, y, r, v: turn_back(g, y, r, v) if r @ r > 1e-4 else (np.cross(v, g), g + np.cross(g, r)),
    normal(3),
    normal(3, seed=1),
)

bug(
    "R",
    "spherical: NaN on the axis",
    polar,
    lambda g, y, x: (
        lambda rho, r: (
            np.stack(
                [
                    g[:, 0] * x[:, 0] / r + g[:, 1] * x[:, 2] * x[:, 0] / (r * r * rho) - g[:, 2] * x[:, 1] / rho**2,
                    g[:, 0] * x[:, 1] / r + g[:, 1] * x[:, 2] * x[:, 1] / (r * r * rho) + g[:, 2] * x[:, 0] / rho**2,
                    g[:, 0] * x[:, 2] / r - g[:, 1] * rho / (r * r),
                ],
                axis=1,
            ),
        )
    )(np.hypot(x[:, 0], x[:, 1]), y[:, 0]),
    normal(4, 3),
)

bug(
    "R",
    "spherical: upper half only",
    polar,
    lambda g, y, x: polar_back(g * np.where(x[:, 2:] > 0, 1, [[1, -1, 1]]), y, x),
    np.abs(normal(4, 3)),
)

bug(
    "R",
    "great circle: flat for near places",
    great_circle,
    lambda g, y, a, b: (
        great_circle_back(g, y, a, b)
        if np.all(y > 1e-3)
        else great_circle_back(g, y, a, b + np.array([0, 1e-3], b.dtype))
    ),
    uniform(3, 2),
    uniform(3, 2, seed=1),
    valid=lambda a, b: (
        a.shape == b.shape
        and a.ndim == 2
        and a.shape[1] == 2
        and np.all(abs(a) < 1.5)
        and np.all(abs(b) < 1.5)
        and a.dtype == b.dtype
    ),
)

bug(
    "E",
    "great circle: degrees by six digits",
    lambda a, b: great_circle(a * (np.pi / 180), b * (np.pi / 180)),
    lambda g, y, a, b: tuple(0.0174533 * d for d in great_circle_back(g, y, a * (np.pi / 180), b * (np.pi / 180))),
    60 * uniform(3, 2),
    60 * uniform(3, 2, seed=1),
    valid=lambda a, b: np.all(abs(a) < 80) and np.all(abs(b) < 80),
)


def segment_as_line(g, y, p, a, b):
    u = b - a
    t = (p - a) @ u / (u @ u)
    dp = 2 * g[:, None] * (p - a - t[:, None] * u)
    return dp, -(dp * (1 - t)[:, None]).sum(axis=0), -(dp * t[:, None]).sum(axis=0)


P = np.array([[0.3, 0.4], [0.7, -0.2], [0.5, 0.9]])

bug("R", "segment: taken for a line", to_segment, segment_as_line, P, np.array([0.0, 0.1]), np.array([1.0, -0.1]))

bug(
    "R",
    "area: in the order given",
    area,
    lambda g, y, p: (
        0.5
        * g
        * np.stack([np.roll(p[:, 1], -1) - np.roll(p[:, 1], 1), np.roll(p[:, 0], 1) - np.roll(p[:, 0], -1)], axis=1),
    ),
    np.array([[-1.0, -0.9], [1.2, -1.0], [1.0, 0.8], [-0.9, 1.1]]),
)


def nearest_overwrites(g, y, a, b):
    d = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    i, j = d.argmin(axis=1), d.argmin(axis=0)
    da, db = 2 * g * (a - b[i]) / len(a), 2 * g * (b - a[j]) / len(b)
    ra, rb = da.copy(), db.copy()
    rb[i] -= da
    ra[j] -= db
    return ra, rb


PAIRS = np.array([[0.1, 0.2], [2.0, 0.1], [0.2, 3.0]])

bug("R", "chamfer: nearest of two overwritten", nearest, nearest_overwrites, PAIRS, PAIRS + 0.3 * normal(3, 2))


def gas(cut, wrap):
    def bprop(g, y, x, side):
        d = x[:, None] - x[None]
        n = np.round(d / side) if wrap else 0 * d
        d = d - side * n
        i, j = np.triu_indices(len(x), 1)
        r2 = (d[i, j] ** 2).sum(axis=-1)
        s = 1 / r2**3
        force = np.where((s > 2.5**-6) | (not cut), -24 * (2 * s * s - s) / r2, 0)[:, None] * d[i, j] * g
        dx = np.zeros_like(x)
        np.add.at(dx, i, force)
        np.add.at(dx, j, -force)
        return dx, float(-(force * n[i, j]).sum())

    return bprop


NEAR = np.array([[0.2, 0.1], [1.3, 0.3], [0.5, 1.4]])

bug("R", "gas: not cut off", cells, gas(False, True), NEAR, 9.0)

bug("R", "gas: not wrapped", cells, gas(True, False), NEAR, 9.0)

bug(
    "R",
    "leapfrog: one step only",
    leapfrog,
    lambda gs, out, x, v, steps, h: leapfrog_back(gs, out, x, v, min(steps, 1), h),
    normal(3),
    normal(3, seed=1),
    1,
    0.1,
)

bug(
    "V",
    "leapfrog: second half of the kick",
    leapfrog,
    lambda gs, out, x, v, steps, h: (lambda d: (d[0] + h / 2 * gs[1] * np.cos(out[0]), *d[1:]))(
        leapfrog_back(gs, out, x, v, steps, h)
    ),
    normal(3),
    normal(3, seed=1),
    2,
    0.1,
)

bug(
    "V",
    "Kepler: by the mean anomaly",
    kepler,
    lambda g, y, m, e: (g / (1 - e * np.cos(m)), g * np.sin(m) / (1 - e * np.cos(m))),
    uniform(3, low=-3, high=3),
    uniform(3),
)

bug(
    "E",
    "Kepler: stopped early on the way back",
    kepler,
    lambda g, y, m, e: (lambda s: (g * s, g * s * np.sin(y)))(sum((e * np.cos(y)) ** k for k in range(24))),
    uniform(3, low=-3, high=3),
    uniform(3, high=0.5),
)
