"""Planted mistakes in sequence models."""

import numpy as np
from scipy import special

from .entries import bug, need, normal, uniform
from .right_sequences import (
    alignment,
    alignment_table,
    extended,
    forward_score,
    forward_score_back,
    log_softmax,
    masked_attention,
    masked_weights,
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

bug(
    "V",
    "hidden Markov: first column for the last",
    forward_score,
    lambda g, y, z, move: (forward_score_back(g, y, z, move)[0], forward_score_back(g, y, z[:-1], move)[1]),
    normal(4, 3),
    normal(3, 3),
)


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

bug(
    "R",
    "soft time warping: gamma of 1",
    lambda d, gamma: soft_alignment(d, gamma)[-1, -1],
    lambda g, y, d, gamma: soft_alignment_back(g, y, d, 1.0),
    uniform(3, 4),
    1.0,
)


def gru_cell(x, h, w):
    need(
        x.ndim == h.ndim == 2
        and len(x) == len(h)
        and h.shape[1]
        and w.shape == (x.shape[1] + h.shape[1], 3 * h.shape[1])
    )
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
    return (
        dxh[:, :m] + dinner[:, :m],
        dxh[:, m:] + dinner[:, m:] * r + g * z,
        np.hstack([np.hstack([x, h]).T @ da, inner.T @ dt]),
    )


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
