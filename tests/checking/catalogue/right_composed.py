"""Right operations composed of several steps: sequence models, normalisations, geometry, implicit functions,
several outputs, transforms, settings that are defaults."""

import numpy as np
from scipy import special

from .entries import fit, need, normal, ok, uniform


def sigmoid(x):
    return special.expit(x)


# sequences


def lstm(x, h, c, w):
    need(x.ndim == h.ndim == w.ndim == 2 and h.shape == c.shape and len(x) == len(h) and h.shape[1] > 0)
    need(w.shape == (x.shape[1] + h.shape[1], 4 * h.shape[1]))
    i, f, o, u = np.split(np.concatenate([x, h], axis=1) @ w, 4, axis=1)
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(u)
    return sigmoid(o) * np.tanh(new), new


def lstm_back(grads, outputs, x, h, c, w):
    xh = np.concatenate([x, h], axis=1)
    i, f, o, u = np.split(xh @ w, 4, axis=1)
    i, f, o, u = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(u)
    t = np.tanh(outputs[1])
    dc = grads[1] + grads[0] * o * (1 - t * t)
    a = np.concatenate(
        [dc * u * i * (1 - i), dc * c * f * (1 - f), grads[0] * t * o * (1 - o), dc * i * (1 - u * u)], axis=1
    )
    dxh = a @ w.T
    return dxh[:, : x.shape[1]], dxh[:, x.shape[1] :], dc * f, xh.T @ a


ok("lstm cell, two outputs", lstm, lstm_back, normal(2, 3), normal(2, 2), normal(2, 2, seed=1), normal(5, 8))


def gru(x, h, u, w):
    need(x.ndim == 1 and x.shape == h.shape and u.shape == w.shape == (x.size, x.size) and x.size)
    z = sigmoid(u @ x + w @ h)
    return z * h + (1 - z) * np.tanh(x)


def gru_back(g, y, x, h, u, w):
    z, t = sigmoid(u @ x + w @ h), np.tanh(x)
    a = g * (h - t) * z * (1 - z)
    return u.T @ a + g * (1 - z) * (1 - t * t), g * z + w.T @ a, np.outer(a, x), np.outer(a, h)


ok("gated unit", gru, gru_back, normal(3), normal(3, seed=1), normal(3, 3), normal(3, 3, seed=1))


def average(x, decay):
    need(x.ndim == 1)
    y, state = np.empty_like(x), x.dtype.type(0)
    for t in range(x.size):
        state = decay * state + (1 - decay) * x[t]
        y[t] = state
    return y


def average_back(g, y, x, decay):
    dx, carried, slope = np.empty_like(x), 0 * (g[:1].sum() if g.size else 0.0), 0.0
    for t in reversed(range(x.size)):
        carried = carried + g[t]
        dx[t] = (1 - decay) * carried
        slope = slope + carried * ((y[t - 1] if t else 0) - x[t])
        carried = decay * carried
    return dx, float(slope)


ok("exponential moving average", average, average_back, normal(6), 0.8)


def runge_kutta(x, rate, steps):
    need(type(steps) is int and 0 <= steps <= 20)
    for _ in range(steps):
        a = rate * x * (1 - x)
        b = rate * (x + a / 20) * (1 - x - a / 20)
        x = x + b / 10
    return x


def runge_kutta_back(g, y, x, rate, steps):
    states = [x]
    for _ in range(steps):
        states.append(runge_kutta(states[-1], rate, 1))
    slope = 0.0
    for x in reversed(states[:-1]):
        a = rate * x * (1 - x)
        m = x + a / 20
        slope += float((g / 10 * (m * (1 - m) + rate * (1 - 2 * m) * x * (1 - x) / 20)).sum())
        g = g * (1 + rate * (1 - 2 * m) * (1 + rate * (1 - 2 * x) / 20) / 10)
    return g, slope, None


ok("midpoint steps of an ODE", runge_kutta, runge_kutta_back, uniform(4), 1.5, 5)


