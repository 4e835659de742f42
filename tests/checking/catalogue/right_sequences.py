"""Right operations of sequence models and their losses, with masks, resets, labels left out, and hard choices."""

import numpy as np
from scipy import special

from .entries import need, normal, ok, uniform


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


def masked_attention_back(g, y, q, k, v, keep):
    p = masked_weights(q, k, keep)
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(axis=1, keepdims=True)) * (q.shape[1] ** -0.5)
    return ds @ k, ds.T @ q, p.T @ g, None


KEEP = np.array([[True, True, False], [True, True, True], [False, False, False], [True, False, True]])

ok(
    "attention, a row of nothing",
    masked_attention,
    masked_attention_back,
    normal(4, 2),
    normal(3, 2),
    normal(3, 5),
    KEEP,
)


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


def returns_back(g, y, r, done, gamma):
    dr, carry = np.empty_like(r), 0.0
    for t in range(r.size):
        dr[t] = carry = g[t] + (gamma * carry if t and not done[t - 1] else 0.0)
    follows = np.append(y[1:], 0.0)[: r.size] * ~done
    return dr, None, float((dr * follows).sum())


ok("discounted return with ends", returns, returns_back, normal(5), np.array([False, True, False, False, True]), 0.9)


def forward_score(z, move):
    """Log of the sum over all paths of a hidden Markov model, scaled step by step."""
    need(z.ndim == 2 and len(z) and move.shape == (z.shape[1],) * 2 and z.shape[1])
    a, total = z[0], 0
    for t in range(1, len(z)):
        top = a.max()
        total = total + top
        a = special.logsumexp((a - top)[:, None] + move, axis=0) + z[t]
    return total + special.logsumexp(a)


def forward_score_back(g, y, z, move):
    alpha, beta = np.empty_like(z), np.zeros_like(z)
    alpha[0] = z[0]
    for t in range(1, len(z)):
        alpha[t] = special.logsumexp(alpha[t - 1][:, None] + move, axis=0) + z[t]
    for t in reversed(range(len(z) - 1)):
        beta[t] = special.logsumexp(move + (z[t + 1] + beta[t + 1])[None], axis=1)
    dmove = np.zeros_like(move)
    for t in range(1, len(z)):
        dmove += np.exp(alpha[t - 1][:, None] + move + (z[t] + beta[t])[None] - y)
    return g * np.exp(alpha + beta - y), g * dmove


ok("hidden Markov score", forward_score, forward_score_back, normal(4, 3), normal(3, 3))


def best_path(z, move):
    score, steps = z[0], []
    for row in z[1:]:
        table = score[:, None] + move
        steps.append(table.argmax(axis=0))
        score = table.max(axis=0) + row
    path = [int(score.argmax())]
    for step in reversed(steps):
        path.append(int(step[path[-1]]))
    return score.max(), path[::-1]


def viterbi(z, move):
    need(z.ndim == 2 and len(z) and move.shape == (z.shape[1],) * 2 and z.shape[1])
    return best_path(z, move)[0]


def viterbi_back(g, y, z, move):
    path = best_path(z, move)[1]
    dz, dmove = np.zeros_like(z), np.zeros_like(move)
    dz[np.arange(len(z)), path] = g
    np.add.at(dmove, (path[:-1], path[1:]), g)
    return dz, dmove


ok("score of the best path", viterbi, viterbi_back, normal(5, 3), normal(3, 3))


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


def labelled_back(g, y, z, labels, left_out=-1, smoothing=0.1):
    known = labels != left_out
    target = np.full(z.shape, smoothing / z.shape[1], z.dtype)
    rows = np.flatnonzero(known)
    target[rows, labels[rows]] += 1 - smoothing
    return g * (np.exp(log_softmax(z)) - target) * known[:, None] / max(known.sum(), 1), None


ok("cross entropy, labels left out", labelled, labelled_back, normal(4, 3), np.array([2, -1, 0, 1]))


def crammer(z, labels):
    need(z.ndim == 2 and z.shape[1] and labels.shape == z.shape[:1] and labels.dtype.kind == "i")
    need(np.all(labels >= 0) and np.all(labels < z.shape[1]))
    margins = z + 1
    margins[np.arange(len(z)), labels] -= 1
    return (margins.max(axis=1) - z[np.arange(len(z)), labels]).sum()


def crammer_back(g, y, z, labels):
    margins, rows = z + 1, np.arange(len(z))
    margins[rows, labels] -= 1
    dz = np.zeros_like(z)
    dz[rows, margins.argmax(axis=1)] += g
    dz[rows, labels] -= g
    return dz, None


ok("hinge of several classes", crammer, crammer_back, normal(4, 3), np.array([2, 0, 1, 1]))


def contrast(a, b, same):
    need(a.shape == b.shape and a.ndim == 2 and same.shape == a.shape[:1] and same.dtype == bool)
    d = np.sqrt(((a - b) ** 2).sum(axis=1))
    return np.where(same, d * d, np.maximum(1 - d, 0) ** 2)


def contrast_back(g, y, a, b, same):
    d = np.sqrt(((a - b) ** 2).sum(axis=1))
    slope = np.where(same, 2 * d, -2 * np.maximum(1 - d, 0)) * g
    da = (slope / np.where(d > 0, d, 1))[:, None] * (a - b)
    return da, -da, None


ok(
    "contrastive distance",
    contrast,
    contrast_back,
    uniform(4, 2),
    uniform(4, 2, seed=1),
    np.array([True, False, True, False]),
)


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
