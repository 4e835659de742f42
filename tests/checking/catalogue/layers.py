"""Layers and losses of nets: attention, normalisations, convolutions, divergences."""

import numpy as np

from .entries import fit, need, normal, ok


def floats(*arrays):
    need(all(isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.dtype == arrays[0].dtype for x in arrays))


def tame(*arrays):
    """Products of a few do not overflow."""
    floats(*arrays)
    need(all(np.all(np.abs(x) <= np.finfo(x.dtype).max ** 0.25) for x in arrays))


def whole(n, low=None):
    need(isinstance(n, int | np.integer) and not isinstance(n, bool) and (low is None or n >= low))


def to(grad, x):
    return np.asarray(grad).astype(x.dtype)


def gate(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e).astype(e.dtype) / (1 + e)


def tanh_slope(z):
    return 4 * gate(2 * z) * gate(-2 * z)


def conv_transposed(x, w, step):
    floats(x, w)
    whole(step, 1)
    need(x.ndim == 2 and w.ndim == 3 and len(w) == len(x) and x.shape[1] and w.shape[2])
    n, k = x.shape[1], w.shape[2]
    y = np.zeros((w.shape[1], (n - 1) * step + k), x.dtype)
    for j in range(k):
        y[:, j : j + (n - 1) * step + 1 : step] += w[:, :, j].T @ x
    return y


def conv_transposed_back(g, y, x, w, step):
    n, k = x.shape[1], w.shape[2]
    seen = [g[:, j : j + (n - 1) * step + 1 : step] for j in range(k)]
    dx = sum(w[:, :, j] @ seen[j] for j in range(k))
    return to(dx, x), to(np.stack([x @ s.T for s in seen], axis=2), w), None


def pool_places(n, size, step, pad):
    whole(size, 1)
    whole(step, 1)
    whole(pad, 0)
    starts = [s - pad for s in range(0, n + 2 * pad - size + 1, step)]
    spans = [(max(s, 0), min(s + size, n)) for s in starts]
    need(spans and all(a < b for a, b in spans))
    return spans


def pool_uncounted(x, size, step, pad):
    floats(x)
    need(x.ndim == 1)
    return np.array([x[a:b].mean() for a, b in pool_places(x.size, size, step, pad)], x.dtype)


def pool_with_places(x, size, step):
    floats(x)
    whole(size, 1)
    whole(step, 1)
    need(x.ndim == 2 and min(x.shape) >= size)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size))[::step, ::step]
    inner = windows.reshape(*windows.shape[:2], -1).argmax(axis=-1)
    rows = np.arange(windows.shape[0])[:, None] * step + inner // size
    columns = np.arange(windows.shape[1]) * step + inner % size
    return x[rows, columns], rows * x.shape[1] + columns


