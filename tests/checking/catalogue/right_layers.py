"""Right layers of nets: convolutions, pooling, pictures and normalisations written by hand."""

import numpy as np

from .entries import need, normal, ok


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


def depthwise_ring(x, w, gap):
    floats(x, w)
    whole(gap)
    need(x.ndim == w.ndim == 2 and len(x) == len(w))
    y = np.zeros(x.shape, x.dtype)
    for k in range(w.shape[1]):
        y += w[:, k, None] * np.roll(x, -k * gap, axis=1)
    return y


def depthwise_ring_back(g, y, x, w, gap):
    dx, dw = np.zeros(x.shape, x.dtype), np.zeros(w.shape, w.dtype)
    for k in range(w.shape[1]):
        dx += w[:, k, None] * np.roll(g, k * gap, axis=1)
        dw[:, k] = (g * np.roll(x, -k * gap, axis=1)).sum(axis=1)
    return dx, dw, None


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


def pool_uncounted_back(g, y, x, size, step, pad):
    dx = np.zeros(x.shape, x.dtype)
    for one, (a, b) in zip(g, pool_places(x.size, size, step, pad), strict=True):
        dx[a:b] += one / (b - a)
    return dx, None, None, None


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


def pool_with_places_back(g, y, x, size, step):
    dx = np.zeros(x.size, x.dtype)
    np.add.at(dx, y[1].ravel(), g[0].ravel())
    return dx.reshape(x.shape), None, None


def pixel_shuffle(x, r):
    floats(x)
    whole(r, 1)
    need(x.ndim == 3 and len(x) % (r * r) == 0)
    c, h, w = len(x) // (r * r), *x.shape[1:]
    return x.reshape(c, r, r, h, w).transpose(0, 3, 1, 4, 2).reshape(c, h * r, w * r)


def pixel_shuffle_back(g, y, x, r):
    c, h, w = len(x) // (r * r), *x.shape[1:]
    return g.reshape(c, h, r, w, r).transpose(0, 2, 4, 1, 3).reshape(x.shape), None


def resize_places(n, size, aligned, dtype):
    middles = np.clip((np.arange(size) + 0.5) * (n / size) - 0.5, 0, n - 1)
    at = np.linspace(0, n - 1, size) if aligned else middles
    low = at.astype(int)
    return low, np.minimum(low + 1, n - 1), (at - low).astype(dtype)


def resize(x, size, aligned):
    floats(x)
    whole(size, 1)
    need(x.ndim == 2 and x.shape[1] and isinstance(aligned, bool))
    low, high, t = resize_places(x.shape[1], size, aligned, x.dtype)
    return (1 - t) * x[:, low] + t * x[:, high]


def resize_back(g, y, x, size, aligned):
    low, high, t = resize_places(x.shape[1], size, aligned, x.dtype)
    dx = np.zeros(x.shape, x.dtype)
    np.add.at(dx, (slice(None), low), (1 - t) * g)
    np.add.at(dx, (slice(None), high), t * g)
    return dx, None, None


def mirrored(p, n):
    """The place inside after reflections, the left pixel, and the sign of the slope."""
    m = p % (2 * n - 2)
    u = np.where(m < n - 1, m, 2 * n - 2 - m)
    low = np.clip(np.floor(u).astype(int), 0, n - 2)
    return low, (u - low).astype(p.dtype), np.where(m < n - 1, 1, -1).astype(p.dtype)


def sample_mirrored(image, places):
    floats(image, places)
    need(image.ndim == 2 and min(image.shape) > 1 and places.ndim == 2 and places.shape[1] == 2)
    need(np.all(abs(places) < 100))
    i, s, _ = mirrored(places[:, 0], image.shape[0])
    j, t, _ = mirrored(places[:, 1], image.shape[1])
    top = (1 - t) * image[i, j] + t * image[i, j + 1]
    return (1 - s) * top + s * ((1 - t) * image[i + 1, j] + t * image[i + 1, j + 1])


def sample_mirrored_back(g, y, image, places):
    i, s, si = mirrored(places[:, 0], image.shape[0])
    j, t, sj = mirrored(places[:, 1], image.shape[1])
    di = np.zeros(image.shape, image.dtype)
    for di_, wi in ((0, 1 - s), (1, s)):
        for dj_, wj in ((0, 1 - t), (1, t)):
            np.add.at(di, (i + di_, j + dj_), g * wi * wj)
    a, b, c, d = image[i, j], image[i, j + 1], image[i + 1, j], image[i + 1, j + 1]
    ds = g * si * ((1 - t) * (c - a) + t * (d - b))
    dt = g * sj * ((1 - s) * (b - a) + s * (d - c))
    return di, to(np.stack([ds, dt], axis=1), places)


