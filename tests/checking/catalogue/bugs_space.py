"""Planted mistakes in geometry, motion, pictures and interpolation."""

import numpy as np

from .entries import bug, normal, uniform
from .right_pictures import (
    corners,
    denoised,
    haar,
    median_filter,
    pooled,
    sampled,
    slopes,
    slopes_back,
    spline,
    spline_back,
    srgb,
    total_variation,
    unhaar,
)
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
    return (2 * r * slope + a * np.cross(v, g) + b * (g * (r @ v) + v * (g @ r)),
            np.cos(t) * g + a * np.cross(g, r) + b * r * (g @ r))


def turn_short_series(g, y, r, v):
    """The series near 0 has one term too few."""
    z = r @ r
    a, b, da, db = sin_ratios(z)
    da = -1 / 6 if z < 1e-2 else da
    slope = -a / 2 * (g @ v) + da * (g @ np.cross(r, v)) + db * (g @ r) * (r @ v)
    return 2 * r * slope + a * np.cross(v, g) + b * (g * (r @ v) + v * (g @ r)), turn_back(g, y, r, v)[1]


bug("R", "turned: NaN where nothing turns", turn, turn_by_angle, normal(3), normal(3, seed=1))
bug("R", "turned: series cut short", turn, turn_short_series, normal(3), normal(3, seed=1))
bug("R", "turned: small turns by the first order", turn, lambda g, y, r, v: (
    turn_back(g, y, r, v) if r @ r > 1e-4 else (np.cross(v, g), g + np.cross(g, r))), normal(3), normal(3, seed=1))
bug("R", "spherical: NaN on the axis", polar, lambda g, y, x: (
    lambda rho, r: (np.stack([
        g[:, 0] * x[:, 0] / r + g[:, 1] * x[:, 2] * x[:, 0] / (r * r * rho) - g[:, 2] * x[:, 1] / rho**2,
        g[:, 0] * x[:, 1] / r + g[:, 1] * x[:, 2] * x[:, 1] / (r * r * rho) + g[:, 2] * x[:, 0] / rho**2,
        g[:, 0] * x[:, 2] / r - g[:, 1] * rho / (r * r)], axis=1),))(np.hypot(x[:, 0], x[:, 1]), y[:, 0]),
    normal(4, 3))
bug("R", "spherical: upper half only", polar, lambda g, y, x: (
    polar_back(g * np.where(x[:, 2:] > 0, 1, [[1, -1, 1]]), y, x)), np.abs(normal(4, 3)))
bug("R", "great circle: flat for near places", great_circle, lambda g, y, a, b: (
    great_circle_back(g, y, a, b) if np.all(y > 1e-3) else great_circle_back(g, y, a, b + np.array([0, 1e-3], b.dtype))),
    uniform(3, 2), uniform(3, 2, seed=1), valid=lambda a, b: a.shape == b.shape and a.ndim == 2 and a.shape[1] == 2
    and np.all(abs(a) < 1.5) and np.all(abs(b) < 1.5) and a.dtype == b.dtype)
bug("E", "great circle: degrees by six digits", lambda a, b: great_circle(a * (np.pi / 180), b * (np.pi / 180)),
    lambda g, y, a, b: tuple(0.0174533 * d for d in great_circle_back(g, y, a * (np.pi / 180), b * (np.pi / 180))),
    60 * uniform(3, 2), 60 * uniform(3, 2, seed=1), valid=lambda a, b: np.all(abs(a) < 80) and np.all(abs(b) < 80))


def segment_as_line(g, y, p, a, b):
    u = b - a
    t = (p - a) @ u / (u @ u)
    dp = 2 * g[:, None] * (p - a - t[:, None] * u)
    return dp, -(dp * (1 - t)[:, None]).sum(axis=0), -(dp * t[:, None]).sum(axis=0)


