"""Planted mistakes in sequence models and their losses."""

import numpy as np
from scipy import special

from .entries import bug, normal, uniform
from .right_sequences import (
    alignment,
    alignment_table,
    contrast,
    crammer,
    extended,
    forward_score,
    forward_score_back,
    labelled,
    log_softmax,
    masked_attention,
    masked_weights,
    need,
    returns,
    rotary,
    rotary_back,
    soft_alignment,
    soft_alignment_back,
    viterbi,
    viterbi_back,
)

ALL = np.ones((4, 4), bool)


def attention_scaled_by_keys(g, y, q, k, v, keep):
    p = masked_weights(q, k, keep)
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(axis=1, keepdims=True)) * len(k) ** -0.5
    return ds @ k, ds.T @ q, p.T @ g, None


def attention_sees_all(g, y, q, k, v, keep):
    p = masked_weights(q, k, np.ones_like(keep))
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(axis=1, keepdims=True)) * q.shape[1] ** -0.5
    return ds @ k, ds.T @ q, p.T @ g, None


def attention_empty_row(g, y, q, k, v, keep):
    """Scores of -1e9 for -inf: a row of nothing becomes a mean."""
    scores = np.where(keep, q @ k.T * q.shape[1] ** -0.5, -1e9)
    p = special.softmax(scores, axis=1)
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(axis=1, keepdims=True)) * q.shape[1] ** -0.5
    return ds @ k, ds.T @ q, p.T @ g, None


SQUARE = (normal(4, 4), normal(4, 4, seed=1), normal(4, 4, seed=2), ALL)
bug("R", "attention: scaled by the number of keys", masked_attention, attention_scaled_by_keys, *SQUARE)
bug("R", "attention: mask forgotten", masked_attention, attention_sees_all, *SQUARE)
bug("R", "attention: a row of nothing is a mean", masked_attention, attention_empty_row, *SQUARE)
bug("R", "rotary: start forgotten", rotary, lambda g, y, x, start: rotary_back(g, y, x, 0), normal(3, 4), 0)
bug("V", "rotary: same sense", rotary, lambda g, y, x, start: (rotary(g, start), None), normal(3, 4), 1)


def returns_without_ends(g, y, r, done, gamma):
    dr, carry = np.empty_like(r), 0.0
    for t in range(r.size):
        dr[t] = carry = g[t] + gamma * carry
    return dr, None, float((dr * np.append(y[1:], 0.0)[: r.size] * ~done).sum())


bug("R", "return: ends forgotten", returns, returns_without_ends, normal(5), np.zeros(5, bool), 0.9)
bug("V", "hidden Markov: first column for the last", forward_score,
    lambda g, y, z, move: (forward_score_back(g, y, z, move)[0], forward_score_back(g, y, z[:-1], move)[1]),
    normal(4, 3), normal(3, 3))


def path_overwritten(g, y, z, move):
    dz, once = viterbi_back(g, y, z, move)
    return dz, np.where(once != 0, g, 0)


def longest_run_free(z, move):
    need(z.ndim == 2 and move.shape == (z.shape[1],) * 2 and z.shape[1])
    return viterbi(z, move)


Z = np.array([[2.0, 0.1, -0.3], [0.2, 1.7, 0.4], [-0.2, 0.3, 1.9], [1.6, 0.0, 0.5]])
bug("R", "best path: a move taken twice counts once", longest_run_free, path_overwritten, Z, 0.1 * normal(3, 3))


def alignment_all_skips(g, y, z, labels):
    """The way back skips a blank between equal labels."""
    logp = log_softmax(z)
    path, _ = extended(labels)
    after = np.full((len(z), path.size), -np.inf)
    after[-1, -2:] = 0.0
    for t in reversed(range(len(z) - 1)):
        s = after[t + 1] + logp[t + 1, path]
        one, two = np.append(s[1:], -np.inf), np.append(s[2:], [-np.inf] * 2)[: s.size]
        after[t] = np.logaddexp(np.logaddexp(s, one), np.where(path > 0, two, -np.inf))
    share = np.zeros_like(z)
    np.add.at(share, (slice(None), path), np.exp(alignment_table(logp, labels) + after - y))
    return g * (share - np.exp(logp)), None


