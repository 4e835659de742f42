"""V and S: layers, cells and losses of nets with a wrong number, or a wrong shape, at the example."""

import numpy as np

from .entries import bug, fit, need, normal, uniform
from .right_attention import capped, capped_weights, embed, kept_rows
from .right_divergences import (
    laplace_mixture,
    laplace_mixture_back,
    log_softmax,
    machine,
    machine_back,
    normal_kl,
    normal_kl_back,
)
from .right_layers import (
    depthwise_ring,
    excite,
    gate,
    instance_norm,
    instance_norm_back,
    pixel_shuffle,
    rms_norm,
    tame,
    tanh_slope,
    to,
)

A, B = normal(3, 4), normal(3, 4, seed=1)


def ring_same_way(g, y, x, w, gap):
    dx, dw = np.zeros(x.shape, x.dtype), np.zeros(w.shape, w.dtype)
    for k in range(w.shape[1]):
        dx += w[:, k, None] * np.roll(g, -k * gap, axis=1)
        dw[:, k] = (g * np.roll(x, -k * gap, axis=1)).sum(axis=1)
    return dx, dw, None


def rms_scale_fixed(g, y, x, w, plus_one):
    inv = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-6)
    dw = (g * x * inv).reshape(-1, w.size).sum(axis=0)
    return to(inv * g * (1 + w if plus_one else w), x), to(dw, w), None


def minimal_cell(x, h, u, v):
    """One gate both forgets and hides the state from the candidate."""
    tame(x, h, u, v)
    need(x.shape == h.shape == u.shape == v.shape)
    f = gate(x + u * h)
    return (1 - f) * h + f * np.tanh(x + v * (f * h))


def minimal_cell_back(g, y, x, h, u, v):
    """The gate is a constant for the candidate."""
    f = gate(x + u * h)
    c = x + v * (f * h)
    dc = g * f * tanh_slope(c)
    df = g * (np.tanh(c) - h) * f * (1 - f)
    return to(dc + df, x), to(g * (1 - f) + dc * v * f + df * u, h), to(df * h, u), to(dc * f * h, v)


def capped_not_centred(g, y, q, k, v):
    scale = q.shape[1] ** -0.5
    p = capped_weights(q, k)
    ds = p * (g @ v.T) * tanh_slope(q @ k.T * (0.25 * scale)) * scale
    return to(ds @ k, q), to(ds.T @ q, k), to(p.T @ g, v)


def kl_means_forgotten(g, y, m, s, n, t):
    dm, ds, dn, dt = normal_kl_back(g, y, m, s, n, t)
    return dm, ds, dn, to(dt + fit(0.5 * np.expand_dims(g, -1) * (m - n + 0 * s) ** 2 * np.exp(-t), t), t)


def width_not_normalised(g, out, logits, centres, widths, y):
    share = g[:, None] * np.exp(log_softmax(logits - np.abs(y[:, None] - centres) * np.exp(-widths) - widths))
    dl, dc, dw, dy = laplace_mixture_back(g, out, logits, centres, widths, y)
    return dl, dc, to(dw + share, widths), dy


def shuffle_rows_for_columns(g, y, x, r):
    c, h, w = len(x) // (r * r), *x.shape[1:]
    return g.reshape(c, h, r, w, r).transpose(0, 4, 2, 1, 3).reshape(x.shape), None


def excite_mean_forgotten(g, y, x, w, v):
    m = x.mean(axis=1)
    z = v @ np.maximum(w @ m, 0)
    dz = (g * x).sum(axis=1) * gate(z) * gate(-z)
    dh = (v.T @ dz) * (w @ m > 0)
    return to(g * gate(z)[:, None], x), to(np.outer(dh, m), w), to(np.outer(dz, np.maximum(w @ m, 0)), v)


bug("V", "ring convolution: turned the same way", depthwise_ring, ring_same_way, normal(2, 6), normal(2, 3), 1)
bug("V", "root mean square norm: scale held fixed", rms_norm, rms_scale_fixed, A, uniform(4), False)
bug(
    "V",
    "minimal cell: candidate's gate a constant",
    minimal_cell,
    minimal_cell_back,
    A,
    B,
    normal(3, 4, seed=2),
    normal(3, 4, seed=3),
)
bug("V", "capped attention: not centred", capped, capped_not_centred, A, normal(5, 4), normal(5, 2))
bug("V", "divergence of normals: means left out of a variance", normal_kl, kl_means_forgotten, A, 0.5 * B, B, 0.5 * A)
bug(
    "V",
    "Laplace mixture: width without its normaliser",
    laplace_mixture,
    width_not_normalised,
    A,
    B,
    0.5 * normal(3, 4, seed=2),
    normal(3),
)
bug("V", "pixel shuffle: rows for columns", pixel_shuffle, shuffle_rows_for_columns, normal(4, 2, 3), 2)
bug(
    "V",
    "squeeze and excite: path through the mean",
    excite,
    excite_mean_forgotten,
    normal(4, 5),
    uniform(2, 4),
    uniform(4, 2),
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
bug(
    "S",
    "instance norm: a shift for each example",
    instance_norm,
    lambda g, y, x, scale, shift: (*instance_norm_back(g, y, x, scale, shift)[:2], g.sum(axis=2)),
    normal(2, 3, 4),
    normal(3),
    normal(3),
)
bug(
    "S",
    "factorisation machine: factors transposed",
    machine,
    lambda g, y, x, v: (machine_back(g, y, x, v)[0], machine_back(g, y, x, v)[1].T),
    normal(3, 4, seed=3),
    normal(4, 2),
)