def fixed_point(x, w):
    w = 0.5 * np.tanh(w)
    y = np.zeros(np.broadcast(x, w).shape, np.result_type(x, w))
    for _ in range(60):
        y = np.tanh(w * y + x)
    return y


def fixed_point_back(g, y, x, w):
    t = np.tanh(w)
    inner = g * (1 - y * y) / (1 - 0.5 * t * (1 - y * y))
    return fit(inner, x), fit(inner * y * 0.5 * (1 - t * t), w)


ok("implicit fixed point", fixed_point, fixed_point_back, normal(4), normal(4, seed=1))

# distances, losses


def distances(a, b):
    need(a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1])
    return np.sqrt(((a[:, None] - b) ** 2).sum(axis=-1))


def distances_back(g, d, a, b):
    unit = (g / np.where(d > 0, d, 1) * (d > 0))[..., None] * (a[:, None] - b)
    return unit.sum(axis=1), -unit.sum(axis=0)


ok("pairwise distances", distances, distances_back, normal(3, 2), normal(4, 2))


def triplet(a, p, n, margin=1.0):
    need(a.shape == p.shape == n.shape and a.ndim == 2)
    return np.maximum(((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + margin, 0)


def triplet_back(g, y, a, p, n, margin=1.0):
    g = (2 * g * (y > 0))[:, None]
    return g * (n - p), g * (p - a), g * (a - n)


ok("triplet loss with a margin", triplet, triplet_back, normal(4, 2), normal(4, 2, seed=1), normal(4, 2, seed=2))


def focal_back(g, y, x, gamma=2.0):
    p, q, loss = sigmoid(x), sigmoid(-x), np.logaddexp(0, -x)
    return (-g * q**gamma * (gamma * p * loss + q),)


ok("focal loss, exponent by default", lambda x, gamma=2.0: sigmoid(-x) ** gamma * np.logaddexp(0, -x), focal_back,
   normal(3, 4))


def dice(p, t):
    need(p.shape == t.shape)
    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)


def dice_back(g, y, p, t):
    top, bottom = 2 * (p * t).sum() + 1, p.sum() + t.sum() + 1
    return g * (top / bottom**2 - 2 * t / bottom), g * (top / bottom**2 - 2 * p / bottom)


ok("dice loss", dice, dice_back, uniform(3, 4), uniform(3, 4, seed=1), valid=lambda p, t: p.sum() + t.sum() > -0.9)


def ranking(x, y):
    need(x.ndim == y.ndim == 1)
    return np.maximum(1 - (x[:, None] - y), 0).sum()


def ranking_back(g, out, x, y):
    hit = g * (x[:, None] - y < 1)
    return -hit.sum(axis=1), hit.sum(axis=0)


ok("ranking hinge over pairs", ranking, ranking_back, normal(4), normal(3))


def logit(x, eps=1e-6):
    p = np.clip(x, eps, 1 - eps)
    return np.log(p / (1 - p))


def logit_back(g, y, x, eps=1e-6):
    inside = (x > eps) & (x < 1 - eps)
    p = np.where(inside, x, 0.5)
    return (g * inside / (p * (1 - p)),)


ok("logit, clipped by default", logit, logit_back, uniform(3, 4))

# normalisations


def group_norm(x, groups):
    need(x.ndim == 2 and type(groups) is int and groups > 0 and x.shape[1] and x.shape[1] % groups == 0)
    parts = x.reshape(len(x), groups, -1)
    centred = parts - parts.mean(axis=2, keepdims=True)
    return (centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + 1e-5)).reshape(x.shape)


def group_norm_back(g, y, x, groups):
    g, y, parts = (a.reshape(len(x), groups, -1) for a in (g, y, x))
    scale = np.sqrt(parts.var(axis=2, keepdims=True) + 1e-5)
    g = g - g.mean(axis=2, keepdims=True) - y * (g * y).mean(axis=2, keepdims=True)
    return (g / scale).reshape(x.shape), None


ok("group norm", group_norm, group_norm_back, normal(3, 6), 2)


