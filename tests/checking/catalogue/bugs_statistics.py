"""Held out: planted mistakes in reductions, linear algebra, statistics and special functions of a science."""

import numpy as np
from scipy import special

from .entries import back, bug, need, normal, uniform
from .right_formulas import exponential_integral, hurwitz, log_minus, scaled_bessel, signed_power
from .right_statistics import (
    MASK,
    cayley,
    correlations,
    gram_volume,
    gram_volume_back,
    innovation,
    kalman_evidence,
    kalman_evidence_back,
    khatri_rao,
    khatri_rao_back,
    like,
    masked_sum,
    mean_direction,
    mean_direction_back,
    others,
    projected,
    skew_parts,
    skewness,
    soft_ranks,
    soft_ranks_back,
    thin_qr,
    unit_columns,
    weighted_cov,
    weighted_cov_back,
    weighted_lse,
)


def mask_by_axis_0(g, y, x, mask, initial, axis, keepdims):
    """The sums are spread as if they were those of columns: no matter where the axis is the first."""
    return g * mask * np.ones_like(x), None, like(np.sum(g), initial), None, None


def skewness_of_lines(g, y, x, axis):
    """The number of elements is that of the last axis."""
    d, s, m2, m3 = skew_parts(x, axis)
    slope = 3 * (d * d - m2) / m2**1.5 - 3 * m3 / m2**2.5 * d
    return back(g, x, axis) * slope / (x.shape[-1] * s), None


def lse_by_weights(g, y, x, b, axis):
    dx = back(g, x, axis) * b * np.exp(x - back(y, x, axis))
    return dx, dx / b, None


def others_by_division(g, y, x):
    total = (g * y).sum(axis=-1, keepdims=True)
    return ((total - g * y) / x,)


def projected_without_residual(g, y, a, b):
    pinv = np.linalg.pinv(a)
    seen = a @ (pinv @ g)
    return np.outer(g - seen, pinv @ b), seen


def upper_of_middle(g, y, a):
    """Symmetric from the upper triangle in place of the lower."""
    q, r = y
    m = r @ g[1].T - g[0].T @ q
    m = np.triu(m) + np.triu(m, 1).T
    return (np.linalg.solve(r, (g[0] + q @ m).T).T,)


def qr_of_square(g, y, a):
    """What of q's gradient is not within the columns is dropped."""
    q, r = y
    m = r @ g[1].T - g[0].T @ q
    m = np.tril(m) + np.tril(m, -1).T
    return (np.linalg.solve(r, (q @ (q.T @ g[0] + m)).T).T,)


def cayley_free(g, y, a):
    s, one = (a - a.T) / 2, np.eye(len(a), dtype=a.dtype)
    return (np.linalg.solve((one - s).T, g) @ (one + y).T,)


def evidence_without_half(g, y, m, l, z, h, r):
    """The covariance's part is not halved."""
    v, s = innovation(m, l, z, h, r)
    inverse = np.linalg.inv(s)
    w = inverse @ v
    ds = g * (np.outer(w, w) - inverse)
    return g * h.T @ w, 2 * h.T @ ds @ h @ l, -g * w, g * np.outer(w, m) + 2 * ds @ h @ l @ l.T, like(np.trace(ds), r)


def evidence_of_small_surprise(g, y, m, l, z, h, r):
    """The noise's gradient without the surprise: it vanishes where z is what was expected."""
    grads = kalman_evidence_back(g, y, m, l, z, h, r)
    return (*grads[:4], like(-0.5 * g * np.trace(np.linalg.inv(innovation(m, l, z, h, r)[1])), r))


def correlations_symmetric(g, y, x):
    z, n = unit_columns(x)
    dz = 2 * z @ g
    dd = (dz - z * (z * dz).sum(axis=0)) / n
    return (dd - dd.mean(axis=0),)


def covariance_column(g, y, x, w, ddof):
    dx, dw, _ = weighted_cov_back(g, y, x, w, ddof)
    return dx, dw[:, None], None


def covariance_of_weights_1(g, y, x, w, ddof):
    """As many as there are rows, for the sum of the weights."""
    d, free = x - w @ x / w.sum(), len(w) - ddof
    return w[:, None] * (d @ (g + g.T)) / free, (((d @ g) * d).sum(axis=1) - (g * y).sum()) / free, None


def direction_unscaled(g, y, t, w):
    s, c = np.sum(w * np.sin(t)), np.sum(w * np.cos(t))
    g = g / np.hypot(s, c)
    return g * w * (c * np.cos(t) + s * np.sin(t)), g * (c * np.sin(t) - s * np.cos(t))


def ranks_kept():
    """The slopes are kept for the next call of one shape."""
    kept = {}

    def bprop(g, y, x, tau):
        d = (x[..., :, None] - x[..., None, :]) / tau
        s = kept.setdefault((x.shape, x.dtype, float(tau)), special.expit(d) * special.expit(-d) / tau)
        slope = g[..., None] * s
        return slope.sum(axis=-1) - slope.sum(axis=-2), soft_ranks_back(g, y, x, tau)[1]

    return bprop