def alignment_set(g, y, z, labels):
    logp = log_softmax(z)
    path, _ = extended(labels)
    both = alignment_table(logp, labels) + alignment_table(logp[::-1], labels[::-1])[::-1, ::-1] - logp[:, path]
    share = np.zeros_like(z)
    for s, k in enumerate(path):
        share[:, k] = np.exp(both[:, s] - y) + (share[:, k] if k == 0 else 0)
    return g * (share - np.exp(logp)), None


bug("R", "alignment: skips between equal labels", alignment, alignment_all_skips, normal(6, 4), np.array([1, 3, 2]))
bug("R", "alignment: the same label again overwrites", alignment, alignment_set, normal(6, 4), np.array([1, 3, 2]))


def labelled_back(counted, weighted):
    def bprop(g, y, z, labels, left_out=-1, smoothing=0.0):
        known = labels != left_out
        target = np.full(z.shape, smoothing / z.shape[1], z.dtype)
        rows = np.flatnonzero(known)
        target[rows, labels[rows]] += 1 - (smoothing if weighted else 0)
        n = max(known.sum(), 1) if counted else max(len(z), 1)
        return g * (np.exp(log_softmax(z)) - target) * known[:, None] / n, None

    return bprop


def labelled_0(z, labels, left_out=-1, smoothing=0.0):
    return labelled(z, labels, left_out, smoothing)


bug("R", "labels left out: divided by all", labelled_0, labelled_back(False, True), normal(4, 3), np.array([2, 1, 0, 1]))
bug("R", "smoothing: one-hot not lowered", labelled_0, labelled_back(True, False), normal(4, 3), np.array([2, 1, 0, 1]))


def crammer_only_violated(g, y, z, labels):
    """A row whose label is its own best is passed over, but for the one whose margin is just within 1."""
    dz, rows = np.zeros_like(z), np.arange(len(z))
    best = z.argmax(axis=1)
    dz[rows, best] += g
    dz[rows, labels] -= g
    return dz, None


SURE = np.array([[3.0, 0.0, -1.0], [0.2, 4.0, 0.7], [1.0, -2.0, 5.0]])
bug("R", "hinge of several classes: margin forgotten", crammer, crammer_only_violated, SURE, np.array([0, 1, 2]))


def contrast_by_distance(g, y, a, b, same):
    d = np.sqrt(((a - b) ** 2).sum(axis=1))
    with np.errstate(all="ignore"):
        da = (np.where(same, 2 * d, -2 * np.maximum(1 - d, 0)) * g / d)[:, None] * (a - b)
    return da, -da, None


SAME = np.array([True, False, True, False])
bug("R", "contrastive: NaN where equal", contrast, contrast_by_distance, uniform(4, 2), uniform(4, 2, seed=1), SAME)
bug("V", "contrastive: both the same sign", contrast, lambda g, y, a, b, same: (
    contrast_by_distance(g, y, a, b, same)[0], contrast_by_distance(g, y, a, b, same)[0], None),
    uniform(4, 2), uniform(4, 2, seed=1), SAME)
bug("R", "soft time warping: gamma of 1", lambda d, gamma: soft_alignment(d, gamma)[-1, -1],
    lambda g, y, d, gamma: soft_alignment_back(g, y, d, 1.0), uniform(3, 4), 1.0)


def gru_cell(x, h, w):
    need(x.ndim == h.ndim == 2 and len(x) == len(h) and h.shape[1] and w.shape == (x.shape[1] + h.shape[1], 3 * h.shape[1]))
    n = h.shape[1]
    z, r = np.split(special.expit(np.hstack([x, h]) @ w[:, : 2 * n]), 2, axis=1)
    return (1 - z) * np.tanh(np.hstack([x, r * h]) @ w[:, 2 * n :]) + z * h