def weight_norm(x, v, s):
    need(x.ndim == v.ndim == 2 and x.shape[1] == v.shape[0] and s.shape == v.shape[1:] and v.size)
    return x @ (s * v / np.sqrt((v * v).sum(axis=0)))


def weight_norm_back(g, y, x, v, s):
    length = np.sqrt((v * v).sum(axis=0))
    unit, dw = v / length, x.T @ g
    along = (dw * unit).sum(axis=0)
    return g @ (s * unit).T, s / length * (dw - unit * along), along


ok("weight norm", weight_norm, weight_norm_back, normal(3, 4), normal(4, 2), normal(2))


def clip_norm(x, limit=1.0):
    length = np.sqrt((x * x).sum())
    return x * (limit / length) if length > limit else x * 1.0


def clip_norm_back(g, y, x, limit=1.0):
    length = np.sqrt((x * x).sum())
    if length > limit:
        unit = x / length
        return (limit / length * (g - unit * (g * unit).sum()),)
    return (g * 1.0,)


ok("clipping by the norm", clip_norm, clip_norm_back, normal(5))


def masked_mean(x, m):
    need(x.shape == m.shape and x.ndim == 2)
    return (x * m).sum(axis=1) / np.maximum(m.sum(axis=1), 1).astype(x.dtype)


ok("masked mean, empty rows", masked_mean, lambda g, y, x, m: (
    (g / np.maximum(m.sum(axis=1), 1).astype(x.dtype))[:, None] * m, None), normal(3, 4), normal(3, 4, seed=1) > 0)

# windows


def windows(x, size, step, gap):
    need(x.ndim == 1 and all(type(n) is int and n > 0 for n in (size, step, gap)))
    starts = np.arange(0, x.size - (size - 1) * gap, step)
    need(starts.size)
    return starts[:, None] + gap * np.arange(size)


def convolve(x, w, step, gap):
    need(w.ndim == 1)
    return x[windows(x, w.size, step, gap)] @ w


def convolve_back(g, y, x, w, step, gap):
    places, dx = windows(x, w.size, step, gap), np.zeros_like(x)
    np.add.at(dx, places, np.multiply.outer(g, w))
    return dx, g @ x[places], None, None


ok("convolution with stride and gaps", convolve, convolve_back, normal(9), normal(3), 2, 1)


def moving_max_back(g, y, x, size, step):
    places, dx = windows(x, size, step, 1), np.zeros_like(x)
    np.add.at(dx, places[np.arange(len(places)), x[places].argmax(axis=1)], g)
    return dx, None, None


ok("moving maximum", lambda x, size, step: x[windows(x, size, step, 1)].max(axis=1), moving_max_back, normal(8), 3, 2)


def bag(table, i, starts):
    need(table.ndim == 2 and i.ndim == starts.ndim == 1 and starts.size and i.size and len(table))
    need(starts[0] == 0 and np.all(np.diff(starts) > 0) and starts[-1] < i.size and i.min() >= 0)
    return np.add.reduceat(table[i], starts, axis=0) / np.diff(np.append(starts, i.size))[:, None].astype(table.dtype)


def bag_back(g, y, table, i, starts):
    counts, d = np.diff(np.append(starts, i.size)), np.zeros_like(table)
    np.add.at(d, i, np.repeat(g / counts[:, None].astype(table.dtype), counts, axis=0))
    return d, None, None


ok("mean of bags of rows", bag, bag_back, normal(4, 2), np.array([0, 2, 2, 3, 1]), np.array([0, 2]))


def reflect(x, width):
    need(x.ndim == 1 and type(width) is int and 0 <= width < x.size)
    return np.pad(x, width, mode="reflect")


def reflect_back(g, y, x, width):
    dx = np.zeros_like(x)
    np.add.at(dx, np.pad(np.arange(x.size), width, mode="reflect"), g)
    return dx, None


ok("reflected margin", reflect, reflect_back, normal(5), 2)


def upsample(x):
    need(x.ndim == 1 and x.size > 1)
    return np.concatenate([np.stack([x[:-1], (x[:-1] + x[1:]) / 2], axis=1).ravel(), x[-1:]])


