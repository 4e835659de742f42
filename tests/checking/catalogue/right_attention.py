"""Right layers of nets: attention, embeddings, recurrences, cumulative operations and wrappers."""

import numpy as np

from .entries import need, normal, ok, uniform
from .right_layers import floats, gate, tame, tanh_slope, to, whole


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def earlier(q, k):
    """Which keys come no later than a query, the last of both at one time."""
    return np.arange(len(k)) <= np.arange(len(q))[:, None] + len(k) - len(q)


def capped(q, k, v):
    tame(q, k, v)
    need(q.ndim == k.ndim == v.ndim == 2 and q.shape[1] == k.shape[1] > 0)
    need(len(k) == len(v) >= len(q) > 0)
    return capped_weights(q, k) @ v


def capped_weights(q, k):
    s = 4 * np.tanh(q @ k.T * (0.25 * q.shape[1] ** -0.5))
    return softmax(np.where(earlier(q, k), s, -np.inf))


def capped_back(g, y, q, k, v):
    scale = q.shape[1] ** -0.5
    p, slope = capped_weights(q, k), tanh_slope(q @ k.T * (0.25 * scale))
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * slope * scale
    return to(ds @ k, q), to(ds.T @ q, k), to(p.T @ g, v)


def grouped(q, k, v):
    tame(q, k, v)
    need(q.ndim == k.ndim == v.ndim == 3 and q.shape[2] == k.shape[2] > 0 and k.shape[:2] == v.shape[:2])
    need(len(k) and len(q) and k.shape[1] and len(q) % len(k) == 0)
    times = len(q) // len(k)
    k, v = np.repeat(k, times, axis=0), np.repeat(v, times, axis=0)
    return softmax(q @ k.transpose(0, 2, 1) * q.shape[2] ** -0.5) @ v


def grouped_back(g, y, q, k, v):
    times, scale = len(q) // len(k), q.shape[2] ** -0.5
    kk, vv = np.repeat(k, times, axis=0), np.repeat(v, times, axis=0)
    p = softmax(q @ kk.transpose(0, 2, 1) * scale)
    dp = g @ vv.transpose(0, 2, 1)
    ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * scale
    dk, dv = ds.transpose(0, 2, 1) @ q, p.transpose(0, 2, 1) @ g
    return to(ds @ kk, q), *(to(d.reshape(len(k), times, *d.shape[1:]).sum(axis=1), k) for d in (dk, dv))


def additive_parts(q, k, u, mask):
    t = np.tanh(q[:, None] + k)
    s = np.where(mask, t @ u, -np.inf)
    e = np.where(mask, np.exp(s - np.where(mask.any(axis=1), s.max(axis=1), 0)[:, None]), 0)
    total = e.sum(axis=1, keepdims=True)
    return t, e / np.where(total > 0, total, 1)


def additive(q, k, u, v, mask):
    tame(q, k, u, v)
    need(q.ndim == k.ndim == v.ndim == 2 and q.shape[1:] == k.shape[1:] == u.shape and len(k) == len(v) > 0)
    need(isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == (len(q), len(k)))
    return additive_parts(q, k, u, mask)[1] @ v


def additive_back(g, y, q, k, u, v, mask):
    t, p = additive_parts(q, k, u, mask)
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(axis=1, keepdims=True))
    dt = ds[..., None] * u * tanh_slope(q[:, None] + k)
    return to(dt.sum(axis=1), q), to(dt.sum(axis=0), k), to(np.einsum("qk,qkd->d", ds, t), u), to(p.T @ g, v), None


def kept_rows(table, ids, padding):
    return ids % len(table) != padding % len(table)


def embed(table, ids, padding):
    floats(table)
    whole(padding)
    need(table.ndim == 2 and isinstance(ids, np.ndarray) and ids.dtype.kind == "i" and -len(table) <= padding)
    need(padding < len(table))
    return table[ids] * kept_rows(table, ids, padding)[..., None]


def embed_back(g, y, table, ids, padding):
    dt = np.zeros(table.shape, table.dtype)
    np.add.at(dt, ids, g * kept_rows(table, ids, padding)[..., None])
    return dt, None, None