P = np.array([[0.3, 0.4], [0.7, -0.2], [0.5, 0.9]])
bug("R", "segment: taken for a line", to_segment, segment_as_line, P, np.array([0.0, 0.1]), np.array([1.0, -0.1]))
bug("R", "area: in the order given", area, lambda g, y, p: (
    0.5 * g * np.stack([np.roll(p[:, 1], -1) - np.roll(p[:, 1], 1), np.roll(p[:, 0], 1) - np.roll(p[:, 0], -1)], axis=1),),
    np.array([[-1.0, -0.9], [1.2, -1.0], [1.0, 0.8], [-0.9, 1.1]]))


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
bug("R", "leapfrog: one step only", leapfrog, lambda gs, out, x, v, steps, h: leapfrog_back(gs, out, x, v, min(steps, 1), h),
    normal(3), normal(3, seed=1), 1, 0.1)
bug("V", "leapfrog: second half of the kick", leapfrog, lambda gs, out, x, v, steps, h: (
    lambda d: (d[0] + h / 2 * gs[1] * np.cos(out[0]), *d[1:]))(leapfrog_back(gs, out, x, v, steps, h)), normal(3), normal(3, seed=1), 2, 0.1)
bug("V", "Kepler: by the mean anomaly", kepler, lambda g, y, m, e: (g / (1 - e * np.cos(m)), g * np.sin(m) / (1 - e * np.cos(m))),
    uniform(3, low=-3, high=3), uniform(3))
bug("E", "Kepler: stopped early on the way back", kepler, lambda g, y, m, e: (
    lambda s: (g * s, g * s * np.sin(y)))(sum((e * np.cos(y)) ** k for k in range(24))), uniform(3, low=-3, high=3), uniform(3, high=0.5))
bug("R", "picture: no straight part", srgb, lambda g, y, x: (
    g * 2.4 / 1.055 * ((np.maximum(x, 0) + 0.055) / 1.055) ** 1.4,), uniform(3, 4))


def sampled_beyond(g, y, image, xy, wrap):
    """A place outside of the border still has a slope; corners are written over."""
    (i, k), (a, b), _ = corners(image.shape, xy, wrap)
    dimage = np.zeros_like(image)
    for s, wa in ((0, 1 - a), (1, a)):
        for t, wb in ((0, 1 - b), (1, b)):
            np.add.at(dimage, (i[s], k[t]), g * wa * wb)
    da = (1 - b) * (image[i[1], k[0]] - image[i[0], k[0]]) + b * (image[i[1], k[1]] - image[i[0], k[1]])
    db = (1 - a) * (image[i[0], k[1]] - image[i[0], k[0]]) + a * (image[i[1], k[1]] - image[i[1], k[0]])
    return dimage, np.stack([g * da, g * db], axis=1), None


def sampled_once(g, y, image, xy, wrap):
    (i, k), (a, b), inside = corners(image.shape, xy, wrap)
    dimage = np.zeros_like(image)
    for s, wa in ((0, 1 - a), (1, a)):
        for t, wb in ((0, 1 - b), (1, b)):
            dimage[i[s], k[t]] += g * wa * wb
    return dimage, sampled_beyond(g, y, image, xy, wrap)[1] * np.stack(inside, axis=1), None


INSIDE = np.array([[0.3, 3.6], [2.4, 1.2]])
bug("R", "between pixels: slope beyond the border", sampled, sampled_beyond, normal(4, 5), INSIDE, False)
bug("R", "between pixels: two places in one cell", sampled, sampled_once, normal(4, 5), INSIDE, False)


def spline_without_ends(g, out, y, t):
    """Beyond its ends the curve is taken to go on as a cubic."""
    dy, dt = spline_back(g, out, y, t)
    c = np.concatenate([[0], np.linalg.solve(4 * np.eye(y.size - 2) + np.eye(y.size - 2, k=1) + np.eye(y.size - 2, k=-1),
                                             6 * np.diff(y, 2)), [0]])
    k = np.clip(np.floor(t).astype(int), 0, y.size - 2)
    a = t - k
    return dy, (g * (y[k + 1] - y[k] + c[k] * (1 - 3 * (1 - a) ** 2) / 6 + c[k + 1] * (3 * a * a - 1) / 6)).astype(t.dtype)