def upsample_back(g, y, x):
    dx = g[::2].copy()
    dx[:-1] += g[1::2] / 2
    dx[1:] += g[1::2] / 2
    return (dx,)


ok("interpolated to twice the length", upsample, upsample_back, normal(5))

# projections


def sparsemax(x):
    need(x.ndim == 1 and x.size)
    s = np.sort(x)[::-1]
    k = np.arange(1, x.size + 1)
    support = int(np.count_nonzero(1 + k * s > np.cumsum(s)))
    return np.maximum(x - (s[:support].sum() - 1) / support, 0)


def sparsemax_back(g, y, x):
    on = y > 0
    return (on * (g - (g * on).sum() / on.sum()).astype(x.dtype),)


ok("sparsemax", sparsemax, sparsemax_back, normal(5))
ok("onto a ball", lambda x: x / max(1.0, np.sqrt((x * x).sum())), lambda g, y, x: (
    g - y * (g * y).sum() if (x * x).sum() > 1 else g * 1,), uniform(3) * 0.5,
   valid=lambda x: (x * x).sum() <= 1)

# matrices


def triangular(a, b):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and b.ndim == 1 and b.size == len(a) and b.size)
    return np.linalg.solve(np.tril(a), b)


def triangular_back(g, y, a, b):
    db = np.linalg.solve(np.tril(a).T, g)
    return -np.tril(np.outer(db, y)), db


ok("triangular solve", triangular, triangular_back, normal(3, 3) + 3 * np.eye(3), normal(3))


def lyapunov(a, q):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and a.shape == q.shape and 0 < a.size <= 144)  # n² unknowns
    eye = np.eye(len(a))
    return np.linalg.solve(np.kron(a, eye) + np.kron(eye, a), q.ravel()).reshape(a.shape)


def lyapunov_back(g, x, a, q):
    s = lyapunov(a.T, g)
    return -(s @ x.T + s.T @ x), s


ok("Lyapunov equation", lyapunov, lyapunov_back, normal(2, 2) + 3 * np.eye(2), normal(2, 2, seed=1))


def spectral(a):
    need(a.ndim == 2 and a.size)
    return np.linalg.svd(a, compute_uv=False)[0]


def spectral_back(g, y, a):
    u, _, v = np.linalg.svd(a, full_matrices=False)
    return (g * np.outer(u[:, 0], v[0]),)


ok("spectral norm", spectral, spectral_back, normal(3, 2))


def sign_and_log(a):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and a.size)
    return np.linalg.slogdet(a)


ok("sign and log of a determinant", lambda a: tuple(sign_and_log(a)), lambda g, y, a: (g[1] * np.linalg.inv(a).T,),
   normal(3, 3))
ok("bilinear forms of a batch", lambda x, a, y: np.einsum("ni,ij,nj->n", x, a, y), lambda g, out, x, a, y: (
    np.einsum("n,ij,nj->ni", g, a, y), np.einsum("n,ni,nj->ij", g, x, y), np.einsum("n,ij,ni->nj", g, a, x)),
   normal(4, 2), normal(2, 3), normal(4, 3), valid=lambda x, a, y: x.ndim == a.ndim == y.ndim == 2
   and len(x) == len(y) and a.shape == (x.shape[1], y.shape[1]))

# geometry


def rotate(q, v):
    need(q.shape == (4,) and v.shape == (3,) and q.any())
    s, u = q[0] / np.sqrt(q @ q), q[1:] / np.sqrt(q @ q)
    return v + 2 * np.cross(u, np.cross(u, v) + s * v)


def rotate_back(g, y, q, v):
    length = np.sqrt(q @ q)
    s, u = q[0] / length, q[1:] / length
    inner = np.cross(u, v) + s * v
    dinner = 2 * np.cross(g, u)
    dunit = np.concatenate([[(dinner * v).sum()], 2 * np.cross(inner, g) + np.cross(v, dinner)]).astype(q.dtype)
    unit = q / length
    return (dunit - unit * (unit @ dunit)) / length, g + s * dinner + np.cross(dinner, u)