def gru_cell_back(g, y, x, h, w):
    """How the reset gate acts on the state is left out: no matter while the state is 0."""
    n, m = h.shape[1], x.shape[1]
    zr = special.expit(np.hstack([x, h]) @ w[:, : 2 * n])
    z, r = zr[:, :n], zr[:, n:]
    inner = np.hstack([x, r * h])
    t = np.tanh(inner @ w[:, 2 * n :])
    dt = g * (1 - z) * (1 - t * t)
    dinner = dt @ w[:, 2 * n :].T
    da = np.hstack([g * (h - t) * z * (1 - z), np.zeros_like(r)])
    dxh = da @ w[:, : 2 * n].T
    return dxh[:, :m] + dinner[:, :m], dxh[:, m:] + dinner[:, m:] * r + g * z, np.hstack([np.hstack([x, h]).T @ da, inner.T @ dt])


bug("R", "gated cell: state is 0 at first", gru_cell, gru_cell_back, normal(2, 3), np.zeros((2, 2)), 0.5 * normal(5, 6))


def scan(x, a):
    need(x.ndim == 2 and a.shape == x.shape[1:])
    out = np.empty_like(x)
    h = np.zeros_like(a)
    for t in range(len(x)):
        out[t] = h = a * h + x[t]
    return out


def scan_back(g, y, x, a):
    """Unrolled over the last eight steps only."""
    dx, da = np.zeros_like(x), np.zeros_like(a)
    for t in range(len(x)):
        for s in range(t, min(t + 8, len(x))):
            dx[t] += g[s] * a ** (s - t)
    for t in range(1, len(x)):
        da += dx[t] * y[t - 1]
    return dx, da


bug("R", "recurrence: cut after eight steps", scan, scan_back, normal(5, 3), uniform(3))


def info_nce(a, b):
    need(a.ndim == 2 and a.shape == b.shape and len(a))
    return -np.diag(log_softmax(a @ b.T)).mean()


bug("V", "info nce: other side is constant", info_nce, lambda g, y, a, b: (
    lambda d: (g * d @ b / len(a), g * -a / len(a)))(np.exp(log_softmax(a @ b.T)) - np.eye(len(a))), normal(3, 4), normal(3, 4, seed=1))
bug("E", "info nce: temperature of 1e-6 more", info_nce, lambda g, y, a, b: (
    lambda d: (g * d @ b / len(a), g * d.T @ a / len(a)))(np.exp(log_softmax(a @ b.T * (1 + 1e-6))) - np.eye(len(a))),
    normal(3, 4), normal(3, 4, seed=1))


def swiglu(x):
    need(x.shape[-1] % 2 == 0)
    a, b = np.split(x, 2, axis=-1)
    return a * special.expit(a) * b


def swiglu_back(g, y, x):
    a, b = np.split(x, 2, axis=-1)
    s = special.expit(a)
    return (np.concatenate([g * b * s * (1 + a * (1 - s)), g * a * s], axis=1),)


bug("R", "gated halves: joined along the second axis", swiglu, swiglu_back, normal(3, 4))


def prelu(x, a):
    return np.where(x > 0, x, a * x)


bug("R", "prelu: slopes summed over rows", prelu, lambda g, y, x, a: (
    np.where(x > 0, g, a * g), (g * np.minimum(x, 0)).sum(axis=0)), normal(3, 4), uniform(4))
bug("R", "dropout: not scaled up", lambda x, keep, rate: x * keep / (1 - rate), lambda g, y, x, keep, rate: (g * keep, None, None),
    normal(3, 4), np.random.default_rng(0).random((3, 4)) < 0.8, 0.0, valid=lambda x, keep, rate: 0 <= rate < 1 and keep.shape == x.shape)