def neighbours(c, size, dtype):
    gap = np.arange(c) - np.arange(c)[:, None]
    return ((gap >= -(size // 2)) & (gap <= size - 1 - size // 2)).astype(dtype)


def local_response(x, size):
    tame(x)
    whole(size, 1)
    need(x.ndim == 2)
    return x * (1 + 0.5 * (neighbours(len(x), size, x.dtype) @ (x * x))) ** -0.75


def local_response_back(g, y, x, size):
    near = neighbours(len(x), size, x.dtype)
    s = 1 + 0.5 * (near @ (x * x))
    return to(g * s**-0.75 - 0.75 * x * (near.T @ (g * x * s**-1.75)), x), None


def excite(x, w, v):
    tame(x, w, v)
    need(x.ndim == w.ndim == v.ndim == 2 and x.shape[1] and w.shape == v.shape[::-1] and w.shape[1] == len(x))
    return x * gate(v @ np.maximum(w @ x.mean(axis=1), 0))[:, None]


def excite_back(g, y, x, w, v):
    m = x.mean(axis=1)
    h = w @ m
    r = np.maximum(h, 0)
    z = v @ r
    s = gate(z)
    dz = (g * x).sum(axis=1) * s * gate(-z)
    dh = (v.T @ dz) * (h > 0)
    dx = g * s[:, None] + (w.T @ dh)[:, None] / x.shape[1]
    return to(dx, x), to(np.outer(dh, m), w), to(np.outer(dz, r), v)


def rms_norm(x, w, plus_one):
    tame(x, w)
    need(x.ndim and w.shape == x.shape[-1:] and w.size and isinstance(plus_one, bool))
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-6) * (1 + w if plus_one else w)


def rms_norm_back(g, y, x, w, plus_one):
    inv = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-6)
    n = x * inv
    gw = g * (1 + w if plus_one else w)
    dw = (g * n).reshape(-1, w.size).sum(axis=0)
    return to(inv * (gw - n * (gw * n).mean(axis=-1, keepdims=True)), x), to(dw, w), None


def norm_over(x, axes):
    tame(x)
    need(isinstance(axes, tuple) and x.size)
    m = x - x.mean(axis=axes, keepdims=True)
    return m / np.sqrt((m * m).mean(axis=axes, keepdims=True) + 1e-3)


def norm_over_back(g, y, x, axes):
    m = x - x.mean(axis=axes, keepdims=True)
    inv = 1 / np.sqrt((m * m).mean(axis=axes, keepdims=True) + 1e-3)
    n = m * inv
    dn = g - g.mean(axis=axes, keepdims=True) - n * (g * n).mean(axis=axes, keepdims=True)
    return to(inv * dn, x), None


def instance_norm(x, scale, shift):
    need(x.ndim == 3 and scale.shape == shift.shape == x.shape[1:2])
    floats(x, scale, shift)
    return norm_over(x, (2,)) * scale[:, None] + shift[:, None]


def instance_norm_back(g, y, x, scale, shift):
    dx = norm_over_back(g * scale[:, None], None, x, (2,))[0]
    return dx, to((g * norm_over(x, (2,))).sum(axis=(0, 2)), scale), to(g.sum(axis=(0, 2)), shift)


ok("transposed convolution of channels", conv_transposed, conv_transposed_back, normal(2, 4), normal(2, 3, 3), 2)
ok("depthwise convolution on a ring", depthwise_ring, depthwise_ring_back, normal(2, 6), normal(2, 3), 2)
ok("average pool, margin not counted", pool_uncounted, pool_uncounted_back, normal(7), 3, 2, 1)
ok("max pool that returns its places", pool_with_places, pool_with_places_back, normal(5, 6), 2, 2)
ok("pixel shuffle", pixel_shuffle, pixel_shuffle_back, normal(8, 2, 3), 2)
ok("resized line, corners aligned or not", resize, resize_back, normal(2, 5), 8, False)
ok("picture sampled with mirrors", sample_mirrored, sample_mirrored_back, normal(4, 5), 2 * normal(6, 2) + 1.5)
ok("local response over channels", local_response, local_response_back, normal(5, 3), 3)
ok("squeeze and excite", excite, excite_back, normal(4, 5), normal(2, 4), normal(4, 2))
ok("root mean square norm", rms_norm, rms_norm_back, normal(3, 5), normal(5, seed=1), False)
ok("norm over chosen axes", norm_over, norm_over_back, normal(2, 3, 4), (-1, 1))
ok("instance norm with scale and shift", instance_norm, instance_norm_back, normal(2, 3, 4), normal(3), normal(3))