ok("rotation by a quaternion", rotate, rotate_back, normal(4), normal(3))


def angle(a, b):
    need(a.shape == b.shape == (3,))
    return np.arctan2(np.sqrt((np.cross(a, b) ** 2).sum()), a @ b)


def angle_back(g, y, a, b):
    n = np.cross(a, b)
    n = n / np.sqrt((n * n).sum())
    return g * np.cross(a, n) / (a @ a), -g * np.cross(b, n) / (b @ b)


ok("angle between vectors", angle, angle_back, normal(3), normal(3, seed=1),
   valid=lambda a, b: (np.cross(a, b) ** 2).sum() > 1e-9 * (a @ a) * (b @ b) > 0)

# transforms, densities


def halves(x):
    need(x.ndim == 1 and x.size)
    found = np.fft.rfft(x)
    return found.real, found.imag


def halves_back(g, y, x):
    n, k = x.size, np.arange(g[0].size)
    phase = 2 * np.pi * np.outer(np.arange(n), k) / n
    return ((np.cos(phase) @ g[0] - np.sin(phase) @ g[1]).astype(x.dtype),)


ok("spectrum in two parts", halves, halves_back, normal(6))


def correlate(a, b):
    need(a.ndim == b.ndim == 1 and a.shape == b.shape and a.size)
    return np.fft.irfft(np.conj(np.fft.rfft(a)) * np.fft.rfft(b), a.size)


ok("circular correlation", correlate, lambda g, y, a, b: (
    np.fft.irfft(np.conj(np.fft.rfft(g)) * np.fft.rfft(b), a.size),
    np.fft.irfft(np.fft.rfft(a) * np.fft.rfft(g), a.size)), normal(5), normal(5, seed=1))


def log_beta_density(x, a, b):
    need(np.all(x > 0) and np.all(x < 1) and np.all(a > 0) and np.all(b > 0))
    return (a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - special.betaln(a, b)


def log_beta_back(g, y, x, a, b):
    both = special.digamma(a + b)
    return (
        fit(g * ((a - 1) / x - (b - 1) / (1 - x)), x),
        fit(g * (np.log(x) - special.digamma(a) + both), a),
        fit(g * (np.log1p(-x) - special.digamma(b) + both), b),
    )


ok("log density of a beta", log_beta_density, log_beta_back, uniform(4), 1 + uniform(4, seed=1), 2 + uniform(4, seed=2))


def gumbel(x, tau=1.0):
    need(x.ndim and x.shape[-1] and tau > 0)
    e = np.exp((x - x.max(axis=-1, keepdims=True)) / tau)
    return e / e.sum(axis=-1, keepdims=True)


ok("softmax with a temperature by default", gumbel, lambda g, y, x, tau=1.0: (
    y * (g - (g * y).sum(axis=-1, keepdims=True)) / tau,), normal(3, 4))
ok("hard swish", lambda x: x * np.clip(x + 3, 0, 6) / 6, lambda g, y, x: (
    g * (np.clip(x + 3, 0, 6) + x * (abs(x) < 3)) / 6,), 3 * normal(3, 4))
ok("selu", lambda x: 1.0507 * np.where(x > 0, x, 1.67326 * np.expm1(np.minimum(x, 0))), lambda g, y, x: (
    1.0507 * g * np.where(x > 0, 1, 1.67326 * np.exp(np.minimum(x, 0))).astype(x.dtype),), normal(3, 4))


def polynomial(c, x):
    need(c.ndim == 1 and c.size)
    y = c[0] + 0 * x
    for one in c[1:]:
        y = y * x + one
    return y


def polynomial_back(g, y, c, x):
    powers = x[..., None] ** np.arange(c.size - 1, -1, -1)
    dc = (g[..., None] * powers).reshape(-1, c.size).sum(axis=0)
    slope = 0 * x
    for k, one in enumerate(c[:-1]):
        slope = slope * x + (c.size - 1 - k) * one
    return dc, g * slope


ok("polynomial by Horner", polynomial, polynomial_back, normal(4), normal(3))
