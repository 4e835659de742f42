"""R: layers and losses of nets that are right at the example, and wrong for other settings, shapes or values."""

import numpy as np

from .entries import bug, normal, uniform
from .right_attention import (
    capped,
    embed,
    grouped,
    grouped_back,
    gru,
    gru_back,
    product_before,
    recurrence,
    rotary,
    softmax,
    top_values,
    turn,
)
from .right_divergences import (
    drop_channels,
    hardest,
    hardest_back,
    kept_channels,
    laplace_mixture,
    laplace_mixture_back,
    log_softmax,
    longest,
    pinball,
    smooth_targets,
    smoothed,
    spectral,
)
from .right_layers import (
    conv_transposed,
    conv_transposed_back,
    local_response,
    mirrored,
    neighbours,
    norm_over,
    pool_places,
    pool_uncounted,
    pool_with_places,
    resize,
    resize_places,
    sample_mirrored,
    sample_mirrored_back,
    tanh_slope,
    to,
)

A, B = normal(3, 4), normal(3, 4, seed=1)


def corner_of_queries(g, y, q, k, v):
    """More keys than queries: the triangle begins at the first key, not at the last."""
    scale = q.shape[1] ** -0.5
    s = q @ k.T * scale
    p = softmax(np.where(np.tri(len(q), len(k), dtype=bool), 4 * np.tanh(0.25 * s), -np.inf))
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * tanh_slope(0.25 * s) * scale
    return to(ds @ k, q), to(ds.T @ q, k), to(p.T @ g, v)


def margin_counted(g, y, x, size, step, pad):
    dx = np.zeros(x.shape, x.dtype)
    for one, (a, b) in zip(g, pool_places(x.size, size, step, pad), strict=True):
        dx[a:b] += one / size
    return dx, None, None, None


def steps_of_two(g, y, x, w, step):
    if step != 2:
        g = np.pad(g, ((0, 0), (0, max(0, 2 * x.shape[1] - 2 + w.shape[2] - g.shape[1]))))
    return conv_transposed_back(g, y, x, w, 2)


def dealt_round(g, y, q, k, v):
    """Keys of several heads: repeated as abab on the way back, as aabb on the way there."""
    times, scale = len(q) // len(k), q.shape[2] ** -0.5
    dq, _, _ = grouped_back(g, y, q, k, v)
    kk, vv = np.repeat(k, times, axis=0), np.repeat(v, times, axis=0)
    p = softmax(q @ kk.transpose(0, 2, 1) * scale)
    dp = g @ vv.transpose(0, 2, 1)
    ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * scale
    dk, dv = ds.transpose(0, 2, 1) @ q, p.transpose(0, 2, 1) @ g
    return dq, *(to(d.reshape(times, len(k), *d.shape[1:]).sum(axis=0), k) for d in (dk, dv))


def padding_as_written(g, y, table, ids, padding):
    """A padding row, or an index, that is counted from the end."""
    dt = np.zeros(table.shape, table.dtype)
    np.add.at(dt, ids, g * (ids != padding)[..., None])
    return dt, None, None


def mean_over_rows(g, out, x, y, q):
    """Several quantiles: the mean is over rows and quantiles."""
    d = y[:, None] - x
    dd = g / len(x) * np.where(d > 0, q, q - 1)
    return to(-dd, x), to(dd.sum(axis=1), y), to(g / len(x) * d.sum(axis=0), q)


def over_all_rows(g, y, x, labels):
    """A row without a like, or without an unlike one, is not in the mean."""
    same = (labels[:, None] == labels) & ~np.eye(len(x), dtype=bool)
    asked = (same.any(axis=1) & (labels[:, None] != labels).any(axis=1)).sum()
    return to(hardest_back(g, y, x, labels)[0] * (asked / len(x)), x), None


