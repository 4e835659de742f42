"""Right pieces of nets: cells, iterations, losses with settings that are defaults, normalisations."""

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