def gru_steps(x, h, w, u, n):
    """States, gates and candidates of the first n steps."""
    d, seen = h.size, []
    for row in x[:n]:
        a, b = w @ row, u @ h
        s, t = a[:d] + b[:d], a[d : 2 * d] + b[d : 2 * d]
        c = a[2 * d :] + gate(t) * b[2 * d :]
        seen.append((h, s, t, c, b[2 * d :]))
        h = gate(s) * h + gate(-s) * np.tanh(c)
    return h, seen


def gru(x, h, w, u, n):
    tame(x, h, w, u)
    whole(n, 0)
    need(x.ndim == w.ndim == u.ndim == 2 and h.ndim == 1 and n <= len(x))
    need(w.shape == (3 * h.size, x.shape[1]) and u.shape == (3 * h.size, h.size))
    return +gru_steps(x, h, w, u, n)[0]


def gru_back(g, y, x, h, w, u, n):
    dx, dw, du, dh = np.zeros(x.shape, x.dtype), np.zeros(w.shape, w.dtype), np.zeros(u.shape, u.dtype), +g
    for k, (before, s, t, c, b) in reversed(list(enumerate(gru_steps(x, h, w, u, n)[1]))):
        dc = dh * gate(-s) * tanh_slope(c)
        ds, dt = dh * (before - np.tanh(c)) * gate(s) * gate(-s), dc * b * gate(t) * gate(-t)
        da, db = np.concatenate([ds, dt, dc]), np.concatenate([ds, dt, dc * gate(t)])
        dx[k] = w.T @ da
        dw += np.outer(da, x[k])
        du += np.outer(db, before)
        dh = dh * gate(s) + u.T @ db
    return dx, to(dh, h), dw, du, None


def bounded(x, axis):
    return np.all(np.cumprod(np.maximum(np.abs(x), 1), axis=axis) < np.finfo(x.dtype).max ** 0.5)


def recurrence(a, b, start):
    floats(a, b, start)
    need(a.ndim >= 1 and a.shape == b.shape and start.shape == a.shape[1:] and bounded(a, 0))
    y, h = np.empty(a.shape, a.dtype), start
    for k in range(len(a)):
        y[k] = h = a[k] * h + b[k]
    return y


def recurrence_back(g, y, a, b, start):
    da, db, carry = np.zeros(a.shape, a.dtype), np.zeros(b.shape, b.dtype), np.zeros(start.shape, start.dtype)
    for k in range(len(a) - 1, -1, -1):
        db[k] = carry = g[k] + carry
        da[k] = carry * (y[k - 1] if k else start)
        carry = carry * a[k]
    return da, db, np.asarray(carry)


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


def swish_gate(x, w, v, u):
    tame(x, w, v, u)
    need(x.ndim == w.ndim == v.ndim == u.ndim == 2 and w.shape == v.shape and x.shape[1] == len(w))
    need(w.shape[1] == len(u))
    a = x @ w
    return (a * gate(a) * (x @ v)) @ u


def swish_gate_back(g, y, x, w, v, u):
    a, b = x @ w, x @ v
    s = gate(a)
    dm = g @ u.T
    da, db = dm * b * (s + a * s * gate(-a)), dm * a * s
    return to(da @ w.T + db @ v.T, x), to(x.T @ da, w), to(x.T @ db, v), to((a * s * b).T @ g, u)


def top_values(x, k, axis):
    floats(x)
    whole(k, 1)
    whole(axis)
    need(x.ndim and -x.ndim <= axis < x.ndim and k <= x.shape[axis])
    order = np.take(np.argsort(-x, axis=axis, kind="stable"), np.arange(k), axis=axis)
    return np.take_along_axis(x, order, axis=axis), order


def top_values_back(g, y, x, k, axis):
    dx = np.zeros(x.shape, x.dtype)
    np.put_along_axis(dx, y[1], g[0], axis=axis)
    return dx, None, None


def product_before(x, axis, backwards):
    floats(x)
    whole(axis)
    need(x.ndim and -x.ndim <= axis < x.ndim and isinstance(backwards, bool) and bounded(x, axis))
    t = np.flip(x, axis) if backwards else x
    t = np.moveaxis(t, axis, 0)
    y = np.ones(t.shape, x.dtype)
    y[1:] = np.cumprod(t[:-1], axis=0)
    y = np.moveaxis(y, 0, axis)
    return np.flip(y, axis) if backwards else y


