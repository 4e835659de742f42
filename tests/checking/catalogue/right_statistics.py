"""Held out: right reductions, linear algebra and statistics, as written by hand for a science."""

import math

import numpy as np
from scipy import special

from .entries import back, fit, need, normal, ok, uniform


def like(grad, x):
    """The gradient in the shape and the kind of x."""
    grad = fit(grad, x)
    return np.asarray(grad, x.dtype) if isinstance(x, (np.ndarray, np.generic)) else float(grad)


def masked_sum(x, mask, initial, axis, keepdims):
    need(mask.dtype == bool)
    return np.sum(x, axis=axis, keepdims=keepdims, initial=initial, where=np.broadcast_to(mask, x.shape))


def masked_sum_back(g, y, x, mask, initial, axis, keepdims):
    return back(g, x, axis, keepdims) * mask, None, like(np.sum(g), initial), None, None


def skew_parts(x, axis):
    d = x - x.mean(axis=axis, keepdims=True)
    s = np.abs(d).max(axis=axis, keepdims=True)
    need(np.all(s > 1e-3 * np.abs(x).max(axis=axis, keepdims=True)) and np.all(s > 1e-30))
    d = d / s
    return d, s, (d * d).mean(axis=axis, keepdims=True), (d**3).mean(axis=axis, keepdims=True)


def skewness(x, axis):
    need(x.size)
    _, _, m2, m3 = skew_parts(x, axis)
    y = m3 / m2**1.5
    return y.reshape(()) if axis is None else y.squeeze(axis)


def skewness_back(g, y, x, axis):
    d, s, m2, m3 = skew_parts(x, axis)
    n = d.size // m2.size
    slope = 3 * (d * d - m2) / m2**1.5 - 3 * m3 / m2**2.5 * d
    return back(g, x, axis) * slope / (n * s), None


def weighted_lse(x, b, axis):
    need(x.shape == b.shape)
    top = x.max(axis=axis, keepdims=True)
    e = b * np.exp(x - top)
    s = e.sum(axis=axis, keepdims=True)
    need(np.all(s > 1e-3 * np.abs(e).sum(axis=axis, keepdims=True)) and np.all(s > 1e-30))
    y = np.log(s) + top
    return y.reshape(()) if axis is None else y.squeeze(axis)


def weighted_lse_back(g, y, x, b, axis):
    e = back(g, x, axis) * np.exp(x - back(y, x, axis))
    return e * b, e, None


def others(x):
    """The product of all but each of the last axis."""
    need(x.ndim > 0 and np.all(np.abs(x) < 1e6))
    one = np.ones_like(x[..., :1])
    left = np.cumprod(np.concatenate([one, x[..., :-1]], -1), -1)[..., : x.shape[-1]]
    right = np.cumprod(np.concatenate([one, x[..., :0:-1]], -1), -1)[..., : x.shape[-1]]
    return left * right[..., ::-1]


def others_back(g, y, x):
    dx = np.zeros_like(x)
    for k in range(x.shape[-1]):
        rest = np.delete(np.arange(x.shape[-1]), k)
        dx[..., rest] += g[..., k : k + 1] * others(x[..., rest])
    return (dx,)


def gram_volume(a, s):
    need(a.ndim == 2 and s > 1e-3 and s > 1e-3 * (a * a).sum())
    k = a.T @ a + s * np.eye(a.shape[1], dtype=a.dtype)
    return 2 * np.log(np.diagonal(np.linalg.cholesky(k))).sum()


def gram_volume_back(g, y, a, s):
    inverse = np.linalg.inv(a.T @ a + s * np.eye(a.shape[1], dtype=a.dtype))
    return 2 * g * a @ inverse, like(g * np.trace(inverse), s)


def full_rank(a):
    need(a.ndim == 2 and a.shape[0] >= a.shape[1] > 0)
    s = np.linalg.svd(a, compute_uv=False)
    need(s[-1] > 1e-2 * s[0] and s[-1] > 1e-6)


def projected(a, b):
    full_rank(a)
    need(b.shape == a.shape[:1])
    return a @ np.linalg.lstsq(a, b, rcond=None)[0]


def projected_back(g, y, a, b):
    pinv = np.linalg.pinv(a)
    seen = a @ (pinv @ g)
    return np.outer(g - seen, pinv @ b) + np.outer(b - y, pinv @ g), seen


def thin_qr(a):
    """The one with a positive diagonal of r."""
    full_rank(a)
    q, r = np.linalg.qr(a)
    sign = np.where(np.diagonal(r) < 0, -1, 1).astype(a.dtype)
    return q * sign, sign[:, None] * r


