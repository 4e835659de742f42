"""Held out: right operations on signals, grids and physics, as written by hand for a science."""

import math

import numpy as np

from .entries import need, normal, ok, uniform
from .right_statistics import like


def magnitudes(x, n):
    need(type(n) is int and n > 0 and x.ndim and x.shape[-1])
    return np.abs(np.fft.rfft(x, n))


def magnitudes_back(g, y, x, n):
    z = np.fft.rfft(x, n)
    full = n * np.fft.ifft(g * z / np.where(y > 0, y, 1), n).real
    dx = np.zeros_like(x)
    dx[..., :n] = full[..., : x.shape[-1]]
    return dx, None


def half_of(n, dtype):
    weights = np.zeros(n, dtype)
    weights[0] = 1
    weights[1 : (n + 1) // 2] = 2
    if n % 2 == 0:
        weights[n // 2] = 1
    return weights


def analytic(x):
    return np.fft.ifft(np.fft.fft(x) * half_of(x.shape[-1], x.dtype))


def envelope(x):
    need(x.ndim and x.shape[-1])
    return np.abs(analytic(x))


def envelope_back(g, y, x):
    u = g * analytic(x) / np.where(y > 0, y, 1)
    return (analytic(u.astype(np.result_type(x.dtype, np.complex64))).real.astype(x.dtype),)


def lagged(x, lags):
    need(x.ndim == 1 and 0 <= lags < x.size)
    d, n = x - x.mean(), x.size
    return np.stack([d[: n - k] @ d[k:] / (n - k) for k in range(lags + 1)])


def lagged_back(g, y, x, lags):
    d, n = x - x.mean(), x.size
    dx = np.zeros_like(x)
    for k in range(lags + 1):
        dx[: n - k] += g[k] / (n - k) * d[k:]
        dx[k:] += g[k] / (n - k) * d[: n - k]
    return dx - dx.mean(), None


def limited_slopes(y):
    """Harmonic means of the neighbours' differences, 0 where these have not one sign; and their two slopes.

    A difference of 0 is everywhere one that rises: so all the slopes are those of one side.
    """
    d = np.diff(y)
    a, b = d[:-1], d[1:]
    same = (a >= 0) == (b >= 0)
    total = np.where(same & (a + b != 0), a + b, 1)
    first = np.where(a + b != 0, np.where(same, b / total, 0), y.dtype.type(0.5))
    second = np.where(a + b != 0, np.where(same, a / total, 0), y.dtype.type(0.5))
    first, second = first * same, second * same
    return np.concatenate([d[:1], 2 * a * first, d[-1:]]), 2 * first**2, 2 * second**2


def cell(t, n):
    s = np.clip(t, 0, n - 1)
    i = np.minimum(np.floor(s).astype(int), n - 2)
    return i, s - i.astype(t.dtype)


def monotone(y, t):
    need(y.ndim == 1 and y.size > 1 and np.all(np.abs(y) < 1e30) and np.all(np.isfinite(t)))
    m = limited_slopes(y)[0]
    i, u = cell(t, y.size)
    d = y[i + 1] - y[i]
    return y[i] + d * u * u * (3 - 2 * u) + u * (1 - u) * (m[i] * (1 - u) - m[i + 1] * u)


def monotone_back(g, out, y, t):
    return monotone_by(g, y, t, *limited_slopes(y))


def monotone_by(g, y, t, m, left, right):
    i, u = cell(t, y.size)
    d = y[i + 1] - y[i]
    slope = 6 * d * u * (1 - u) + m[i] * (1 - u) * (1 - 3 * u) + m[i + 1] * u * (3 * u - 2)
    dy, dm = np.zeros_like(y), np.zeros_like(y)
    step = g * u * u * (3 - 2 * u)
    np.add.at(dy, i, g - step)
    np.add.at(dy, i + 1, step)
    np.add.at(dm, i, g * u * (1 - u) ** 2)
    np.add.at(dm, i + 1, -g * u * u * (1 - u))
    dd = np.zeros_like(y[1:])
    dd[0] += dm[0]
    dd[-1] += dm[-1]
    dd[:-1] += dm[1:-1] * left
    dd[1:] += dm[1:-1] * right
    dy[1:] += dd
    dy[:-1] -= dd
    return dy, like(g * slope * ((t > 0) & (t < y.size - 1)), t)


def soft_histogram(x, centres, width):
    need(centres.ndim == 1 and np.ndim(width) == 0 and width > 1e-2)
    return np.maximum(0, 1 - np.abs(np.ravel(x)[:, None] - centres) / width).sum(axis=0)


def soft_histogram_back(g, y, x, centres, width):
    """At a kink, as for an x a little to the right of it."""
    d = (np.ravel(x)[:, None] - centres) / width
    inside = (d >= -1) & (d < 1)
    d, up = np.where(inside, np.abs(d), 0), np.where(d < 0, g, -g) * inside / width
    return up.sum(axis=1).reshape(x.shape), -up.sum(axis=0), like((g * d).sum() / width, width)


def brackets(x, starts):
    part = np.maximum(x[..., None] - starts, 0)
    part[..., :-1] = np.minimum(part[..., :-1], np.diff(starts))
    return part


def tax(x, rates, starts):
    need(starts.ndim == 1 and rates.shape == starts.shape and np.all(np.diff(starts) > 0))
    return brackets(x, starts) @ rates


def tax_back(g, y, x, rates, starts):
    above = g[..., None] * (x[..., None] > starts)
    steps = rates.copy()
    steps[1:] -= rates[:-1]
    axes = tuple(range(x.ndim))
    return above @ steps, (g[..., None] * brackets(x, starts)).sum(axis=axes), -above.sum(axis=axes) * steps


def laplacian(u, mode):
    u = np.pad(u, [(0, 0)] * (u.ndim - 1) + [(1, 1)], mode=mode)
    return u[..., 2:] - 2 * u[..., 1:-1] + u[..., :-2]


def diffusion(u, r, steps, mode):
    need(u.ndim and u.shape[-1] and np.ndim(r) == 0 and 0 <= r <= 0.5 and 0 <= steps <= 50)
    need(mode in ("wrap", "edge", "constant"))
    u = u.copy()
    for _ in range(steps):
        u = u + r * laplacian(u, mode)
    return u


def diffusion_back(g, y, u, r, steps, mode):
    g, states, dr = np.array(g), [u], 0.0
    for _ in range(steps):
        states.append(states[-1] + r * laplacian(states[-1], mode))
    for state in states[-2::-1]:
        dr += float((g * laplacian(state, mode)).sum())
        g = g + r * laplacian(g, mode)
    return g, like(dr, r), None, None


def upwind(u, c):
    need(u.ndim and u.shape == c.shape)
    behind, ahead = u - np.roll(u, 1, -1), np.roll(u, -1, -1) - u
    return u - np.maximum(c, 0) * behind - np.minimum(c, 0) * ahead


def upwind_back(g, y, u, c):
    right, left = g * np.maximum(c, 0), g * np.minimum(c, 0)
    slope = np.where(c > 0, u - np.roll(u, 1, -1), np.roll(u, -1, -1) - u)
    return g - right + np.roll(right, -1, -1) + left - np.roll(left, 1, -1), -g * slope


def prey(z, p):
    return np.stack([z[0] * (p[0] - p[1] * z[1]), z[1] * (p[2] * z[0] - p[3])])


def prey_back(v, z, p):
    dz = np.stack([v[0] * (p[0] - p[1] * z[1]) + v[1] * p[2] * z[1], v[1] * (p[2] * z[0] - p[3]) - v[0] * p[1] * z[0]])
    return dz, np.stack([v[0] * z[0], -v[0] * z[0] * z[1], v[1] * z[0] * z[1], -v[1] * z[1]])


def runge_kutta(z, p, h):
    a = prey(z, p)
    b = prey(z + h / 2 * a, p)
    c = prey(z + h / 2 * b, p)
    return z + h / 6 * (a + 2 * b + 2 * c + prey(z + h * c, p)), (z, z + h / 2 * a, z + h / 2 * b, z + h * c)


def predators(z, p, h, steps):
    need(z.shape == (2,) and p.shape == (4,) and 0 <= h <= 0.1 and 0 <= steps <= 20)
    need(np.all(np.abs(z) < 10) and np.all(np.abs(p) < 3))
    for _ in range(steps):
        z, _ = runge_kutta(z, p, h)
    return z.copy()


def predators_back(g, y, z, p, h, steps):
    g, seen, dp = np.array(g), [], np.zeros_like(p)
    for _ in range(steps):
        z, stages = runge_kutta(z, p, h)
        seen.append(stages)
    for stages in reversed(seen):
        total, d = g, 0 * g
        for place, weight, reach in zip(stages[::-1], (6, 3, 3, 6), (0, h, h / 2, h / 2), strict=True):
            d, part = prey_back(h / weight * g + reach * d, place, p)
            total, dp = total + d, dp + part
        g = total
    return g, dp, None, None


R, VDW_A, VDW_B = 0.08314462618, 1.370, 0.0387  # bar l / mol K, bar l² / mol², l / mol: nitrogen


def gas_pressure(n, t, v):
    need(np.all(n >= 0) and np.all(t > 0) and np.all(v > 1.2 * n * VDW_B) and np.all(v > 1e-3) and np.all(v < 1e6))
    return n * R * t / (v - n * VDW_B) - VDW_A * (n / v) ** 2


def gas_pressure_back(g, y, n, t, v):
    free = v - n * VDW_B
    return (
        like(g * (R * t * v / free**2 - 2 * VDW_A * n / v**2), n),
        like(g * n * R / free, t),
        like(g * (2 * VDW_A * n**2 / v**3 - n * R * t / free**2), v),
    )


C1, C2 = 1.191042972e8, 14387.768775  # wavelengths in μm, temperatures in K


def planck(wave, t):
    need(np.all(wave > 0.01) and np.all(wave < 1e4) and np.all(t > 0) and np.all(C2 / (wave * t) < 80))
    return C1 / wave**5 / np.expm1(C2 / (wave * t))


def planck_back(g, y, wave, t):
    z = C2 / (wave * t)
    slope = z / -np.expm1(-z)
    return like(g * y * (slope - 5) / wave, wave), like(g * y * slope / t, t)


SCALES = {"C": (1.0, 273.15), "K": (1.0, 0.0), "F": (5 / 9, 459.67 * 5 / 9), "R": (5 / 9, 0.0)}


def degrees(x, source, target):
    (scale, zero), (unit, start) = SCALES[source], SCALES[target]
    return (x * scale + (zero - start)) / unit


def degrees_back(g, y, x, source, target):
    return g * (SCALES[source][0] / SCALES[target][0]), None, None


K10 = 2 / math.log(10)


def friction(re, rough):
    """Colebrook's factor by Newton's steps for 1/√f."""
    need(np.all(re > 3e3) and np.all(re < 1e8) and np.all(rough >= 0) and np.all(rough < 0.05))
    u, c = 7 + 0 * (re + rough), 2.51 / re
    for _ in range(30):
        inside = rough / 3.7 + c * u
        u = u - (u + K10 * np.log(inside)) / (1 + K10 * c / inside)
    return u**-2


def friction_back(g, f, re, rough):
    u, c = 1 / np.sqrt(f), 2.51 / re
    inside = rough / 3.7 + c * u
    du = -2 * g * f / u / (1 + K10 * c / inside) * K10 / inside
    return like(du * c * u / re, re), like(-du / 3.7, rough)


ok("magnitudes of a spectrum of n", magnitudes, magnitudes_back, normal(2, 6), 8)
ok("envelope of a signal", envelope, envelope_back, normal(6))
ok("products at a lag", lagged, lagged_back, normal(7), 3)
ok("monotone cubic", monotone, monotone_back, normal(6), uniform(4, low=-1, high=6))
ok("soft histogram", soft_histogram, soft_histogram_back, normal(7), np.linspace(-2, 2, 5), 0.8)
ok("tax by brackets", tax, tax_back, 5 * uniform(4), uniform(3), np.array([0.0, 1.0, 2.5]))
ok("diffusion on a line", diffusion, diffusion_back, normal(2, 5), 0.3, 4, "edge")
ok("upwind step", upwind, upwind_back, normal(2, 5), normal(2, 5, seed=1))
ok("predators by Runge-Kutta", predators, predators_back, 1 + uniform(2), uniform(4), 0.1, 3)
ok("pressure of a real gas", gas_pressure, gas_pressure_back, uniform(3), 300 + normal(3), 20 + normal(3, seed=1))
ok("Planck's law", planck, planck_back, 5 + normal(4), 600 + 50 * normal(4, seed=1))
ok("temperature in another unit", degrees, degrees_back, 20 + normal(4), "C", "F")
ok("Colebrook's friction", friction, friction_back, 1e4 + 3e3 * normal(4), 0.01 * uniform(4))