def as_if_converged(g, y, w, start, n):
    """Few steps: the vectors are not yet the singular ones, and depend on w."""
    u = start / np.sqrt((start * start).sum())
    for _ in range(n):
        v = w.T @ u / np.sqrt(((w.T @ u) ** 2).sum())
        u = w @ v / np.sqrt(((w @ v) ** 2).sum())
    sigma = u @ w @ v
    return to(g / sigma - (g * y).sum() / sigma * np.outer(u, v), w), np.zeros(start.shape, start.dtype), None


def rest_forgotten(g, y, x, places, part):
    """Only a part of the features is turned."""
    dx = turn(g, places, part, -1)
    dx[:, part:] = 0
    return dx, None, None


def always_last(g, y, x, k, axis):
    dx = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(*y[1].shape[:-1]):
        row = y[1][place] % x.shape[-1]
        dx[place][row] = g[0][place]
    return dx, None, None


def divided(g, y, x, axis, backwards):
    """A zero among the elements."""
    gy = np.flip(g * y, axis) if not backwards else g * y
    total = np.cumsum(gy, axis=axis)
    total = (np.flip(total, axis) if not backwards else total) - g * y
    return to(total / x, x), None, None


def repeats_lost(g, y, x, size, aligned):
    """More points than before: a neighbour belongs to several of them."""
    low, high, t = resize_places(x.shape[1], size, aligned, x.dtype)
    dx = np.zeros(x.shape, x.dtype)
    dx[:, low] += (1 - t) * g
    dx[:, high] += t * g
    return dx, None, None


def slope_not_mirrored(g, y, image, places):
    """Beyond the edge, where the picture runs backwards."""
    di, dp = sample_mirrored_back(g, y, image, places)
    signs = [mirrored(places[:, a], image.shape[a])[2] for a in (0, 1)]
    return di, dp * np.stack(signs, axis=1)


def runs_on(g, y, x, h, w, u, n):
    """A length less than the number of rows."""
    return gru_back(g, y, x, h, w, u, len(x))


def state_by_division(g, y, a, b, start):
    """A factor of zero."""
    da, db, carry = np.zeros(a.shape, a.dtype), np.zeros(b.shape, b.dtype), np.zeros(start.shape, start.dtype)
    for k in range(len(a) - 1, -1, -1):
        db[k] = carry = g[k] + carry
        da[k] = carry * (y[k] - b[k]) / a[k]
        carry = carry * a[k]
    return da, db, np.asarray(carry)


def window_not_turned(g, y, x, size):
    """Windows of even size reach further to one side."""
    near = neighbours(len(x), size, x.dtype)
    s = 1 + 0.5 * (near @ (x * x))
    return to(g * s**-0.75 - 0.75 * x * (near @ (g * x * s**-1.75)), x), None


def count_of_the_last(g, y, x, axes):
    """Several axes, or another than the last."""
    m = x - x.mean(axis=axes, keepdims=True)
    inv = 1 / np.sqrt((m * m).mean(axis=axes, keepdims=True) + 1e-3)
    n, count = m * inv, x.shape[-1]
    dn = g - g.sum(axis=axes, keepdims=True) / count - n * (g * n).sum(axis=axes, keepdims=True) / count
    return to(inv * dn, x), None


def left_out_counted(g, y, x, labels, weights, percent):
    """A label left out (negative) reads the weight of the last class."""
    t, logs = smooth_targets(x, labels, percent), log_softmax(x)
    total, tw = weights[labels].sum(), t * weights
    dx = g / total * (np.exp(logs) * tw.sum(axis=1, keepdims=True) - tw)
    counts = np.bincount(labels % weights.size, minlength=weights.size)
    return to(dx, x), None, to(-g / total * (t * logs).sum(axis=0) - g * y / total * counts, weights), None


def plain_exponentials(g, out, logits, centres, widths, y):
    """All the densities underflow far from every centre."""
    d = y[:, None] - centres
    e = np.exp(log_softmax(logits) - np.abs(d) * np.exp(-widths) - widths)
    share = g[:, None] * e / e.sum(axis=1, keepdims=True)
    dc = share * np.sign(d) * np.exp(-widths)
    dl, _, _, _ = laplace_mixture_back(g, out, logits, centres, widths, y)
    dw = share * (np.abs(d) * np.exp(-widths) - 1)
    return dl, to(dc, centres), to(dw, widths), to(-dc.sum(axis=1), y)


