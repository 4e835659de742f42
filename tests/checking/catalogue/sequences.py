"""Sequences: recurrences, alignments, scans; and mistakes in them."""

import numpy as np
from scipy import special

from .entries import bug, need, normal, ok, uniform


def log_softmax(z):
    return z - special.logsumexp(z, axis=-1, keepdims=True)


def masked_weights(q, k, keep, scale=None):
    need(q.ndim == k.ndim == 2 and q.shape[1] == k.shape[1] > 0)
    need(keep.dtype == bool and keep.shape == (len(q), len(k)) and len(k))
    scores = np.where(keep, q @ k.T * (q.shape[1] ** -0.5), -np.inf)
    top = scores.max(axis=1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=1, keepdims=True)
    return e / np.where(total > 0, total, 1)


def masked_attention(q, k, v, keep):
    need(v.ndim == 2 and len(k) == len(v))
    return masked_weights(q, k, keep) @ v


def rotary(x, start):
    need(x.ndim == 2 and x.shape[1] % 2 == 0)
    angle = np.outer(np.arange(len(x)) + start, 100.0 ** -np.linspace(0, 1, x.shape[1] // 2)).astype(x.dtype)
    a, b = x[:, ::2], x[:, 1::2]
    return np.stack([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], -1).reshape(x.shape)


def rotary_back(g, y, x, start):
    angle = np.outer(np.arange(len(x)) + start, 100.0 ** -np.linspace(0, 1, x.shape[1] // 2)).astype(x.dtype)
    a, b = g[:, ::2], g[:, 1::2]
    back = [a * np.cos(angle) + b * np.sin(angle), b * np.cos(angle) - a * np.sin(angle)]
    return np.stack(back, -1).reshape(x.shape), None


ok("rotary positions", rotary, rotary_back, normal(3, 4), 2)


def returns(r, done, gamma):
    need(r.ndim == 1 and done.shape == r.shape and done.dtype == bool)
    out, later = np.empty_like(r), 0.0
    for t in reversed(range(r.size)):
        out[t] = later = r[t] + gamma * later * (not done[t])
    return out


def alignment(z, labels):
    """Log probability of the labels, each possibly repeated, with blanks 0 between them, as in CTC."""
    need(z.ndim == 2 and z.shape[1] > 1 and len(z) and labels.ndim == 1 and labels.dtype.kind == "i")
    need(labels.size == 0 or (labels.min() > 0 and labels.max() < z.shape[1]))
    return special.logsumexp(alignment_table(log_softmax(z), labels)[-1][-2:])


def extended(labels):
    path = np.zeros(2 * labels.size + 1, int)
    path[1::2] = labels
    skip = np.zeros(path.size, bool)
    skip[2:] = (path[2:] != 0) & (path[2:] != path[:-2])
    return path, skip


def alignment_table(logp, labels):
    path, skip = extended(labels)
    table = np.full((len(logp), path.size), -np.inf, logp.dtype)
    table[0, :2] = logp[0, path[:2]]
    for t in range(1, len(logp)):
        before = np.full((3, path.size), -np.inf, logp.dtype)
        before[0] = table[t - 1]
        before[1, 1:] = table[t - 1, :-1]
        before[2, 2:] = np.where(skip[2:], table[t - 1, :-2], -np.inf)
        table[t] = np.logaddexp(np.logaddexp(before[0], before[1]), before[2]) + logp[t, path]
    return table


def alignment_back(g, y, z, labels):
    logp = log_softmax(z)
    path, _ = extended(labels)
    both = alignment_table(logp, labels) + alignment_table(logp[::-1], labels[::-1])[::-1, ::-1] - logp[:, path]
    share = np.zeros_like(z)
    np.add.at(share, (slice(None), path), np.exp(both - y))
    return g * (share - np.exp(logp)), None


ok("alignment of labels", alignment, alignment_back, normal(6, 4), np.array([1, 3, 3]))


def labelled(z, labels, left_out=-1, smoothing=0.1):
    """Cross entropy with smoothed labels, averaged over the labels that are not left out."""
    need(z.ndim == 2 and z.shape[1] and labels.shape == z.shape[:1] and labels.dtype.kind == "i")
    known = labels != left_out
    need(np.all(labels[known] >= 0) and np.all(labels < z.shape[1]))
    logp = log_softmax(z)[known]
    picked = np.take_along_axis(logp, labels[known][:, None], 1)[:, 0]
    return -((1 - smoothing) * picked + smoothing * logp.mean(axis=1)).sum() / max(known.sum(), 1)


def crammer(z, labels):
    need(z.ndim == 2 and z.shape[1] and labels.shape == z.shape[:1] and labels.dtype.kind == "i")
    need(np.all(labels >= 0) and np.all(labels < z.shape[1]))
    margins = z + 1
    margins[np.arange(len(z)), labels] -= 1
    return (margins.max(axis=1) - z[np.arange(len(z)), labels]).sum()


def soft_alignment(d, gamma):
    """Soft dynamic time warping of a table of distances."""
    need(d.ndim == 2 and d.size and gamma > 1e-3)
    r = np.full((d.shape[0] + 1, d.shape[1] + 1), np.inf, d.dtype)
    r[0, 0] = 0
    for i in range(1, len(r)):
        for j in range(1, r.shape[1]):
            r[i, j] = d[i - 1, j - 1] - gamma * special.logsumexp(
                -np.array([r[i - 1, j - 1], r[i - 1, j], r[i, j - 1]]) / gamma
            )
    return r


def soft_alignment_back(g, y, d, gamma):
    r, (n, m) = soft_alignment(d, gamma), d.shape
    e = np.zeros_like(d)
    for i in reversed(range(n)):
        for j in reversed(range(m)):
            later = [(i + 1, j), (i, j + 1), (i + 1, j + 1)]
            e[i, j] = (i, j) == (n - 1, m - 1) or sum(
                e[k, l] * np.exp((r[k + 1, l + 1] - d[k, l] - r[i + 1, j + 1]) / gamma)
                for k, l in later
                if k < n and l < m
            )
    return g * e, None


ok("soft time warping", lambda d, gamma: soft_alignment(d, gamma)[-1, -1], soft_alignment_back, uniform(3, 4), 0.5)


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