def minus_by_exponentials(g, y, a, b):
    e, f = np.exp(a), np.exp(b)
    return like(g * e / (e - f), a), like(-g * f / (e - f), b)


def power_by_log(g, y, x, p):
    size = np.abs(x)
    return like(g * p * size ** (p - 1), x), like(g * y * np.log(size), p)


def bessel_right_of_0(g, y, n, x):
    mean = (special.ive(abs(n - 1), x) + special.ive(n + 1, x)) / 2
    return None, (g * (mean - special.ive(n, x))).astype(x.dtype)


def zeta_summed(g, y, s, q):
    """A thousand terms of the series for the slope, and no tail."""
    terms = (np.asarray(q)[..., None] + np.arange(1000.0)) ** (-s - 1)
    return None, like(-s * g * terms.sum(axis=-1), q)


def integral_of_low_order(g, y, n, x):
    """The order before the first is taken for the first."""
    return None, (-g * special.expn(max(n - 1, 1), x)).astype(x.dtype)


def volume_with_jitter(g, y, a, s):
    da, ds = gram_volume_back(g, y, a, s + 1e-8)
    return da, ds


def mean_root(x):
    """The root of the mean square of each row."""
    need(x.ndim and x.shape[-1] and np.all(np.any(np.abs(x) > 1e-3, axis=-1)))
    return np.sqrt((x * x).mean(axis=-1))


bug("R", "masked sum: spread along the first axis", masked_sum, mask_by_axis_0, normal(3, 4), MASK, 0.5, 0, False)
bug("R", "skewness: number of the last axis", skewness, skewness_of_lines, normal(3, 5), -1)
bug("R", "weighted log-sum: a weight of 0", weighted_lse, lse_by_weights, normal(3, 4), uniform(3, 4), 0)
bug("R", "all the others: a factor of 0", others, others_by_division, normal(2, 4))
bug("V", "projection: residual forgotten", projected, projected_without_residual, normal(5, 2), normal(5))
bug("V", "thin QR: other triangle mirrored", thin_qr, upper_of_middle, normal(4, 3))
bug("R", "thin QR: tall as square", thin_qr, qr_of_square, normal(3, 3))
bug("V", "Cayley: not made antisymmetric", cayley, cayley_free, normal(3, 3))
bug(
    "V",
    "Kalman evidence: covariance counts twice",
    kalman_evidence,
    evidence_without_half,
    normal(3),
    normal(3, 3),
    normal(2),
    normal(2, 3),
    0.4,
)
bug(
    "R",
    "Kalman evidence: nothing surprises",
    kalman_evidence,
    evidence_of_small_surprise,
    np.zeros(3),
    normal(3, 3),
    np.zeros(2),
    normal(2, 3),
    0.4,
)
bug("V", "correlations: gradient taken for symmetric", correlations, correlations_symmetric, normal(6, 3))
bug("S", "weighted covariance: weights as a column", weighted_cov, covariance_column, normal(6, 3), 1 + uniform(6), 1)
bug("R", "weighted covariance: rows for weights", weighted_cov, covariance_of_weights_1, normal(6, 3), np.ones(6), 1)
bug("V", "mean direction: by the length, not its square", mean_direction, direction_unscaled, normal(5), uniform(5))
bug(
    "V",
    "Khatri-Rao: factors exchanged",
    khatri_rao,
    lambda g, y, a, b: khatri_rao_back(g, y, b, a)[::-1],
    normal(4, 3),
    normal(4, 3, seed=1),
)
bug("C", "soft ranks: slopes kept for a shape", soft_ranks, ranks_kept(), normal(2, 4), 0.5)
bug(
    "C",
    "mean direction: only for a gradient above 0",
    mean_direction,
    lambda g, y, t, w: tuple(np.where(g > 0, 1, 0).astype(t.dtype) * d for d in mean_direction_back(g, y, t, w)),
    normal(5),
    uniform(5),
)
bug("R", "difference of exps: overflow on the way back", log_minus, minus_by_exponentials, 2 + uniform(4), normal(4))
bug("R", "signed power: logarithm of 0", signed_power, power_by_log, normal(3, 4), 1.5 + uniform(4))
bug("R", "scaled Bessel: positive x only", scaled_bessel, bessel_right_of_0, 2, 3 * uniform(5))
bug("E", "Hurwitz zeta: a thousand terms", hurwitz, zeta_summed, 2.5, 1 + uniform(4))
bug("R", "exponential integral: first order", exponential_integral, integral_of_low_order, 3, uniform(5))
bug("E", "Gram volume: jitter on the way back", gram_volume, volume_with_jitter, 0.5 * normal(4, 3), 0.5)
bug(
    "2",
    "root mean square: output held fixed",
    mean_root,
    lambda g, y, x: (x * (g / y)[..., None] / x.shape[-1],),
    normal(3, 4),
    order=2,
    second=lambda gg, r, g, y, x: (
        (gg[0] * x).mean(axis=-1) / y,
        None,
        gg[0] * (g / y)[..., None] / x.shape[-1],
    ),
)
