"""E, C and 2: layers and losses of nets that are nearly right, break the contract, or curve wrongly."""

import numpy as np
from scipy import special

from .entries import bug, need, normal, uniform
from .right_attention import embed, kept_rows, softmax
from .right_divergences import (
    info_nce,
    info_nce_back,
    kept_channels,
    log_softmax,
    smoothed,
    unit,
)
from .right_layers import (
    floats,
    gate,
    rms_norm,
    tame,
    tanh_slope,
    to,
    whole,
)

A, B = normal(3, 4), normal(3, 4, seed=1)


def rms_floor_left_out(g, y, x, w, plus_one):
    inv = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True))
    n, gw = x * inv, g * (1 + w if plus_one else w)
    dw = (g * n).reshape(-1, w.size).sum(axis=0)
    return to(inv * (gw - n * (gw * n).mean(axis=-1, keepdims=True)), x), to(dw, w), None


def gelu_gate(a, b):
    tame(a, b)
    need(a.shape == b.shape)
    return a * special.ndtr(b)


def swish(x):
    floats(x)
    return x * gate(x)


def smoothed_in_float32(g, y, x, labels, weights, percent):
    share = np.float32(percent) / np.float32(100)
    known = labels >= 0
    t = np.full(x.shape, share / x.shape[1], float)
    t[np.flatnonzero(known), labels[known]] += 1 - share
    tw, logs = t * known[:, None] * weights, log_softmax(x)
    counts, total = np.bincount(labels[known], minlength=weights.size), weights[labels[known]].sum()
    dx = g / total * (np.exp(logs) * tw.sum(axis=1, keepdims=True) - tw)
    dw = -g / total * (tw / weights * logs).sum(axis=0) - g * y / total * counts
    return to(dx, x), None, to(dw, weights), None


def lengths_and_a_little(g, y, a, b, sharpness):
    da, db, ds = info_nce_back(g, y, a, b, sharpness)
    return to(da * (unit(a)[1] / (unit(a)[1] + 1e-8)), a), to(db * (unit(b)[1] / (unit(b)[1] + 1e-8)), b), ds


bug("E", "root mean square norm: floor left out", rms_norm, rms_floor_left_out, A, uniform(4), True)
bug(
    "E",
    "gelu gate: density to five digits",
    gelu_gate,
    lambda g, y, a, b: (to(g * special.ndtr(b), a), to(g * a * 0.39894 * np.exp(-0.5 * b * b), b)),
    A,
    B,
)
bug("E", "contrast within a batch: 1e-8 beside the lengths", info_nce, lengths_and_a_little, A, B, np.array(0.5))
bug(
    "E",
    "swish: slope by a forward difference",
    swish,
    lambda g, y, x: (to(g * ((x + 1e-7) * gate(x + 1e-7) - y) / 1e-7, x),),
    A,
)
bug(
    "E",
    "smoothed cross entropy: share in float32",
    smoothed,
    smoothed_in_float32,
    normal(4, 3),
    np.array([1, 0, -1, 2]),
    uniform(3) + 0.5,
    10,
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
    "swish: curvature without its two",
    swish,
    lambda g, y, x: (g * (gate(x) + x * gate(x) * gate(-x)),),
    A,
    order=2,
    second=lambda gg, r, g, y, x: (
        gg[0] * (gate(x) + x * gate(x) * gate(-x)),
        None,
        gg[0] * g * gate(x) * gate(-x) * (1 + x * (1 - 2 * gate(x))),
    ),
)
bug(
    "2",
    "softsign: curvature without its sign",
    lambda x: x / (1 + np.abs(x)),
    lambda g, y, x: (g / (1 + np.abs(x)) ** 2,),
    uniform(3, 4),
    order=2,
    second=lambda gg, r, g, y, x: (gg[0] / (1 + np.abs(x)) ** 2, None, -2 * gg[0] * g / (1 + np.abs(x)) ** 3),
)