def thin_qr_back(g, y, a):
    q, r = y
    m = r @ g[1].T - g[0].T @ q
    m = np.tril(m) + np.tril(m, -1).T
    return (np.linalg.solve(r, (g[0] + q @ m).T).T,)


def cayley(a):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and np.all(np.abs(a) < 100))
    s, one = (a - a.T) / 2, np.eye(len(a), dtype=a.dtype)
    return np.linalg.solve(one - s, one + s)


def cayley_back(g, y, a):
    s, one = (a - a.T) / 2, np.eye(len(a), dtype=a.dtype)
    ds = np.linalg.solve((one - s).T, g) @ (one + y).T
    return ((ds - ds.T) / 2,)


def khatri_rao(a, b):
    need(a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1])
    return np.einsum("ik,jk->ijk", a, b).reshape(len(a) * len(b), a.shape[1])


def khatri_rao_back(g, y, a, b):
    g = g.reshape(len(a), len(b), a.shape[1])
    return np.einsum("ijk,jk->ik", g, b), np.einsum("ijk,ik->jk", g, a)


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


def unit_columns(x):
    need(x.ndim == 2 and x.size)
    d = x - x.mean(axis=0)
    n = np.sqrt((d * d).sum(axis=0))
    need(np.all(n > 1e-2 * np.abs(x).max(axis=0)) and np.all(n > 1e-6))
    return d / n, n


def correlations(x):
    z, _ = unit_columns(x)
    return z.T @ z


def correlations_back(g, y, x):
    z, n = unit_columns(x)
    dz = z @ (g + g.T)
    dd = (dz - z * (z * dz).sum(axis=0)) / n
    return (dd - dd.mean(axis=0),)


def weighted_cov(x, w, ddof):
    need(x.ndim == 2 and w.shape == x.shape[:1] and np.all(w >= 0) and w.sum() > 0.01 and w.sum() - ddof > 0.01)
    d = x - w @ x / w.sum()
    return (d.T * w) @ d / (w.sum() - ddof)


def weighted_cov_back(g, y, x, w, ddof):
    d, free = x - w @ x / w.sum(), w.sum() - ddof
    return w[:, None] * (d @ (g + g.T)) / free, (((d @ g) * d).sum(axis=1) - (g * y).sum()) / free, None


def resultant(t, w):
    need(t.shape == w.shape and np.sum(np.abs(w)) > 1e-3)
    s, c = np.sum(w * np.sin(t)), np.sum(w * np.cos(t))
    need(np.hypot(s, c) > 0.03 * np.sum(np.abs(w)))
    return s, c


def mean_direction(t, w):
    return np.arctan2(*resultant(t, w))


def mean_direction_back(g, y, t, w):
    s, c = resultant(t, w)
    g = g / (s * s + c * c)
    return g * w * (c * np.cos(t) + s * np.sin(t)), g * (c * np.sin(t) - s * np.cos(t))


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
ok("masked sum with a start", masked_sum, masked_sum_back, normal(3, 4), MASK, 0.5, 1, False)
ok("skewness along an axis", skewness, skewness_back, normal(3, 5), -1)
ok("log of a weighted sum of exps", weighted_lse, weighted_lse_back, normal(3, 4), uniform(3, 4), 0)
ok("product of all the others", others, others_back, normal(2, 4))
ok("log volume of a Gram matrix", gram_volume, gram_volume_back, 0.5 * normal(4, 3), 0.5)
ok("projection on the columns", projected, projected_back, normal(5, 2), normal(5))
ok("thin QR, positive diagonal", thin_qr, thin_qr_back, normal(4, 3))
ok("Cayley transform", cayley, cayley_back, normal(3, 3))
ok("Khatri-Rao product", khatri_rao, khatri_rao_back, normal(2, 3), normal(4, 3))
ok(
    "evidence of a Kalman step",
    kalman_evidence,
    kalman_evidence_back,
    normal(3),
    normal(3, 3),
    normal(2),
    normal(2, 3),
    0.4,
)
ok("correlations of columns", correlations, correlations_back, normal(6, 3))
ok("covariance with weights", weighted_cov, weighted_cov_back, normal(6, 3), 1 + uniform(6), 1)
ok("mean direction", mean_direction, mean_direction_back, normal(5), uniform(5))
ok("Gini coefficient", gini, gini_back, uniform(6))
ok("soft ranks", soft_ranks, soft_ranks_back, normal(2, 4), 0.5)
