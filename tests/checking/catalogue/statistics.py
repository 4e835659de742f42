"""Statistics and linear algebra, and mistakes in them."""

import math

import numpy as np
from scipy import special

from .entries import bug, like, need, normal, ok, uniform
from .formulas import exponential_integral, hurwitz, log_minus, signed_power


def masked_sum(x, mask, initial, axis, keepdims):
    need(mask.dtype == bool)
    return np.sum(x, axis=axis, keepdims=keepdims, initial=initial, where=np.broadcast_to(mask, x.shape))


def innovation(m, l, z, h, r):
    """One measurement z = h x + noise of variance r, for x of mean m and covariance l lᵀ."""
    need(m.ndim == z.ndim == 1 and l.shape == m.shape * 2 and h.shape == z.shape + m.shape and r > 0.01)
    half = h @ l
    need(r > 1e-3 * (half * half).sum())
    return z - h @ m, half @ half.T + r * np.eye(len(z), dtype=z.dtype)


def kalman_evidence(m, l, z, h, r):
    v, s = innovation(m, l, z, h, r)
    return -0.5 * (v @ np.linalg.solve(s, v) + np.linalg.slogdet(s)[1] + v.size * math.log(2 * math.pi))


def kalman_evidence_back(g, y, m, l, z, h, r):
    v, s = innovation(m, l, z, h, r)
    inverse = np.linalg.inv(s)
    w = inverse @ v
    ds = 0.5 * g * (np.outer(w, w) - inverse)
    return (
        g * h.T @ w,
        2 * h.T @ ds @ h @ l,
        -g * w,
        g * np.outer(w, m) + 2 * ds @ h @ l @ l.T,
        like(np.trace(ds), r),
    )


def weighted_cov(x, w, ddof):
    need(x.ndim == 2 and w.shape == x.shape[:1] and np.all(w >= 0) and w.sum() > 0.01 and w.sum() - ddof > 0.01)
    d = x - w @ x / w.sum()
    return (d.T * w) @ d / (w.sum() - ddof)


def weighted_cov_back(g, y, x, w, ddof):
    d, free = x - w @ x / w.sum(), w.sum() - ddof
    return w[:, None] * (d @ (g + g.T)) / free, (((d @ g) * d).sum(axis=1) - (g * y).sum()) / free, None


def gini(x):
    need(x.ndim == 1 and x.size and np.all(x >= 0) and x.sum() > 1e-6)
    n = x.size
    return (np.arange(1 - n, n, 2).astype(x.dtype) * np.sort(x)).sum() / (n * x.sum())


def gini_back(g, y, x):
    n, places = x.size, np.empty(x.size, x.dtype)
    places[np.argsort(x, kind="stable")] = np.arange(1 - n, n, 2)
    return (g * (places / n - y) / x.sum(),)


def soft_ranks(x, tau):
    need(x.ndim and np.ndim(tau) == 0 and tau > 1e-2)
    return 0.5 + special.expit((x[..., :, None] - x[..., None, :]) / tau).sum(axis=-1)


def soft_ranks_back(g, y, x, tau):
    d = (x[..., :, None] - x[..., None, :]) / tau
    slope = g[..., None] * special.expit(d) * special.expit(-d) / tau
    return slope.sum(axis=-1) - slope.sum(axis=-2), like(-(slope * d).sum(), tau)


MASK = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 1]], bool)
ok("covariance with weights", weighted_cov, weighted_cov_back, normal(6, 3), 1 + uniform(6), 1)
ok("Gini coefficient", gini, gini_back, uniform(6))
ok("soft ranks", soft_ranks, soft_ranks_back, normal(2, 4), 0.5)


def mask_by_axis_0(g, y, x, mask, initial, axis, keepdims):
    """The sums are spread as if they were those of columns: no matter where the axis is the first."""
    return g * mask * np.ones_like(x), None, like(np.sum(g), initial), None, None


def evidence_of_small_surprise(g, y, m, l, z, h, r):
    """The noise's gradient without the surprise: it vanishes where z is what was expected."""
    grads = kalman_evidence_back(g, y, m, l, z, h, r)
    return (*grads[:4], like(-0.5 * g * np.trace(np.linalg.inv(innovation(m, l, z, h, r)[1])), r))


def covariance_column(g, y, x, w, ddof):
    dx, dw, _ = weighted_cov_back(g, y, x, w, ddof)
    return dx, dw[:, None], None


def covariance_of_weights_1(g, y, x, w, ddof):
    """As many as there are rows, for the sum of the weights."""
    d, free = x - w @ x / w.sum(), len(w) - ddof
    return w[:, None] * (d @ (g + g.T)) / free, (((d @ g) * d).sum(axis=1) - (g * y).sum()) / free, None


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


def zeta_summed(g, y, s, q):
    """A thousand terms of the series for the slope, and no tail."""
    terms = (np.asarray(q)[..., None] + np.arange(1000.0)) ** (-s - 1)
    return None, like(-s * g * terms.sum(axis=-1), q)


def integral_of_low_order(g, y, n, x):
    """The order before the first is taken for the first."""
    return None, (-g * special.expn(max(n - 1, 1), x)).astype(x.dtype)


bug("R", "masked sum: spread along the first axis", masked_sum, mask_by_axis_0, normal(3, 4), MASK, 0.5, 0, False)
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
bug("S", "weighted covariance: weights as a column", weighted_cov, covariance_column, normal(6, 3), 1 + uniform(6), 1)
bug("R", "weighted covariance: rows for weights", weighted_cov, covariance_of_weights_1, normal(6, 3), np.ones(6), 1)
bug("C", "soft ranks: slopes kept for a shape", soft_ranks, ranks_kept(), normal(2, 4), 0.5)
bug("R", "difference of exps: overflow on the way back", log_minus, minus_by_exponentials, 2 + uniform(4), normal(4))
bug("R", "signed power: logarithm of 0", signed_power, power_by_log, normal(3, 4), 1.5 + uniform(4))
bug("E", "Hurwitz zeta: a thousand terms", hurwitz, zeta_summed, 2.5, 1 + uniform(4))
bug("R", "exponential integral: first order", exponential_integral, integral_of_low_order, 3, uniform(5))