def product_before_back(g, y, x, axis, backwards):
    g, y, t = (np.moveaxis(np.flip(a, axis) if backwards else a, axis, 0) for a in (g, y, x))
    dx, after = np.zeros(t.shape, x.dtype), np.zeros(t.shape[1:], x.dtype)
    for k in range(len(t) - 2, -1, -1):
        after = g[k + 1] + (after * t[k + 1])
        dx[k] = y[k] * after
    dx = np.moveaxis(dx, 0, axis)
    return np.flip(dx, axis) if backwards else dx, None, None


def lowest_so_far(x, axis):
    floats(x)
    whole(axis)
    need(x.ndim and -x.ndim <= axis < x.ndim)
    return np.minimum.accumulate(x, axis=axis)


def lowest_so_far_back(g, y, x, axis):
    g, y, t = (np.moveaxis(a, axis, 0) for a in (g, y, x))
    dx, carry = np.zeros(t.shape, x.dtype), np.zeros(t.shape[1:], x.dtype)
    for k in range(len(t) - 1, -1, -1):
        carry = carry + g[k]
        here = t[k] == y[k] if k == 0 else t[k] < y[k - 1]
        dx[k] = np.where(here, carry, 0)
        carry = np.where(here, 0, carry)
    return np.moveaxis(dx, 0, axis), None


def einsum_pair(pattern, a, b):
    floats(a, b)
    left, out = pattern.split("->")
    one, two = left.split(",")
    need(all(len(set(s)) == len(s) for s in (one, two, out)) and (one + two + out).isalpha())
    need(len(one) == a.ndim and len(two) == b.ndim)
    sizes = dict(zip(one, a.shape, strict=True))
    need(all(sizes.get(s, n) == n for s, n in zip(two, b.shape, strict=True)))
    return np.einsum(pattern, a, b)


def einsum_pair_back(g, y, pattern, a, b):
    left, out = pattern.split("->")
    one, two = left.split(",")

    def grad(like, mine, other, theirs):
        got = [s for s in mine if s in out + theirs]
        d = np.einsum(f"{out},{theirs}->{''.join(got)}", g, other)
        lone = tuple(k for k, s in enumerate(mine) if s not in got)
        return to(np.broadcast_to(np.expand_dims(d, lone), like.shape), like)

    return None, grad(a, one, b, two), grad(b, two, a, one)


Q, K, V = normal(3, 4), normal(5, 4, seed=1), normal(5, 2, seed=2)
MASK = np.array([[True, False, True, True, False], [False] * 5, [True] * 5])

ok("causal attention with capped scores", capped, capped_back, Q, K, V)
ok("attention whose heads share keys", grouped, grouped_back, normal(4, 3, 2), normal(2, 5, 2), normal(2, 5, 3))
ok("additive attention, rows without keys", additive, additive_back, Q, K, normal(4), V, MASK)
ok("embedding with a row for padding", embed, embed_back, normal(5, 3), np.array([[0, 2, 2], [4, -1, 1]]), 2)
ok("gru stopped at a length", gru, gru_back, normal(4, 3), normal(2), normal(6, 3), normal(6, 2), 3)
ok("linear recurrence with a start", recurrence, recurrence_back, normal(5, 2), normal(5, 2, seed=1), normal(2))
ok(
    "rotary for a part of the features",
    rotary,
    lambda g, y, x, places, part: (turn(g, places, part, -1), None, None),
    normal(4, 6),
    np.array([3, 0, 1, 7]),
    4,
)
ok("feed-forward with a swish gate", swish_gate, swish_gate_back, Q, normal(4, 3), normal(4, 3, seed=1), normal(3, 2))
ok("top values along an axis", top_values, top_values_back, normal(4, 5), 3, -1)
ok("product of the elements before", product_before, product_before_back, normal(3, 4), 1, False)
ok("lowest so far", lowest_so_far, lowest_so_far_back, normal(6, 2), 0)
ok("einsum of two by a pattern", einsum_pair, einsum_pair_back, "bij,jk->bk", normal(2, 3, 4), uniform(4, 3))