def beyond_the_length(g, y, x, lengths):
    """A length less than the number of steps: the largest of all steps is taken."""
    dx = np.zeros(x.shape, x.dtype)
    np.put_along_axis(dx, x.argmax(axis=1)[:, None], g[:, None], axis=1)
    return dx, None


def divided_by_height(g, y, x, size, step):
    """A picture that is not square."""
    dx = np.zeros(x.shape, x.dtype)
    rows, columns = np.divmod(y[1], x.shape[0])
    np.add.at(dx, (rows, columns), g[0])
    return dx, None, None


WELL_APART = np.diag([3.0, 1, 0.5]) + 0.1 * normal(3, 3)

bug("R", "capped attention: triangle from the first key", capped, corner_of_queries, A, B, normal(3, 2))
bug("R", "average pool: margin counted after all", pool_uncounted, margin_counted, normal(8), 2, 2, 0)
bug("R", "transposed convolution: always steps of two", conv_transposed, steps_of_two, normal(2, 4), normal(2, 3, 3), 2)
bug("R", "shared keys: heads dealt round", grouped, dealt_round, normal(4, 3, 2), normal(1, 5, 2), normal(1, 5, 2))
bug("R", "embedding: padding row from the end", embed, padding_as_written, normal(5, 3), np.array([0, 2, 2, 4]), 0)
bug("R", "pinball: mean over the rows only", pinball, mean_over_rows, normal(5, 1), normal(5), np.array([0.3]))
bug("R", "hardest triplet: mean over all rows", hardest, over_all_rows, normal(6, 2), np.array([0, 1, 0, 1, 1, 0]))
bug("R", "spectral norm: as if converged", spectral, as_if_converged, WELL_APART, uniform(3), 40)
bug("R", "rotary for a part: the rest forgotten", rotary, rest_forgotten, normal(3, 4), np.array([0, 1, 2]), 4)
bug("R", "top values: always the last axis", top_values, always_last, normal(3, 5), 2, 1)
bug("R", "product before: divided by the element", product_before, divided, A, 1, False)
bug("R", "resized line: repeated neighbours once", resize, repeats_lost, normal(2, 8), 4, False)
bug("R", "mirrored picture: slope not turned", sample_mirrored, slope_not_mirrored, normal(4, 5), 3 * uniform(6, 2))
bug("R", "gru with a length: runs on", gru, runs_on, normal(4, 3), normal(2), normal(6, 3), normal(6, 2), 4)
bug(
    "R",
    "linear recurrence: earlier state by division",
    recurrence,
    state_by_division,
    normal(5, 2),
    normal(5, 2, seed=1),
    normal(2),
)
bug("R", "local response: even windows not turned", local_response, window_not_turned, normal(5, 3), 3)
bug("R", "norm over axes: count of the last", norm_over, count_of_the_last, normal(2, 3, 4), (-1,))
bug(
    "R",
    "smoothed cross entropy: left-out labels weighed",
    smoothed,
    left_out_counted,
    normal(4, 3),
    np.array([1, 0, 2, 2]),
    uniform(3) + 0.5,
    10,
)
bug(
    "R",
    "Laplace mixture: plain exponentials",
    laplace_mixture,
    plain_exponentials,
    A,
    B,
    0.5 * normal(3, 4, seed=2),
    normal(3),
)
bug("R", "largest over time: beyond the length", longest, beyond_the_length, normal(2, 4, 3), np.array([4, 4]))
bug("R", "max pool with places: divided by the height", pool_with_places, divided_by_height, normal(6, 6), 2, 2)
bug(
    "R",
    "dropped channels: also when not training",
    drop_channels,
    lambda g, y, x, percent, seed, training: (to(g * kept_channels(x, percent, seed), x), None, None, None),
    normal(2, 4, 3),
    40,
    3,
    True,
)
