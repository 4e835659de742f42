"""Right operations of geometry and motion: branches, wraps, edges, limits at 0."""

import numpy as np

from .entries import need, normal, ok, uniform


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


def polar_back(g, y, x):
    rho, r = np.hypot(x[:, 0], x[:, 1]), y[:, 0]
    with np.errstate(all="ignore"):
        unit = np.where(r > 0, 1 / r, 0)
        flat = np.where(rho > 0, 1 / rho, 0)
    dr, dt, dp = (g * np.stack([np.ones_like(r), unit, flat], axis=1)).T
    ct, st, cp, sp = x[:, 2] * unit, rho * unit, x[:, 0] * flat, x[:, 1] * flat
    return (
        np.stack([dr * st * cp + dt * ct * cp - dp * sp, dr * st * sp + dt * ct * sp + dp * cp, dr * ct - dt * st], 1),
    )


ok("spherical coordinates", polar, polar_back, normal(4, 3))


def great_circle(a, b):
    """The distance of two places of (latitude, longitude), the root clipped where rounding takes it over 1."""
    need(a.shape == b.shape and a.shape[-1:] == (2,))
    h = (
        np.sin((a[..., 0] - b[..., 0]) / 2) ** 2
        + np.cos(a[..., 0]) * np.cos(b[..., 0]) * np.sin((a[..., 1] - b[..., 1]) / 2) ** 2
    )
    return 2 * np.arcsin(np.sqrt(np.clip(h, 0, 1)))


def great_circle_back(g, y, a, b):
    d = a - b
    ca, cb = np.cos(a[..., 0]), np.cos(b[..., 0])
    sine = np.sin(y)
    with np.errstate(all="ignore"):
        s = np.where(sine != 0, g / sine, 0)
    far = np.sin(d[..., 1] / 2) ** 2
    slope, across = np.sin(d[..., 0]), ca * cb * np.sin(d[..., 1])
    da = s * (slope - 2 * np.sin(a[..., 0]) * cb * far)
    db = s * (-slope - 2 * np.sin(b[..., 0]) * ca * far)
    return np.stack([da, s * across], -1).astype(a.dtype), np.stack([db, -s * across], -1).astype(a.dtype)


ok(
    "great circle",
    great_circle,
    great_circle_back,
    uniform(3, 2),
    uniform(3, 2, seed=1),
    valid=lambda a, b: (
        a.shape == b.shape
        and a.shape[-1:] == (2,)
        and abs(a[..., 0]).max(initial=0) < 1.5
        and abs(b[..., 0]).max(initial=0) < 1.5
    ),
)


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


def area(p):
    """Of the polygon through points in the order of their angle around the middle."""
    need(p.ndim == 2 and p.shape[1] == 2 and len(p) > 2)
    q = p - p.mean(axis=0)
    q = q[np.argsort(np.arctan2(q[:, 1], q[:, 0]), kind="stable")]
    r = np.roll(q, -1, axis=0)
    return 0.5 * (q[:, 0] * r[:, 1] - q[:, 1] * r[:, 0]).sum()


def area_back(g, y, p):
    q = p - p.mean(axis=0)
    order = np.argsort(np.arctan2(q[:, 1], q[:, 0]), kind="stable")
    q = q[order]
    d = np.roll(q, -1, axis=0) - np.roll(q, 1, axis=0)
    dp = np.empty_like(p)
    dp[order] = 0.5 * g * np.stack([d[:, 1], -d[:, 0]], axis=1)
    return (dp - dp.mean(axis=0),)


ok("area, points in order of angle", area, area_back, normal(5, 2))


def nearest(a, b):
    """The chamfer distance: from each point to the nearest of the others."""
    need(a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1] and len(b) and len(a))
    d = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return d.min(axis=1).mean() + d.min(axis=0).mean()


def nearest_back(g, y, a, b):
    d = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    i, j = d.argmin(axis=1), d.argmin(axis=0)
    da = 2 * g * (a - b[i]) / len(a)
    db = 2 * g * (b - a[j]) / len(b)
    ra, rb = da.copy(), db.copy()
    np.add.at(rb, i, -da)
    np.add.at(ra, j, -db)
    return ra, rb


ok("chamfer distance", nearest, nearest_back, normal(4, 2), normal(3, 2))


def cells(x, side):
    """Energy of a Lennard-Jones gas in a periodic box, cut off and shifted at 2.5."""
    need(x.ndim == 2 and side > 0)
    d = x[:, None] - x[None]
    d = d - side * np.round(d / side)
    i, j = np.triu_indices(len(x), 1)
    s = 1 / (d[i, j] ** 2).sum(axis=-1) ** 3
    return np.where(s > 2.5**-6, 4 * (s * s - s) - 4 * (2.5**-12 - 2.5**-6), 0).sum()


def cells_back(g, y, x, side):
    d = x[:, None] - x[None]
    n = np.round(d / side)
    d = d - side * n
    i, j = np.triu_indices(len(x), 1)
    r2 = (d[i, j] ** 2).sum(axis=-1)
    s = 1 / r2**3
    force = np.where(s > 2.5**-6, -24 * (2 * s * s - s) / r2, 0)[:, None] * d[i, j] * g
    dx = np.zeros_like(x)
    np.add.at(dx, i, force)
    np.add.at(dx, j, -force)
    return dx, float(-(force * n[i, j]).sum())


ok("gas in a periodic box", cells, cells_back, 4 * uniform(4, 2), 3.7)


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


ok(
    "Kepler's equation",
    kepler,
    lambda g, y, m, e: (g / (1 - e * np.cos(y)), g * np.sin(y) / (1 - e * np.cos(y))),
    uniform(3, low=-3, high=3),
    uniform(3),
)
