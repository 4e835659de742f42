"""Held out: planted mistakes in signals, grids and physics of a science."""

import numpy as np

from .entries import bug, fit, normal, uniform
from .right_signals import (
    C1,
    C2,
    K10,
    analytic,
    degrees,
    diffusion,
    diffusion_back,
    envelope,
    friction,
    gas_pressure,
    laplacian,
    limited_slopes,
    magnitudes,
    monotone,
    monotone_by,
    planck,
    predators,
    prey_back,
    runge_kutta,
    soft_histogram,
    tax,
    tax_back,
    upwind,
)
from .right_statistics import like


def magnitudes_of_n(g, y, x, n):
    """Only zeros are added at the end; of a spectrum of fewer the rest is forgotten."""
    z = np.fft.rfft(x, n)
    full = n * np.fft.ifft(g * z / np.where(y > 0, y, 1), n).real
    return full[..., : x.shape[-1]], None


def envelope_even(g, y, x):
    """The frequency in the middle counts once: there is none of an odd length."""
    n = x.shape[-1]
    weights = np.zeros(n, x.dtype)
    weights[: n // 2] = 2
    weights[[0, n // 2]] = 1
    u = g * analytic(x) / np.where(y > 0, y, 1)
    return (np.fft.ifft(np.fft.fft(u) * weights).real.astype(x.dtype),)


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


def tax_without_lower(g, y, x, rates, starts):
    """Where a bracket starts, the rate of the one below is not taken off."""
    dx, dr, _ = tax_back(g, y, x, rates, starts)
    above = (g[..., None] * (x[..., None] > starts)).sum(axis=tuple(range(x.ndim)))
    return dx, dr, -above * rates


def diffusion_in_a_ring(g, y, u, r, steps, mode):
    return diffusion_back(g, y, u, r, steps, "wrap")


def remembers_states():
    """The states of the latest fprop, whosever they were."""
    states = []

    def fprop(u, r, steps, mode):
        states[:] = [u.copy()]
        y = diffusion(u, r, 0, mode)
        for _ in range(steps):
            y = diffusion(y, r, 1, mode)
            states.append(y)
        return y.copy()

    def bprop(g, y, u, r, steps, mode):
        dr = 0.0
        for state in states[-2::-1]:
            dr += float((g * laplacian(state, mode)).sum())
            g = g + r * laplacian(g, mode)
        return np.array(g), like(dr, r), None, None

    return fprop, bprop


def upwind_to_the_right(g, y, u, c):
    right = g * c
    return g - right + np.roll(right, -1, -1), -g * (u - np.roll(u, 1, -1))


def stages_apart(g, y, z, p, h, steps):
    """Each stage is taken for a function of the step's start alone."""
    seen, dp = [], np.zeros_like(p)
    for _ in range(steps):
        z, stages = runge_kutta(z, p, h)
        seen.append(stages)
    for stages in reversed(seen):
        total = g
        for place, weight in zip(stages, (6, 3, 3, 6), strict=True):
            d, part = prey_back(h / weight * g, place, p)
            total, dp = total + d, dp + part
        g = total
    return g, dp, None, None


def gas_of_four_digits(g, y, n, t, v):
    """8.314 for the gas constant in the slope by the temperature."""
    r, a, b = 0.08314462618, 1.370, 0.0387
    free = v - n * b
    return (
        like(g * (r * t * v / free**2 - 2 * a * n / v**2), n),
        like(g * n * 0.08314 / free, t),
        like(g * (2 * a * n**2 / v**3 - n * r * t / free**2), v),
    )


def planck_of_seven_digits(g, y, wave, t):
    """The constant in the exponent is rounded."""
    z = 14387.77 / (wave * t)
    slope = z / -np.expm1(-z)
    return like(g * y * (slope - 5) / wave, wave), like(g * y * slope / t, t)


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
bug("R", "envelope: odd lengths", envelope, envelope_even, normal(6))
bug("R", "monotone cubic: rising tables only", monotone, monotone_rising, RISING, uniform(4, low=0, high=5))
bug("R", "soft histogram: reach of 1", soft_histogram, histogram_of_width_1, normal(7), np.linspace(-2, 2, 5), 1.0)
bug("V", "tax: lower rate not taken off", tax, tax_without_lower, 5 * uniform(4), uniform(3), np.array([0.0, 1.0, 2.5]))
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
bug("C", "diffusion: states of the latest fprop", *remembers_states(), normal(2, 5), 0.3, 4, "edge")
bug("R", "upwind: to the right only", upwind, upwind_to_the_right, normal(2, 5), uniform(2, 5))
bug("V", "Runge-Kutta: stages apart", predators, stages_apart, 1 + uniform(2), uniform(4), 0.1, 3)
bug(
    "E",
    "real gas: constant of four digits",
    gas_pressure,
    gas_of_four_digits,
    uniform(3),
    300 + normal(3),
    20 + normal(3, seed=1),
)
bug(
    "E", "Planck: constant of seven digits", planck, planck_of_seven_digits, 5 + normal(4), 600 + 50 * normal(4, seed=1)
)
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
