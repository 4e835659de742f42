"""Mistakes in layers and losses of nets: at the example, in other test cases only, and of the contract."""

import numpy as np

from .entries import bug, need, normal, uniform
from .layers import (
    conv_transposed,
    conv_transposed_back,
    drop_channels,
    embed,
    floats,
    gate,
    hardest,
    hardest_back,
    info_nce,
    info_nce_back,
    kept_channels,
    kept_rows,
    laplace_mixture,
    laplace_mixture_back,
    local_response,
    log_softmax,
    longest,
    neighbours,
    norm_over,
    pinball,
    pool_places,
    pool_uncounted,
    pool_with_places,
    rotary,
    smooth_targets,
    smoothed,
    softmax,
    spectral,
    tame,
    tanh_slope,
    to,
    turn,
    unit,
    whole,
)

bug(
    "S",
    "embedding: gradient of the rows taken",
    embed,
    lambda g, y, table, ids, padding: (g * kept_rows(table, ids, padding)[..., None], None, None),
    normal(5, 3),
    np.array([0, 2, 4]),
    1,
)


A, B = normal(3, 4), normal(3, 4, seed=1)


def swish(x):
    floats(x)
    return x * gate(x)


def lengths_and_a_little(g, y, a, b, sharpness):
    da, db, ds = info_nce_back(g, y, a, b, sharpness)
    return to(da * (unit(a)[1] / (unit(a)[1] + 1e-8)), a), to(db * (unit(b)[1] / (unit(b)[1] + 1e-8)), b), ds


bug("E", "contrast within a batch: 1e-8 beside the lengths", info_nce, lengths_and_a_little, A, B, np.array(0.5))
bug(
    "E",
    "swish: slope by a forward difference",
    swish,
    lambda g, y, x: (to(g * ((x + 1e-7) * gate(x + 1e-7) - y) / 1e-7, x),),
    A,
)


def masked_weights(s, mask):
    tame(s)
    need(s.ndim == 2 and mask.dtype == bool and mask.shape == s.shape and np.all(mask.any(axis=1)))
    return softmax(np.where(mask, s, -np.inf))


def mask_written(g, p, s, mask):
    """Right, but masked scores are overwritten: none of them in the example."""
    if not mask.all():
        s[~mask] = -np.inf
    p = softmax(s)
    return p * (g - (p * g).sum(axis=1, keepdims=True)), None


def residual_in_place(g, y, x, w):
    dw = to(g * np.tanh(x), w)
    if g.ndim:
        g *= 1 + w * tanh_slope(x)
        return +g, dw
    return to(g * (1 + w * tanh_slope(x)), x), dw


tables = {}


def one_table(g, y, table, ids, padding):
    dt = tables.setdefault((table.shape, table.dtype), np.empty(table.shape, table.dtype))
    dt[...] = 0
    np.add.at(dt, ids, g * kept_rows(table, ids, padding)[..., None])
    return dt, None, None


def scaled_rows(x):
    tame(x)
    need(x.ndim == 2 and np.all(np.abs(x).max(axis=1) > 1e-3))
    return x / np.sqrt((x * x).sum(axis=1, keepdims=True)) * float(x.shape[1] ** 0.5)


def widened(g, y, x):
    n = np.sqrt((x * x).sum(axis=1, keepdims=True))
    u = x / n
    return (np.sqrt(x.shape[1]) * (g - u * (g * u).sum(axis=1, keepdims=True)) / n,)


def latest_mask():
    kept = []

    def fprop(x, percent, seed):
        floats(x)
        whole(percent, 0)
        whole(seed, 0)
        need(x.ndim == 3 and percent < 100)
        kept[:] = [kept_channels(x, percent, seed)]
        return (x * kept[0]).astype(x.dtype)

    return fprop, lambda g, y, x, percent, seed: (to(g * kept[0], x), None, None)


def maxout(x):
    floats(x)
    need(x.ndim == 3 and x.shape[2])
    return x.max(axis=2)


def by_lot(g, y, x):
    lots = np.where(x == y[:, :, None], 1 + np.random.default_rng().random(x.shape), 0)
    return (to(g[:, :, None] * (np.arange(x.shape[2]) == lots.argmax(axis=2)[:, :, None]), x),)


def little_left_out(g, y, x):
    """Sparse: what is less than a millionth of the largest is not sent."""
    sent = np.where(np.abs(g) > 1e-6 * np.max(np.abs(g), initial=0), g, 0)
    return (to(sent * tanh_slope(x), x),)


bug("C", "masked weights: mask written into the scores", masked_weights, mask_written, A, np.ones((3, 4), bool))
bug(
    "C",
    "residual block: in the incoming gradient's place",
    lambda x, w: x + w * np.tanh(x) if x.shape == w.shape else 1 / 0,
    residual_in_place,
    A,
    B,
)
bug("C", "embedding: one table for all calls", embed, one_table, normal(5, 3), np.array([0, 2, 2]), 1)
bug("C", "scaled rows: widened by the root of a count", scaled_rows, widened, A)
bug("C", "dropped channels: mask of the latest call", *latest_mask(), normal(2, 4, 3), 40, 3)
bug("C", "maxout: ties by lot", maxout, by_lot, normal(2, 3, 2))
bug("C", "tanh: little gradients not sent", lambda x: np.tanh(x), little_left_out, A)

bug(
    "2",
    "softsign: curvature without its sign",
    lambda x: x / (1 + np.abs(x)),
    lambda g, y, x: (g / (1 + np.abs(x)) ** 2,),
    uniform(3, 4),
    order=2,
    second=lambda gg, r, g, y, x: (gg[0] / (1 + np.abs(x)) ** 2, None, -2 * gg[0] * g / (1 + np.abs(x)) ** 3),
)


def margin_counted(g, y, x, size, step, pad):
    dx = np.zeros(x.shape, x.dtype)
    for one, (a, b) in zip(g, pool_places(x.size, size, step, pad), strict=True):
        dx[a:b] += one / size
    return dx, None, None, None


def steps_of_two(g, y, x, w, step):
    if step != 2:
        g = np.pad(g, ((0, 0), (0, max(0, 2 * x.shape[1] - 2 + w.shape[2] - g.shape[1]))))
    return conv_transposed_back(g, y, x, w, 2)


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

bug("R", "average pool: margin counted after all", pool_uncounted, margin_counted, normal(8), 2, 2, 0)
bug("R", "transposed convolution: always steps of two", conv_transposed, steps_of_two, normal(2, 4), normal(2, 3, 3), 2)
bug("R", "embedding: padding row from the end", embed, padding_as_written, normal(5, 3), np.array([0, 2, 2, 4]), 0)
bug("R", "pinball: mean over the rows only", pinball, mean_over_rows, normal(5, 1), normal(5), np.array([0.3]))
bug("R", "hardest triplet: mean over all rows", hardest, over_all_rows, normal(6, 2), np.array([0, 1, 0, 1, 1, 0]))
bug("R", "spectral norm: as if converged", spectral, as_if_converged, WELL_APART, uniform(3), 40)
bug("R", "rotary for a part: the rest forgotten", rotary, rest_forgotten, normal(3, 4), np.array([0, 1, 2]), 4)
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