bug("R", "spline: straight ends forgotten", spline, spline_without_ends, normal(5), uniform(4, low=0.1, high=3.9))
bug("V", "spline: curvature is constant", spline, lambda g, out, y, t: (
    (lambda k, a: np.bincount(k, g * (1 - a), y.size) + np.bincount(k + 1, g * a, y.size))(
        np.clip(np.floor(t).astype(int), 0, y.size - 2), t - np.clip(np.floor(t).astype(int), 0, y.size - 2)),
    spline_back(g, out, y, t)[1]), normal(5), uniform(4, low=0.1, high=3.9))


def denoised_odd(g, y, x, level):
    """The last odd element is held for a detail."""
    c, d = haar(x), haar(g)
    n = x.shape[-1] // 2
    live = np.abs(c[..., n:]) > level
    dlevel = -(d[..., n:] * live * np.sign(c[..., n:])).sum()
    d[..., n:] *= live
    return unhaar(d), float(dlevel)


bug("R", "wavelets: odd lengths", denoised, denoised_odd, normal(2, 6), 0.3, valid=lambda x, level: x.ndim > 0 and level >= 0)
bug("R", "slopes: edges of the first order", slopes, lambda g, out, y, x, edge_order: slopes_back(g, out, y, x, 1),
    normal(5), np.cumsum(uniform(5)), 1)
bug("V", "slopes: grid held fixed", slopes, lambda g, out, y, x, edge_order: (slopes_back(g, out, y, x, edge_order)[0], 0 * x, None),
    normal(5), np.cumsum(uniform(5)), 1)


def median_filter_inside(g, y, x, width):
    """The border counts once."""
    dx = np.zeros_like(x)
    for i in range(x.size):
        near = np.arange(max(i - width // 2, 0), min(i + width // 2 + 1, x.size))
        dx[near[np.argsort(x[near], kind="stable")[len(near) // 2]]] += g[i]
    return dx, None


bug("R", "running median: border counts once", median_filter, median_filter_inside, np.array([0.1, 0.7, 1.1, 1.2, 2.0, 2.3, 1.9]), 3)
bug("R", "total variation: NaN in flat places", total_variation, lambda g, y, x: (
    lambda d: (lambda u: (-u.sum(axis=0) + np.pad(u[0], ((1, 0), (0, 0)))[:-1] + np.pad(u[1], ((0, 0), (1, 0)))[:, :-1],))(
        g * d / np.sqrt(np.maximum((d * d).sum(axis=0), 0 * d[0] + (np.arange(x.size).reshape(x.shape) == x.size - 1)))))(
    np.stack([np.diff(x, axis=0, append=x[-1:]), np.diff(x, axis=1, append=x[:, -1:])])), normal(4, 5), valid=lambda x: x.size > 0)


def pooled_by_value(g, y, x, size, stride):
    dx = np.zeros_like(x)
    for a, i in enumerate(range(0, x.shape[0], stride)):
        for b, j in enumerate(range(0, x.shape[1], stride)):
            window = x[i : i + size, j : j + size]
            dx[i : i + size, j : j + size] += g[a, b] * (window == y[a, b])
    return dx, None, None


def pooled_assigned(g, y, x, size, stride):
    dx = np.zeros_like(x)
    for a, i in enumerate(range(0, x.shape[0], stride)):
        for b, j in enumerate(range(0, x.shape[1], stride)):
            window = x[i : i + size, j : j + size]
            k, m = np.unravel_index(window.argmax(), window.shape)
            dx[i + k, j + m] = g[a, b]
    return dx, None, None


bug("R", "windows: every one of equal largest", pooled, pooled_by_value, normal(4, 5), 2, 2)
bug("R", "windows: overlaps overwritten", pooled, pooled_assigned, normal(4, 6), 2, 2)
