"""Geometry: rotations, distances, integrators; and mistakes in them."""

import numpy as np

from .entries import bug, need, normal, ok, uniform


def sin_ratios(t2):
    """sin t / t and (1 - cos t) / t² with their slopes by t², by their series near 0."""
    small = t2 < 1e-2
    s = np.where(small, 1, t2)
    t = np.sqrt(s)
    a, b = np.sin(t) / t, (1 - np.cos(t)) / s
    da, db = (np.cos(t) - a) / (2 * s), (a / 2 - b) / s
    z = np.where(small, t2, 0)
    a0 = 1 - z / 6 * (1 - z / 20 * (1 - z / 42 * (1 - z / 72 * (1 - z / 110))))
    b0 = (1 - z / 12 * (1 - z / 30 * (1 - z / 56 * (1 - z / 90 * (1 - z / 132))))) / 2
    da0 = -(1 - z / 10 * (1 - z / 28 * (1 - z / 54 * (1 - z / 88 * (1 - z / 130))))) / 6
    db0 = -(1 - z / 15 * (1 - z / 37.333333333333336 * (1 - z / 67.5 * (1 - z / 105.6)))) / 24
    return [np.where(small, n, f) for n, f in ((a0, a), (b0, b), (da0, da), (db0, db))]


def turn(r, v):
    """v turned by the vector r (Rodrigues)."""
    need(r.shape == v.shape == (3,))
    a, b, _, _ = sin_ratios(r @ r)
    return np.cos(np.sqrt(r @ r)) * v + a * np.cross(r, v) + b * r * (r @ v)


def turn_back(g, y, r, v):
    a, b, da, db = sin_ratios(r @ r)
    slope = -a / 2 * (g @ v) + da * (g @ np.cross(r, v)) + db * (g @ r) * (r @ v)
    dr = 2 * r * slope + a * np.cross(v, g) + b * (g * (r @ v) + v * (g @ r))
    return dr, np.cos(np.sqrt(r @ r)) * g + a * np.cross(g, r) + b * r * (g @ r)


ok("turned by a rotation vector", turn, turn_back, normal(3), normal(3, seed=1))


def polar(x):
    need(x.ndim == 2 and x.shape[1] == 3)
    r = np.sqrt((x * x).sum(axis=1))
    return np.stack([r, np.arctan2(np.hypot(x[:, 0], x[:, 1]), x[:, 2]), np.arctan2(x[:, 1], x[:, 0])], axis=1)


def to_segment(p, a, b):
    need(p.ndim == 2 and p.shape[1:] == a.shape == b.shape and a.size)
    u = b - a
    t = np.clip((p - a) @ u / max(u @ u, 1e-300), 0, 1)
    return ((p - a - t[:, None] * u) ** 2).sum(axis=1)


def to_segment_back(g, y, p, a, b):
    u = b - a
    t = np.clip((p - a) @ u / max(u @ u, 1e-300), 0, 1)
    dp = 2 * g[:, None] * (p - a - t[:, None] * u)
    return dp, -(dp * (1 - t)[:, None]).sum(axis=0), -(dp * t[:, None]).sum(axis=0)


ok("squared distance to a segment", to_segment, to_segment_back, normal(4, 2), normal(2), normal(2, seed=1))


def leapfrog(x, v, steps, h):
    need(x.shape == v.shape and 0 <= steps < 50)
    for _ in range(steps):
        v = v - h / 2 * np.sin(x)
        x = x + h * v
        v = v - h / 2 * np.sin(x)
    return x, v


def leapfrog_back(grads, outputs, x, v, steps, h):
    path = []
    for _ in range(steps):
        w = v - h / 2 * np.sin(x)
        path.append((x, w))
        x = x + h * w
        v = w - h / 2 * np.sin(x)
    gx, gv = grads
    dh = 0.0
    for before, w in reversed(path):
        after = before + h * w
        dh -= (gv * np.sin(after) / 2).sum()
        gx = gx - h / 2 * gv * np.cos(after)
        dh += (gx * w).sum()
        gv = gv + h * gx
        dh -= (gv * np.sin(before) / 2).sum()
        gx = gx - h / 2 * gv * np.cos(before)
    return gx + 0, gv + 0, None, float(dh)


ok("pendulums by leapfrog", leapfrog, leapfrog_back, normal(3), normal(3, seed=1), 4, 0.1)


def kepler(m, e):
    need(m.shape == e.shape and np.all(e >= 0) and np.all(e < 0.95) and np.all(abs(m) < 1e3))
    x = m + e * np.sin(m)
    for _ in range(60):
        step = (x - e * np.sin(x) - m) / (1 - e * np.cos(x))
        x = x - np.clip(step, -1, 1)
    return x


def turn_short_series(g, y, r, v):
    """The series near 0 has one term too few."""
    z = r @ r
    a, b, da, db = sin_ratios(z)
    da = -1 / 6 if z < 1e-2 else da
    slope = -a / 2 * (g @ v) + da * (g @ np.cross(r, v)) + db * (g @ r) * (r @ v)
    return 2 * r * slope + a * np.cross(v, g) + b * (g * (r @ v) + v * (g @ r)), turn_back(g, y, r, v)[1]


bug("R", "turned: series cut short", turn, turn_short_series, normal(3), normal(3, seed=1))


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
    "E",
    "Kepler: stopped early on the way back",
    kepler,
    lambda g, y, m, e: (lambda s: (g * s, g * s * np.sin(y)))(sum((e * np.cos(y)) ** k for k in range(24))),
    uniform(3, low=-3, high=3),
    uniform(3, high=0.5),
)