def neighbours(c, size, dtype):
    gap = np.arange(c) - np.arange(c)[:, None]
    return ((gap >= -(size // 2)) & (gap <= size - 1 - size // 2)).astype(dtype)


def local_response(x, size):
    tame(x)
    whole(size, 1)
    need(x.ndim == 2)
    return x * (1 + 0.5 * (neighbours(len(x), size, x.dtype) @ (x * x))) ** -0.75


def norm_over(x, axes):
    tame(x)
    need(isinstance(axes, tuple) and x.size)
    m = x - x.mean(axis=axes, keepdims=True)
    return m / np.sqrt((m * m).mean(axis=axes, keepdims=True) + 1e-3)


ok("transposed convolution of channels", conv_transposed, conv_transposed_back, normal(2, 4), normal(2, 3, 3), 2)


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def kept_rows(table, ids, padding):
    return ids % len(table) != padding % len(table)


def embed(table, ids, padding):
    floats(table)
    whole(padding)
    need(table.ndim == 2 and isinstance(ids, np.ndarray) and ids.dtype.kind == "i" and -len(table) <= padding)
    need(padding < len(table))
    return table[ids] * kept_rows(table, ids, padding)[..., None]


def turn(x, places, part, sense=1):
    rate = 100.0 ** -(np.arange(part // 2) / max(part // 2, 1))
    cos, sin = (f(places[:, None] * rate).astype(x.dtype) for f in (np.cos, np.sin))
    a, b, rest = x[:, : part // 2], x[:, part // 2 : part], x[:, part:]
    return np.concatenate([a * cos - sense * b * sin, sense * a * sin + b * cos, rest], axis=1)


def rotary(x, places, part):
    floats(x)
    whole(part, 0)
    need(x.ndim == 2 and part % 2 == 0 and part <= x.shape[1])
    need(isinstance(places, np.ndarray) and places.dtype.kind == "i" and places.shape == x.shape[:1])
    return turn(x, places, part)


def labels_of(labels, n):
    need(isinstance(labels, np.ndarray) and labels.dtype.kind == "i" and labels.shape == (n,))


def log_softmax(x, axis=-1):
    x = x - x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def smooth_targets(x, labels, percent):
    t = np.full(x.shape, percent / 100 / x.shape[1], x.dtype)
    known = labels >= 0
    t[np.flatnonzero(known), labels[known]] += 1 - percent / 100
    return t * known[:, None]


def smoothed(x, labels, weights, percent):
    """A negative label is not counted; the mean is by the weights of the labels."""
    tame(x, weights)
    whole(percent, 0)
    need(x.ndim == 2 and x.shape[1] and weights.shape == x.shape[1:] and np.all(weights > 0.01) and percent <= 100)
    labels_of(labels, len(x))
    need(np.any(labels >= 0) and np.all(labels < x.shape[1]))
    t = smooth_targets(x, labels, percent)
    return -(t * weights * log_softmax(x)).sum() / weights[labels[labels >= 0]].sum()


def pinball(x, y, q):
    tame(x, y, q)
    need(x.ndim == 2 and x.size and y.shape == x.shape[:1] and q.shape == x.shape[1:] and np.all((q > 0) & (q < 1)))
    d = y[:, None] - x
    return np.maximum(q * d, (q - 1) * d).mean()


def bent(x, y, width, average):
    tame(x, y)
    need(x.shape == y.shape and x.size and isinstance(average, bool) and isinstance(width, float))
    need(width == 0 or 1e-3 < width < 1e3)
    d, width = np.abs(x - y), float(width)
    loss = np.where(d < width, 0.5 * d * d / (width or 1.0), d - 0.5 * width)
    return loss.mean() if average else loss.sum()


def bent_back(g, out, x, y, width, average):
    d, width, g = x - y, float(width), g / (x.size if average else 1)
    u = np.where(np.abs(d) < width, d / (width or 1.0), np.sign(d)) * g
    dw = np.where(np.abs(d) < width, -0.5 * (d / (width or 1.0)) ** 2, -0.5 * np.abs(np.sign(d))) * g
    return to(u, x), to(-u, y), float(dw.sum()), None


def unit(x):
    n = np.sqrt((x * x).sum(axis=1, keepdims=True))
    need(np.all(n > np.finfo(x.dtype).tiny ** 0.125))
    return x / n, n


def info_nce(a, b, sharpness):
    tame(a, b)
    need(a.ndim == 2 and a.shape == b.shape and a.size)
    need(np.shape(sharpness) == () and np.asarray(sharpness).dtype.kind == "f" and abs(sharpness) < 5)
    s = float(np.exp(sharpness)) * (unit(a)[0] @ unit(b)[0].T)
    return -0.5 * (np.diagonal(log_softmax(s, 0)).mean() + np.diagonal(log_softmax(s, 1)).mean())


def info_nce_back(g, y, a, b, sharpness):
    (u, m), (v, n) = unit(a), unit(b)
    scale = float(np.exp(sharpness))
    s = scale * (u @ v.T)
    ds = 0.5 * g / len(a) * (np.exp(log_softmax(s, 0)) + np.exp(log_softmax(s, 1)) - 2 * np.eye(len(a), dtype=a.dtype))
    du, dv = scale * (ds @ v), scale * (ds.T @ u)
    da = (du - u * (u * du).sum(axis=1, keepdims=True)) / m
    db = (dv - v * (v * dv).sum(axis=1, keepdims=True)) / n
    return to(da, a), to(db, b), to((ds * s).sum(), np.asarray(sharpness))


def hardest_pairs(x, labels):
    d = ((x[:, None] - x) ** 2).sum(axis=2)
    same = labels[:, None] == labels
    other = ~same
    same &= ~np.eye(len(x), dtype=bool)
    asked = np.flatnonzero(same.any(axis=1) & other.any(axis=1))
    far = np.where(same, d, -1)[asked].argmax(axis=1)
    near = np.where(other, d, np.inf)[asked].argmin(axis=1)
    return asked, far, near, 0.5 + d[asked, far] - d[asked, near]


def hardest(x, labels):
    """The mean over the rows that have both a like and an unlike one."""
    tame(x)
    need(x.ndim == 2)
    labels_of(labels, len(x))
    asked, _, _, loss = hardest_pairs(x, labels)
    need(asked.size)
    return np.maximum(loss, 0).mean()


def hardest_back(g, y, x, labels):
    asked, far, near, loss = hardest_pairs(x, labels)
    w = (2 * g / asked.size * (loss > 0)).astype(x.dtype)[:, None]
    dx = np.zeros(x.shape, x.dtype)
    np.add.at(dx, asked, w * (x[near] - x[far]))
    np.add.at(dx, far, w * (x[far] - x[asked]))
    np.add.at(dx, near, w * (x[asked] - x[near]))
    return dx, None


def laplace_terms(logits, centres, widths, y):
    return log_softmax(logits) - np.abs(y[:, None] - centres) * np.exp(-widths) - widths - float(np.log(2))


def laplace_mixture(logits, centres, widths, y):
    """Log-likelihood of each y; the widths are logarithms."""
    tame(logits, centres, widths, y)
    need(logits.ndim == 2 and logits.shape[1] and logits.shape == centres.shape == widths.shape)
    need(y.shape == logits.shape[:1] and np.all(abs(widths) < 4))
    t = laplace_terms(logits, centres, widths, y)
    top = t.max(axis=1)
    return top + np.log(np.exp(t - top[:, None]).sum(axis=1))


def laplace_mixture_back(g, out, logits, centres, widths, y):
    share = g[:, None] * np.exp(log_softmax(laplace_terms(logits, centres, widths, y)))
    d = y[:, None] - centres
    dc = share * np.sign(d) * np.exp(-widths)
    dl = share - g[:, None] * np.exp(log_softmax(logits))
    dw = share * (np.abs(d) * np.exp(-widths) - 1)
    return to(dl, logits), to(dc, centres), to(dw, widths), to(-dc.sum(axis=1), y)


def jensen_shannon(a, b, axis):
    tame(a, b)
    whole(axis)
    need(a.ndim and a.shape == b.shape and a.size and -a.ndim <= axis < a.ndim)
    p, q = log_softmax(a, axis), log_softmax(b, axis)
    m = np.logaddexp(p, q) - float(np.log(2))
    return 0.5 * (np.exp(p) * (p - m) + np.exp(q) * (q - m)).sum(axis=axis)


def jensen_shannon_back(g, y, a, b, axis):
    g = 0.5 * np.expand_dims(g, axis)
    p, q = log_softmax(a, axis), log_softmax(b, axis)
    m = np.logaddexp(p, q) - float(np.log(2))

    def grad(p):
        return g * np.exp(p) * (p - m - (np.exp(p) * (p - m)).sum(axis=axis, keepdims=True))

    return to(grad(p), a), to(grad(q), b), None


def normal_kl(m, s, n, t):
    """Of normals with means m, n and log variances s, t, summed over the last axis."""
    tame(m, s, n, t)
    need(np.all(abs(s) < 4) and np.all(abs(t) < 4))
    return 0.5 * (t - s + np.exp(s - t) + (m - n) ** 2 * np.exp(-t) - 1).sum(axis=-1)


def normal_kl_back(g, y, m, s, n, t):
    g = 0.5 * np.expand_dims(g, -1)
    dm, ds = 2 * g * (m - n) * np.exp(-t), g * np.expm1(s - t)
    dt = -g * (np.expm1(s - t) + (m - n) ** 2 * np.exp(-t))
    shape = np.broadcast_shapes(m.shape, s.shape, n.shape, t.shape)
    grads = [np.broadcast_to(d, shape) for d in (dm, ds, -dm, dt)]
    return tuple(to(fit(d, x), x) for d, x in zip(grads, (m, s, n, t), strict=True))


def kept_channels(x, percent, seed):
    kept = np.random.default_rng(seed).random(x.shape[:2]) >= percent / 100
    return kept[:, :, None] * (100 / (100 - percent))


def drop_channels(x, percent, seed, training):
    floats(x)
    whole(percent, 0)
    whole(seed, 0)
    need(x.ndim == 3 and percent < 100 and isinstance(training, bool))
    return (x * kept_channels(x, percent, seed)).astype(x.dtype) if training else x


def longest(x, lengths):
    floats(x)
    need(x.ndim == 3)
    labels_of(lengths, len(x))
    need(np.all((lengths > 0) & (lengths <= x.shape[1])))
    return np.array([x[k, :n].max(axis=0) for k, n in enumerate(lengths)], x.dtype).reshape(len(x), x.shape[2])


def power_steps(w, start, n):
    """The vectors of n steps of power iteration, before and after they are made of length 1."""
    u, seen = start / np.sqrt((start * start).sum()), []
    for _ in range(n):
        a = w.T @ u
        v = a / np.sqrt((a * a).sum())
        b = w @ v
        seen.append((u, a, v, b))
        u = b / np.sqrt((b * b).sum())
    return u, v, seen


def spectral(w, start, n):
    tame(w, start)
    whole(n, 1)
    need(w.ndim == 2 and w.size and start.shape == w.shape[:1] and n <= 100)
    need(np.any(start) and np.abs(start).max() > 1e-3 and 1e-3 < np.linalg.norm(w) < 1e3)
    u, v, seen = power_steps(w, start, n)
    need(all(np.sqrt((a * a).sum()) > 1e-2 for s in seen for a in s[1::2]))
    return w / (u @ w @ v)


A, B = normal(3, 4), normal(3, 4, seed=1)

ok("absolute error with a bend", bent, bent_back, A, B, 0.7, True)
ok("contrast within a batch, both ways", info_nce, info_nce_back, A, B, np.array(0.8))
ok("triplet with the hardest of the batch", hardest, hardest_back, normal(5, 3), np.array([0, 1, 0, 1, 2]))
ok("mixture of Laplace densities", laplace_mixture, laplace_mixture_back, A, B, 0.5 * normal(3, 4, seed=2), normal(3))
ok("Jensen-Shannon of two softmaxes", jensen_shannon, jensen_shannon_back, A, B, -1)
ok("divergence of normals by log variances", normal_kl, normal_kl_back, A, 0.5 * B, normal(4), normal(3, 1))
