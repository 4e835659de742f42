"""Signals, filters and transforms, and mistakes in them."""

import math

import numpy as np

from .entries import bug, fit, like, need, normal, ok, uniform


def magnitudes(x, n):
    need(type(n) is int and n > 0 and x.ndim and x.shape[-1])
    return np.abs(np.fft.rfft(x, n))


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


C1, C2 = 1.191042972e8, 14387.768775  # wavelengths in μm, temperatures in K


def planck(wave, t):
    need(np.all(wave > 0.01) and np.all(wave < 1e4) and np.all(t > 0) and np.all(C2 / (wave * t) < 80))
    return C1 / wave**5 / np.expm1(C2 / (wave * t))


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


ok("products at a lag", lagged, lagged_back, normal(7), 3)
ok("monotone cubic", monotone, monotone_back, normal(6), uniform(4, low=-1, high=6))
ok("tax by brackets", tax, tax_back, 5 * uniform(4), uniform(3), np.array([0.0, 1.0, 2.5]))
ok("diffusion on a line", diffusion, diffusion_back, normal(2, 5), 0.3, 4, "edge")
ok("temperature in another unit", degrees, degrees_back, 20 + normal(4), "C", "F")


def magnitudes_of_n(g, y, x, n):
    """Only zeros are added at the end; of a spectrum of fewer the rest is forgotten."""
    z = np.fft.rfft(x, n)
    full = n * np.fft.ifft(g * z / np.where(y > 0, y, 1), n).real
    return full[..., : x.shape[-1]], None


def monotone_rising(g, out, y, t):
    """Where the table falls, its slopes are taken for flat on the way back."""
    m, left, right = limited_slopes(y)
    rises = np.diff(y) > 0
    return monotone_by(g, y, t, m, left * rises[:-1], right * rises[1:])


def histogram_of_width_1(g, y, x, centres, width):
    """The reach of a bin is 1."""
    d = np.ravel(x)[:, None] - centres
    inside = np.where(np.abs(d) < 1, g, 0) / width
    slope = -np.sign(d) * inside
    return slope.sum(axis=1).reshape(x.shape), -slope.sum(axis=0), like((np.abs(d) * inside).sum() / width, width)


def diffusion_in_a_ring(g, y, u, r, steps, mode):
    return diffusion_back(g, y, u, r, steps, "wrap")


def planck_in_doubles(g, y, wave, t):
    """The constants stand in an array, which is one of doubles."""
    _, c2 = np.array([C1, C2])
    z = c2 / (wave * t)
    slope = z / -np.expm1(-z)
    return fit(g * y * (slope - 5) / wave, wave), fit(g * y * slope / t, t)


def degrees_upside_down(g, y, x, source, target):
    """From degrees of Fahrenheit as to them."""
    return g * (1.8 if "F" in (source, target) and source != target else 1), None, None


def friction_of_four_digits(g, f, re, rough):
    """0.8686 for 2 / log 10."""
    u, c = 1 / np.sqrt(f), 2.51 / re
    inside = rough / 3.7 + c * u
    du = -2 * g * f / u / (1 + K10 * c / inside) * 0.8686 / inside
    return like(du * c * u / re, re), like(-du / 3.7, rough)


RISING = np.cumsum(uniform(6))
bug("R", "magnitudes: spectrum of fewer", magnitudes, magnitudes_of_n, normal(2, 6), 8)
bug("R", "monotone cubic: rising tables only", monotone, monotone_rising, RISING, uniform(4, low=0, high=5))
bug("R", "soft histogram: reach of 1", soft_histogram, histogram_of_width_1, normal(7), np.linspace(-2, 2, 5), 1.0)
bug(
    "S",
    "tax: starts have no place",
    tax,
    lambda g, y, x, rates, starts: tax_back(g, y, x, rates, starts)[:2],
    5 * uniform(4),
    uniform(3),
    np.array([0.0, 1.0, 2.5]),
)
bug("R", "diffusion: always in a ring", diffusion, diffusion_in_a_ring, normal(2, 5), 0.3, 4, "wrap")
bug("C", "Planck: doubles among the constants", planck, planck_in_doubles, 5 + normal(4), 600 + 50 * normal(4, seed=1))
bug("R", "temperature: Fahrenheit upside down", degrees, degrees_upside_down, 20 + normal(4), "C", "F")
bug(
    "E",
    "Colebrook: four digits of 2 / log 10",
    friction,
    friction_of_four_digits,
    1e4 + 3e3 * normal(4),
    0.01 * uniform(4),
)
